"""Both packages, and where each is imported from."""

import pathlib

import clock
import greeting

HERE = pathlib.Path(__file__).resolve().parent.parent


def test_the_greeting_follows_the_clock():
    assert greeting.greeting("20:15") == "Good evening!"


def test_the_editable_package_is_imported_from_its_directory_and_the_other_is_not():
    assert pathlib.Path(greeting.__file__).is_relative_to(HERE / "packages")
    assert not pathlib.Path(clock.__file__).is_relative_to(HERE / "packages")
