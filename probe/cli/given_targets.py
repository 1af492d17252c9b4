"""The targets that a command is given, as arguments and in list files."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from probe.cli import say
from probe.errors import ListError, UsageError
from probe.lazy import lazy
from probe.model.target import Target, parse

if TYPE_CHECKING:
    from probe.agent import watchlist
    from probe.lists import lines
else:
    watchlist, lines = lazy("probe.agent.watchlist"), lazy("probe.lists.lines")

MAX_SHOWN_BAD_LINES = 50
"""Bad lines that are printed; the others are counted."""


class GatheredTargets:
    """Targets from arguments and lists.

    Args:
        targets: text and target, in order, with repetitions.
        bad_rows: rows of lists that are no target; they were printed and skipped.
    """

    def __init__(self, targets: tuple[tuple[str, Target], ...], bad_rows: int = 0) -> None:
        self.targets = targets
        self.bad_rows = bad_rows


def gather_targets(words: Iterable[str], files: Sequence[str]) -> GatheredTargets:
    """Read every argument and list entry. A bad row of a list is printed, counted and skipped (contract: Lists).

    Args:
        words: targets given as arguments.
        files: paths of lists; `-` is standard input.

    Raises:
        ListError: a file cannot be read.
        TargetError: an argument is no target.
        UsageError: there is no target at all.
    """
    found = [(word.strip(), parse(word)) for word in words]
    faults: list[str] = []
    for name in files:
        for line in _lines_of(name):
            if isinstance(line, lines.BadRow):
                faults.append(f"{name}:{line.line}: {line.what}")
            else:
                found.append((line.target, parse(line.target)))
    for fault in faults[:MAX_SHOWN_BAD_LINES]:
        say(fault)
    if len(faults) > MAX_SHOWN_BAD_LINES:
        say(f"and {len(faults) - MAX_SHOWN_BAD_LINES} more bad lines")
    if not found:
        raise UsageError("no targets", where=", ".join(files), mend="name some, or give a list with --targets FILE")
    return GatheredTargets(tuple(found), len(faults))


def _lines_of(name: str) -> Iterator[lines.ListEntry | lines.BadRow]:
    try:
        if name == "-":
            yield from watchlist.lines_of_list(sys.stdin.buffer, name)
            return
        with open(name, "rb") as stream:  # noqa: PTH123 - pathlib is not needed for one file
            yield from watchlist.lines_of_list(stream, name)
    except OSError as error:
        raise ListError(f"cannot be read: {error.strerror}", where=name, mend="name another list") from error
