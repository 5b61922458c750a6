"""Puts the project on the path, so that `pytest` finds `app` from anywhere."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))
