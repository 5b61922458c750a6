"""Parts of the day."""

from dateutil import parser


def part_of_day(text: str) -> str:
    hour = parser.parse(text).hour
    return "morning" if hour < 12 else "afternoon" if hour < 18 else "evening"
