"""The service: `wharf run -- uvicorn app.main:app`, or `wharf run -- python -m app.main --once` to see it answer."""

import sys
import threading
import time
import urllib.request

import uvicorn
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

app = FastAPI(title="Shelf")


class Book(BaseModel):
    """A book as it is put on the shelf."""

    title: str = Field(min_length=1)
    pages: int = Field(gt=0)


_books: dict[int, Book] = {}


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/books", status_code=201)
def add(book: Book) -> dict[str, int]:
    number = len(_books) + 1
    _books[number] = book
    return {"number": number}


@app.get("/books/{number}")
def read(number: int) -> Book:
    if number not in _books:
        raise HTTPException(status_code=404, detail=f"no book {number}")
    return _books[number]


def answer_once(port: int = 8765) -> str:
    """Start the service, ask it how it is, and stop it."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as reply:
        body = reply.read().decode()
    server.should_exit = True
    thread.join(timeout=5)
    return body


if __name__ == "__main__":
    if "--once" in sys.argv:
        print(answer_once())
    else:
        uvicorn.run(app, host="127.0.0.1", port=8000)
