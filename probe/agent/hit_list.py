"""The hit list of a control agent: which addresses of each range have answered it.

It is kept beside the state, since it is a convenience: lost, it is found again by drawing. Vantages keep none; they are
given what answered in the control's newest verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from probe.agent.identity import write_private
from probe.errors import TargetError
from probe.judge.hits import hits
from probe.model.observation import Connection
from probe.model.step import Purpose
from probe.model.target import RangeTarget, parse
from probe.model.verdict import Verdict

FILE = "ranges.json"
MOST = 4096
"""Addresses kept of one range."""
PATIENCE = 24
"""Looks in a row that an address may miss before it is forgotten: at one an hour a day."""

Counts = dict[str, dict[str, int]]


def read(folder: Path) -> Counts:
    """Range -> address -> looks missed in a row; nothing where there is no such file or it makes no sense."""
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=Counts)
    except (OSError, msgspec.DecodeError):
        return {}


def write(folder: Path, counts: Counts) -> None:
    """Keep them for the next start.

    Raises:
        StorageError: the file cannot be written.
    """
    write_private(folder / FILE, msgspec.json.encode(counts))


def learnt(counts: Mapping[str, Mapping[str, int]], verdicts: Iterable[Verdict]) -> Counts:
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
        kept = {address: times for address, times in missed.items() if times < PATIENCE}
        found[verdict.target] = dict([*dict.fromkeys(answered, 0).items(), *kept.items()][:MOST])
    return found


def _is_range(text: str) -> bool:
    try:
        return isinstance(parse(text), RangeTarget)
    except TargetError:
        return False
