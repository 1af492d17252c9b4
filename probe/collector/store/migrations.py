"""The numbered SQL files that make an engine's tables, `migrations/0001_begin.sql` and so on, and their statements."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import resources


def migrations_in(package: str) -> list[tuple[int, str]]:
    """The migrations that an engine's package ships as (number, SQL), in order."""
    folder = resources.files(package) / "migrations"
    found = [item for item in folder.iterdir() if item.name.endswith(".sql")]
    return sorted((int(item.name[:4]), item.read_text(encoding="utf-8")) for item in found)


def statements(text: str, is_complete: Callable[[str], bool]) -> Iterator[str]:
    """The statements of an SQL script, one by one.

    Args:
        text: the script; a statement ends at the end of a line.
        is_complete: whether a text has a whole statement.
    """
    pending = ""
    for line in text.splitlines(keepends=True):
        pending += line
        if is_complete(pending):
            yield pending
            pending = ""
