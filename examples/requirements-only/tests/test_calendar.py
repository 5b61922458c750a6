"""The months of a leap year, and proof that the extra was installed."""

import datetime
import importlib
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

from calendar_page import days, user_agent


def test_february_of_a_leap_year_has_29_days():
    assert len(days(datetime.date(2024, 2, 11))) == 29


def test_the_socks_extra_is_there():
    assert importlib.import_module("socks")
    assert user_agent().startswith("python-requests/")
