"""The service as the front end sees it."""

from fastapi.testclient import TestClient

from app.main import app


def test_the_books_are_those_that_the_front_end_shows():
    books = TestClient(app).get("/api/books").json()
    assert [book["title"] for book in books] == ["Dead Souls", "Oblomov"]
    assert all(book["pages"] > 0 for book in books)
