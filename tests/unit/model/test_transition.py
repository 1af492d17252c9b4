"""The JSON of a transition has the keys of the contract."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from probe.model.transition import Transition
from probe.model.verdict import Status


def test_a_transition_has_the_keys_from_and_to() -> None:
    """`from` is a keyword of Python, so the field has another name."""
    when = datetime(2017, 5, 11, tzinfo=UTC)
    transition = Transition(target="x", before=Status.BLOCKED, after=Status.REACHABLE, time=when, onset=when)

    line = msgspec.json.encode(transition)

    assert list(msgspec.json.decode(line)) == ["target", "from", "to", "time", "onset", "causes", "evidence"]
    assert msgspec.json.decode(line, type=Transition) == transition
