"""The service and, once it is built, its front end. `python -m app.main --once` starts it, asks it and stops it."""

import json
import pathlib
import sys
import threading
import time
import urllib.request

import uvicorn
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel

FRONT_END = pathlib.Path(__file__).parent.parent / "dist"

app = FastAPI(title="Shelf")


class Book(BaseModel):
    """A book on the shelf."""

    title: str
    pages: int


@app.get("/api/books")
def books() -> list[Book]:
    return [Book(title="Dead Souls", pages=432), Book(title="Oblomov", pages=576)]


if FRONT_END.is_dir():
    app.mount("/", StaticFiles(directory=FRONT_END, html=True))


def answer_once(port: int = 8766) -> str:
    """Start the service, ask for the books and for the front end with its script, and stop."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)

    def get(path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as reply:
            return reply.read().decode()

    found = json.loads(get("/api/books"))
    page = get("/")
    script = page.split('src="', 1)[1].split('"', 1)[0]
    size = len(get(script))
    server.should_exit = True
    thread.join(timeout=5)
    return f"{len(found)} books from the service, a front end of {size} characters"


if __name__ == "__main__":
    if "--once" in sys.argv:
        print(answer_once())
    else:
        uvicorn.run(app, host="127.0.0.1", port=8000)
