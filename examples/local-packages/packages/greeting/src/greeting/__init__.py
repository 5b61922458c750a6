"""A greeting for the time of day. Installed editable: a change here is seen at once."""

from clock import part_of_day


def greeting(text: str) -> str:
    return f"Good {part_of_day(text)}!"


def main() -> None:
    print(greeting("09:00"))
