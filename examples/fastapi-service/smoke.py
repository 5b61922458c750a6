"""Starts the service on a free port, asks it once, prints the answer, stops it."""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(url: str, patience: float = 20.0) -> bytes:
    deadline = time.monotonic() + patience
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.read()
        except (urllib.error.URLError, ConnectionError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def main() -> None:
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "app.main:app", "--port", str(port), "--log-level", "warning"]
    service = subprocess.Popen(command)
    try:
        schema = json.loads(ask(f"http://127.0.0.1:{port}/openapi.json"))
        print(f"{schema['info']['title']} answers on port {port}; it has {', '.join(sorted(schema['paths']))}")
    finally:
        service.terminate()
        service.wait(timeout=10)


if __name__ == "__main__":
    main()
