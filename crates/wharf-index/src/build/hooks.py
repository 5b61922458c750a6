"""Calls one PEP 517 or PEP 660 hook of a build backend.

Usage: python hooks.py REQUEST.json ANSWER.json, in the source tree. The answer goes to a file, because backends print.
"""

import importlib
import json
import os
import sys
import traceback


def load(name, backend_path):
    module, _, attribute = name.partition(":")
    here = [os.path.abspath(entry) for entry in backend_path]
    sys.path[:0] = here
    backend = importlib.import_module(module)
    if here:
        # PEP 517: with backend-path, the backend has to come from there.
        where = os.path.abspath(getattr(backend, "__file__", None) or "")
        if not any(where.startswith(os.path.join(entry, "")) for entry in here):
            raise ImportError("the backend %s was found outside of backend-path (%s)" % (module, where))
    for part in filter(None, attribute.split(".")):
        backend = getattr(backend, part)
    return backend


def call(backend, request):
    hook, folder = request["hook"], request.get("folder")
    settings = request.get("config_settings")
    function = getattr(backend, hook, None)
    if function is None:
        # Optional hooks: nothing to require, no shortcut to the metadata.
        return {"missing": True}
    if hook.startswith("get_requires_for_"):
        return {"requires": list(function(settings))}
    return {"name": function(folder, settings)}


def main():
    # The folder of this script is no place to import from.
    del sys.path[0]
    with open(sys.argv[1], encoding="utf-8") as file:
        request = json.load(file)
    sys.argv[1:] = []
    try:
        answer = call(load(request["backend"], request["backend_path"]), request)
    except BaseException as error:
        traceback.print_exc()
        answer = {"error": "%s: %s" % (type(error).__name__, error)}
    sys.stdout.flush()
    sys.stderr.flush()
    with open(request["answer"], "w", encoding="utf-8") as file:
        json.dump(answer, file)
    # Threads and exit handlers of a backend must not turn a finished build into a failed one.
    os._exit(1 if "error" in answer else 0)


main()
