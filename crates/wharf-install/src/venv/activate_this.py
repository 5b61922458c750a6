"""Enters the Python environment beside this file from a Python that already runs, for embedders:
`exec(open(path).read(), {"__file__": path})`. Written anew by every `wharf sync`.
"""

import os
import site
import sys

_bin = os.path.dirname(os.path.abspath(__file__))
_root = os.path.dirname(_bin)
_site = os.path.join(_root, *"@SITE@".split("/"))

os.environ["PATH"] = os.pathsep.join([_bin] + [entry for entry in [os.environ.get("PATH")] if entry])
os.environ["VIRTUAL_ENV"] = _root
os.environ["VIRTUAL_ENV_PROMPT"] = @PROMPT@

# addsitedir appends; the environment's packages must win over those that are there already.
_before = len(sys.path)
site.addsitedir(_site)
sys.path[:] = sys.path[_before:] + sys.path[:_before]
sys.real_prefix = sys.prefix
sys.prefix = _root
