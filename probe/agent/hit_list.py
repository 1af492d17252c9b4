"""The hit list of a control agent: which addresses of each range have answered it.

It is kept beside the state, since it is a convenience: lost, it is found again by drawing. Vantages keep none; they are
given what answered in the control's newest verdict.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import msgspec

from probe.agent.identity import write_private_file
from probe.errors import TargetError
from probe.judge.control import hits
from probe.model.hop import Purpose
from probe.model.observation import Connection
from probe.model.target import RangeTarget, parse
from probe.model.verdict import Verdict

HIT_LIST_FILE = "ranges.json"
MAX_ADDRESSES_PER_RANGE = 4096
"""Addresses kept of one range."""
MAX_CONSECUTIVE_MISSES = 24
"""Looks in a row that an address may miss before it is forgotten: at one an hour a day."""

MissCounts = dict[str, dict[str, int]]


def read(folder: Path, ranges: Collection[str]) -> MissCounts:
    """The counts of these ranges; nothing where the file does not exist or is malformed.

    A range that has left the watchlist is forgotten, so that the file does not grow with every list that was ever used.
    """
    try:
        counts = msgspec.json.decode((folder / HIT_LIST_FILE).read_bytes(), type=MissCounts)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return {text: misses for text, misses in counts.items() if text in ranges}


def write(folder: Path, counts: MissCounts) -> None:
    """Keep them for the next start.

    Raises:
        StorageError: the file cannot be written.
    """
    write_private_file(folder / HIT_LIST_FILE, msgspec.json.encode(counts))


def updated(counts: Mapping[str, Mapping[str, int]], verdicts: Iterable[Verdict]) -> MissCounts:
    """The counts after a round. Pure."""
    found = {text: dict(known) for text, known in counts.items()}
    for verdict in verdicts:
        if not _is_range(verdict.target):
            continue
        observations = verdict.evidence.observations
        asked = {o.address for o in observations if isinstance(o, Connection) and o.purpose is Purpose.SUBJECT}
        answered = hits(observations)
        if not answered:
            continue  # nothing of it answered: rather our own line than every machine
        known = found.get(verdict.target, {})
        missed = {address: times + (address in asked) for address, times in known.items() if address not in answered}
        kept = {address: times for address, times in missed.items() if times < MAX_CONSECUTIVE_MISSES}
        found[verdict.target] = dict([*dict.fromkeys(answered, 0).items(), *kept.items()][:MAX_ADDRESSES_PER_RANGE])
    return found


def _is_range(text: str) -> bool:
    try:
        return isinstance(parse(text), RangeTarget)
    except TargetError:
        return False
