"""Notes with a text and a time."""
