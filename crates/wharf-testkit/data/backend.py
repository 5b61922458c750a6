"""A build backend (PEP 517 and PEP 660) small enough to live inside every source distribution of the testkit.

It packs the directory `src/` into a wheel. Everything it needs is in `backend.json` beside it.
"""

import base64
import hashlib
import json
import os
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))


def _settings():
    with open(os.path.join(HERE, "backend.json"), encoding="utf-8") as handle:
        return json.load(handle)


def _require(settings):
    if settings.get("fails"):
        raise RuntimeError(settings["fails"])
    for module in settings.get("imports", []):
        __import__(module)


def _dist_info(settings):
    return "{}-{}.dist-info".format(settings["wheel_name"], settings["version"])


def get_requires_for_build_wheel(config_settings=None):
    return _settings().get("hook_requires", [])


def get_requires_for_build_editable(config_settings=None):
    return _settings().get("hook_requires", [])


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    settings = _settings()
    _require(settings)
    name = _dist_info(settings)
    os.makedirs(os.path.join(metadata_directory, name))
    with open(os.path.join(metadata_directory, name, "METADATA"), "w", encoding="utf-8") as handle:
        handle.write(settings["metadata"])
    return name


def _pack(directory, settings, files):
    filename = "{}-{}-py3-none-any.whl".format(settings["wheel_name"], settings["version"])
    info = _dist_info(settings)
    files = dict(files)
    files[info + "/METADATA"] = settings["metadata"].encode()
    files[info + "/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: testkit\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    if settings.get("entry_points"):
        files[info + "/entry_points.txt"] = settings["entry_points"].encode()
    rows = []
    with zipfile.ZipFile(os.path.join(directory, filename), "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(files):
            archive.writestr(zipfile.ZipInfo(path), files[path])
            digest = base64.urlsafe_b64encode(hashlib.sha256(files[path]).digest()).rstrip(b"=").decode()
            rows.append("{},sha256={},{}\n".format(path, digest, len(files[path])))
        rows.append(info + "/RECORD,,\n")
        archive.writestr(zipfile.ZipInfo(info + "/RECORD"), "".join(rows))
    return filename


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    settings = _settings()
    _require(settings)
    files = {}
    root = os.path.join(HERE, "src")
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as handle:
                files[os.path.relpath(path, root).replace(os.sep, "/")] = handle.read()
    return _pack(wheel_directory, settings, files)


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    settings = _settings()
    _require(settings)
    path = os.path.join(HERE, "src")
    return _pack(wheel_directory, settings, {"__editable__{}.pth".format(settings["wheel_name"]): (path + "\n").encode()})


def build_sdist(sdist_directory, config_settings=None):
    raise RuntimeError("the testkit's backend builds no source distributions")
