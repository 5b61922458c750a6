"""Prints the days of a month; the session shows that the libraries work together."""

import datetime

import requests
from dateutil.relativedelta import relativedelta
from rich.console import Console
from rich.table import Table


def days(month: datetime.date) -> list[datetime.date]:
    first = month.replace(day=1)
    count = (first + relativedelta(months=1) - first).days
    return [first + datetime.timedelta(days=number) for number in range(count)]


def user_agent() -> str:
    return requests.Session().headers["User-Agent"]


if __name__ == "__main__":
    table = Table(title=f"{datetime.date.today():%B %Y}")
    table.add_column("day")
    for day in days(datetime.date.today()):
        table.add_row(f"{day:%a %d}")
    Console().print(table)
