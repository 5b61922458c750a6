"""Proves that an environment runs. Started by tests/live.rs with the environment's own Python.

Every module that a distribution installs at its top is imported in a fresh interpreter, every console script is started with
--help, every file is compared with its RECORD, and nothing may lie in site-packages that no RECORD names. What fails is printed,
one line each, unless a pattern on the command line says that the package itself cannot do it.
"""

import base64
import concurrent.futures
import fnmatch
import hashlib
import importlib.machinery
import importlib.metadata
import os
import pathlib
import subprocess
import sys
import sysconfig
import tempfile

SITES = {pathlib.Path(sysconfig.get_path(kind)).resolve() for kind in ("purelib", "platlib")}
SCRIPTS = pathlib.Path(sysconfig.get_path("scripts"))
SUFFIXES = sorted(importlib.machinery.all_suffixes(), key=len, reverse=True)
PATIENCE = 45


def modules(distribution):
    """The shortest dotted names below which everything of the distribution lies."""
    files = [pathlib.PurePosixPath(str(file)) for file in distribution.files or []]
    packages = {file.parent for file in files if file.name.startswith("__init__.") and importable(file)}
    found = set()
    for file in files:
        if not importable(file) or ".." in file.parts or "__pycache__" in file.parts:
            continue
        parents = [parent for parent in reversed(file.parents) if parent.parts]
        top = next((parent for parent in parents if parent in packages), None)
        parts = top.parts if top else file.parent.parts + (stem(file),)
        if all(part.isidentifier() for part in parts) and (top or len(parts) == 1):
            found.add(".".join(parts))
    return found


def importable(file):
    return any(file.name.endswith(suffix) for suffix in SUFFIXES) and not file.name.endswith(".pyc")


def stem(file):
    return next(file.name[: -len(suffix)] for suffix in SUFFIXES if file.name.endswith(suffix))


def run(command):
    """The reason why the command does not start, or None."""
    with tempfile.TemporaryDirectory() as home:
        quiet = {"HOME": home, "MPLBACKEND": "agg", "AIRFLOW_HOME": home, "NO_COLOR": "1", "PAGER": "cat"}
        try:
            done = subprocess.run(
                command,
                cwd=home,
                env={**os.environ, **quiet},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                timeout=PATIENCE,
            )
        except subprocess.TimeoutExpired:
            return None  # it runs, and goes on running
        except OSError as error:
            return str(error)
    errors = done.stderr.decode(errors="replace").strip()
    if done.returncode < 0:
        return f"killed by signal {-done.returncode}"
    if "Traceback" in errors:
        return errors.splitlines()[-1]
    return None


def imported(name):
    command = [sys.executable, "-W", "ignore", "-c", f"import {name}"]
    reason = run(command)
    return None if reason is None else f"import {name}: {reason}"


def started(script):
    reason = run([str(script), "--help"])
    return None if reason is None else f"script {script.name}: {reason}"


def recorded(distribution):
    """Yields what differs between a distribution's RECORD and the disk."""
    name = distribution.metadata["Name"]
    if distribution.files is None:
        yield f"record {name}: none"
    for file in distribution.files or []:
        path = pathlib.Path(distribution.locate_file(file))
        if not path.exists():
            yield f"record {name}: {file} is missing"
        elif file.hash is not None:
            digest = hashlib.new(file.hash.mode, path.read_bytes()).digest()
            if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != file.hash.value:
                yield f"record {name}: {file} differs"


def strangers(distributions):
    """Yields files in site-packages that belong to no distribution."""
    known = {os.path.realpath(str(d.locate_file(file))) for d in distributions for file in d.files or []}
    for site in SITES:
        for path in site.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts and os.path.realpath(path) not in known:
                yield f"stranger {path.relative_to(site)}"


def main(excused):
    distributions = list(importlib.metadata.distributions(path=[str(site) for site in SITES]))
    names = sorted(set().union(*(modules(distribution) for distribution in distributions)))
    points = {p.name for d in distributions for p in d.entry_points if p.group in ("console_scripts", "gui_scripts")}
    scripts = [SCRIPTS / name for name in sorted(points)]
    failures = [line for distribution in distributions for line in recorded(distribution)]
    failures += strangers(distributions)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        failures += filter(None, pool.map(imported, names))
        failures += filter(None, pool.map(started, scripts))
    failures = [line for line in failures if not any(fnmatch.fnmatch(line, pattern) for pattern in excused)]
    print(f"{len(distributions)} distributions, {len(names)} modules, {len(scripts)} scripts")
    for line in failures:
        print(line, file=sys.stderr)
    return 1 if failures else 0


sys.exit(main(sys.argv[1:]))
