"""Targets from arguments, files and standard input, with every mistake named before anything is measured."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from probe.agent.watchlist import read_entries
from probe.cli import say
from probe.errors import ListError, TargetError, UsageError
from probe.model.target import Target, parse

SHOWN = 50
"""Bad lines that are named; of the others the number is said."""


def gather(words: Iterable[str], files: Iterable[str]) -> list[tuple[str, Target]] | None:
    """Text and target of everything given, repetitions included; None when something was bad and has been said.

    Args:
        words: targets as arguments.
        files: paths of lists; `-` is standard input.

    Raises:
        ListError: a file cannot be read or is not UTF-8.
        UsageError: no target at all.
    """
    found: list[tuple[str, Target]] = []
    faults: list[str] = []
    for word in words:
        try:
            found.append((word.strip(), parse(word)))
        except TargetError as error:
            faults.append(str(error))
    for name in files:
        entries, bad = read_entries(_content(name), name)
        found += [(entry.target, parse(entry.target)) for entry in entries]
        faults += [f"{name}:{line.line}: {line.what}" for line in bad]
    for fault in faults[:SHOWN]:
        say(fault)
    if len(faults) > SHOWN:
        say(f"and {len(faults) - SHOWN} more bad lines")
    if faults:
        return None
    if not found:
        raise UsageError("no targets", mend="name some, or give a list with --targets FILE")
    return found


def _content(name: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise ListError(f"cannot be read: {error.strerror}", where=name, mend="name another list") from error
