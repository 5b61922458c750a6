"""The service and, once it is built, its front end. `python -m app.main --once` starts it behind nginx, asks it and stops it."""

import contextlib
import json
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel

FRONT_END = pathlib.Path(__file__).parent.parent / "dist"

# nginx as any user: everything that it writes lies in one folder.
NGINX = """
daemon off;
pid {folder}/pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{front};
        location / {{ proxy_pass http://127.0.0.1:{service}; }}
    }}
}}
"""

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


@contextlib.contextmanager
def nginx(front: int, service: int) -> Iterator[None]:
    """Run nginx in front of the service."""
    with tempfile.TemporaryDirectory() as folder:
        configuration = pathlib.Path(folder) / "nginx.conf"
        configuration.write_text(NGINX.format(folder=folder, front=front, service=service))
        process = subprocess.Popen(["nginx", "-e", "stderr", "-c", str(configuration)])
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=10)


def get(url: str) -> str:
    """Ask until somebody listens."""
    deadline = time.monotonic() + 10
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as reply:
                return reply.read().decode()
        except urllib.error.HTTPError:
            raise
        except urllib.error.URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def answer_once(port: int = 8766) -> str:
    """Start the service behind nginx, ask for the books and for the front end with its script, and stop."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    get(f"http://127.0.0.1:{port}/api/books")
    with nginx(port + 1, port):
        front = f"http://127.0.0.1:{port + 1}"
        found = json.loads(get(f"{front}/api/books"))
        page = get(f"{front}/")
        script = page.split('src="', 1)[1].split('"', 1)[0]
        size = len(get(front + script))
    server.should_exit = True
    thread.join(timeout=5)
    return f"{len(found)} books from the service behind nginx, a front end of {size} characters"


if __name__ == "__main__":
    if "--once" in sys.argv:
        print(answer_once())
    else:
        uvicorn.run(app, host="127.0.0.1", port=8000)
