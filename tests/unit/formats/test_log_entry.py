"""Entries of the log: a revision of an event as JSON, bounded when it is written and when it is read."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from probe.errors import RecordError, UsageError
from probe.formats.checkpoint import unverified
from probe.formats.log_entry import LogEntry, decode_entry, encode_entry
from probe.formats.signed_note import parse_key
from probe.formats.tiles import MAX_ENTRY_BYTES, decode_bundle, encode_bundle, parse_index
from probe.formats.tlog_proof import parse_proof
from probe.model.event import Confidence, Event, Network, Scope
from probe.model.verdict import Cause, Status
from tests.fuzz.mutations import mutate
from tests.unit.formats.test_signed_note import NEUMANN
from tests.unit.formats.test_tlog_proof import NOTE, PROOF

MAY = datetime(2017, 5, 4, tzinfo=UTC)
EVENT = Event(
    id="a" * 16,
    revision=1,
    service="WeChat",
    scope=Scope.NETWORK,
    network=Network(asn=64500, country="RU"),
    status=Status.BLOCKED,
    causes=(Cause.TCP_TIMEOUT,),
    confidence=Confidence.ONE_SOURCE,
    onset=MAY,
    known=MAY,
    targets=("https://www.wechat.com/",),
)
ENTRY = LogEntry(kind="began", published=MAY, event=EVENT)
READERS: tuple[tuple[bytes, Callable[[bytes], object]], ...] = (
    (encode_entry(ENTRY), decode_entry),
    (encode_bundle([encode_entry(ENTRY), b"x"]), lambda body: decode_bundle(body, 2)),
    (PROOF.encode(), parse_proof),
    (NOTE, unverified),
    (NEUMANN.encode(), lambda body: parse_key(body.decode(errors="replace"))),
    (b"x001/x234/067.p/8", lambda body: parse_index(body.decode(errors="replace"))),
)
"""A valid input of each reader of what other logs serve, and the reader."""


def test_an_entry_is_read_as_it_was_written_and_says_its_format() -> None:
    body = encode_entry(ENTRY)

    assert decode_entry(body, MAY) == ENTRY
    assert msgspec.json.decode(body)["format"] == "probe-event-v1"


def test_an_event_of_more_targets_than_an_entry_has_room_for_says_how_many_it_leaves_out() -> None:
    """An entry's length stands in two bytes."""
    targets = tuple(f"https://{number:05}.example/{'x' * 80}" for number in range(2000))
    body = encode_entry(LogEntry(kind="began", published=MAY, event=changed(targets=targets)))
    found = decode_entry(body)

    assert len(body) <= MAX_ENTRY_BYTES
    assert found.event.targets == targets[: len(found.event.targets)]
    assert len(found.event.targets) + found.targets_left_out == 2000


def test_what_cannot_be_made_small_enough_is_refused() -> None:
    with pytest.raises(RecordError, match="too large"):
        encode_entry(LogEntry(kind="began", published=MAY, event=changed(service="x" * 70_000)))


def changed(**parts: Any) -> Event:
    """The event with other parts."""
    return msgspec.structs.replace(EVENT, **parts)


def other(**parts: Any) -> bytes:
    """The entry with other parts, not checked."""
    return msgspec.json.encode(msgspec.structs.replace(ENTRY, **parts))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[]",
        b"[" * 60_000,
        encode_entry(ENTRY).replace(b"probe-event-v1", b"probe-event-v9"),
        encode_entry(ENTRY).replace(b'"blocked"', b'"enchanted"'),
        other(event=changed(id="../../etc")),
        other(event=changed(service="")),
        other(event=changed(service="a\N{RIGHT-TO-LEFT OVERRIDE}b")),
        other(event=changed(service="a\0b")),
        other(event=changed(service="x" * 5000)),
        other(event=changed(targets=("x" * 5000,))),
        other(event=changed(revision=-1)),
        other(event=changed(vantages=2**63)),
        other(event=changed(network=Network(asn=2**40, country="RU"))),
        other(event=changed(onset=MAY.replace(tzinfo=None))),
        other(event=changed(lifted=MAY.replace(year=1969))),
        other(published=MAY + timedelta(days=2)),
        other(kind="BEGAN; DROP"),
        other(into="x"),
        other(reason="a\nb"),
    ],
)
def test_an_entry_out_of_bounds_is_refused(body: bytes) -> None:
    """It came from another collector, and is signed all the same."""
    with pytest.raises(RecordError):
        decode_entry(body, MAY)


def test_without_a_clock_times_ahead_are_taken() -> None:
    """A log that is verified later has times that were ahead for nobody."""
    assert decode_entry(other(published=MAY + timedelta(days=900))).published.year == 2019


@pytest.mark.parametrize("seed", range(40))
def test_a_mutated_entry_bundle_proof_or_checkpoint_is_read_or_refused(seed: int) -> None:
    """Nothing that a stranger serves raises another exception."""
    draw = random.Random(seed)
    for _ in range(50):
        for content, read in READERS:
            with contextlib.suppress(RecordError, UsageError):
                read(mutate(content, draw))
