"""A bound on the work of parsing TOML from outside: service files, lists of registers, settings."""

from __future__ import annotations

MAX_LINE_DOTS = 300
"""Dots in a line of TOML. `tomllib` copies a dotted key whole for each of its parts: a key of 8,000 parts takes
seconds, one of 100,000 takes all memory."""


def overdotted_line(text: str) -> int:
    """The number of the first line with more than `MAX_LINE_DOTS` dots; 0 when there is none."""
    for number, line in enumerate(text.split("\n"), start=1):
        if line.count(".") > MAX_LINE_DOTS:
            return number
    return 0
