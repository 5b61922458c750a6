"""The service as a client sees it."""

from fastapi.testclient import TestClient

from app.main import app

client = TestClient(app)


def test_a_book_can_be_added_and_read():
    number = client.post("/books", json={"title": "Dead Souls", "pages": 432}).json()["number"]
    assert client.get(f"/books/{number}").json() == {"title": "Dead Souls", "pages": 432}


def test_a_book_without_pages_is_refused():
    assert client.post("/books", json={"title": "Nothing", "pages": 0}).status_code == 422


def test_a_book_that_is_not_there_is_missing():
    assert client.get("/books/999").status_code == 404
