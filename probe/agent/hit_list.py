"""The hit list of a control agent: the addresses of each range that have answered.

It is a file of its own beside the state. When it is lost, sampling finds such addresses again. Vantages keep no hit
list; the control's newest verdict gives them the addresses that answered.
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
"""Addresses that are kept for one range."""
MAX_CONSECUTIVE_MISSES = 24
"""Measurements in a row in which an address may fail to answer before it is forgotten: a day, at one an hour."""

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
    """Write the counts for the next start.

    Raises:
        StorageError: the file cannot be written.
    """
    write_private_file(folder / HIT_LIST_FILE, msgspec.json.encode(counts))


def updated(counts: Mapping[str, Mapping[str, int]], verdicts: Iterable[Verdict]) -> MissCounts:
    """The counts after a round: an answer sets an address to 0, a miss adds 1. Pure."""
    found = {text: dict(known) for text, known in counts.items()}
    for verdict in verdicts:
        if not _is_range(verdict.target):
            continue
        observations = verdict.evidence.observations
        asked = {o.address for o in observations if isinstance(o, Connection) and o.purpose is Purpose.SUBJECT}
        answered = hits(observations)
        if not answered:
            continue  # nothing answered: a fault of our own line is likelier than of every host
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
