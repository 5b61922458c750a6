"""The site as a browser sees it."""

import pytest


@pytest.mark.django_db
def test_a_note_is_listed_after_it_was_added(client):
    assert client.post("/add", {"text": "water the plants"}).status_code == 201
    assert client.get("/").json() == {"notes": ["water the plants"]}
