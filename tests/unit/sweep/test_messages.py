"""Messages between a sweep and its workers."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from probe.model.address import Family
from probe.model.glance import GlanceKind
from probe.model.verdict import ControlFacts, Status, VantageState
from probe.plan.glance_memory import KnownAnswers, SeenAnswer
from probe.plan.looks import LookMemory, LookTerms
from probe.session.recent_cuts import CutEvent, CutEventKind
from probe.settings import load
from probe.sweep.messages import (
    BeginMessage,
    ChunkEndMessage,
    ChunkMessage,
    CutMessage,
    LookMessage,
    VerdictMessage,
    packed,
    unpack_for_worker,
    unpack_from_worker,
)
from probe.sweep.sweep_pass import Repeat, SweptVerdict
from probe.sweep.swept_looks import LookChange, TargetLooks

CUT = CutMessage(CutEvent(CutEventKind.CUT, "192.0.2.1", "a.example", 12.5))
FACTS = ControlFacts(time=datetime(2026, 1, 1, tzinfo=UTC), statuses=(Status.REACHABLE,))

KNOWN = KnownAnswers(GlanceKind.TLS, Family.IPV6, (SeenAnswer("TLSv1.3 1301 001d", 5),), ("2001:db8::1",))
LOOKS = TargetLooks("key", LookMemory(0, 5, 0, 9, (KNOWN,)))


def test_a_worker_reads_what_the_sweep_writes() -> None:
    messages = [
        BeginMessage(load(None, {}), "2017-05-01T00:00:00Z@60"),
        BeginMessage(load(None, {}), "", LookTerms(interval=60, full_every=600, blocked_every=0), b"\0secret"),
        ChunkMessage(((3, "a.example"), (9, "b.example\n")), {"a.example": FACTS}, is_alone=True, memories={9: LOOKS}),
        CUT,
    ]

    lines = [packed(one) for one in messages]

    assert [unpack_for_worker(line) for line in lines] == messages
    assert all(line.count(b"\n") == 1 for line in lines)


def test_the_sweep_reads_what_a_worker_writes_and_a_verdict_byte_for_byte() -> None:
    verdict = SweptVerdict(7, Status.BLOCKED, VantageState.ONLINE, 5, Repeat.NO, msgspec.Raw(b'{"a": "\\u0041" }'))

    read = unpack_from_worker(packed(VerdictMessage(verdict)))

    assert isinstance(read, VerdictMessage)
    assert bytes(read.verdict.verdict) == b'{"a": "\\u0041" }'
    assert msgspec.structs.replace(read.verdict, verdict=verdict.verdict) == verdict
    assert unpack_from_worker(packed(CUT)) == CUT
    assert unpack_from_worker(packed(look := LookMessage(LookChange(9, LOOKS)))) == look
    assert unpack_from_worker(packed(end := ChunkEndMessage(VantageState.PORTAL, is_spent=True))) == end


@pytest.mark.parametrize("line", [b"hello\n", b"{}\n", b'{"type":"begin"}\n', b"\xff\n", b"\n"])
def test_what_is_no_message_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - msgspec.DecodeError, and what it does not catch
        unpack_from_worker(line)
