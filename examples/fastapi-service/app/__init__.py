"""A shelf of books over HTTP."""
