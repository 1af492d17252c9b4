"""Durations as a person writes them on the command line: `90s`, `30m`, `8h`, `7d`."""

from __future__ import annotations

import re
from datetime import timedelta

from probe.errors import UsageError

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_duration(text: str, option: str) -> timedelta:
    """The duration of a text like `24h`.

    Args:
        text: a whole number above 0 and a unit.
        option: the option that has it, for the error message.

    Raises:
        UsageError: the text has another form.
    """
    match = re.fullmatch(r"([0-9]{1,6})([smhd])", text)
    if match is None or int(match[1]) == 0:
        raise UsageError(f"{text!r} is no time", where=option, mend="write 90s, 30m, 24h or 7d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})
