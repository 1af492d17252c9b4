"""Failures that are the line's or our own doing, over real sockets: residual blocking, walled gardens and more."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme

from probe import judge
from probe.clock import Clock
from probe.model.target import parse
from probe.model.verdict import ControlFacts, Status, VantageNote, VantageState, Verdict
from probe.session.session import Session
from tests.loopback.session.inspectors import FORBIDDEN, HEALTHY, ResidualCensor, inspected, redirecting
from tests.loopback.session.test_session import measuring
from tests.loopback.tiny_servers import answer, page_of, serving, silent

SERVED = ControlFacts(time=datetime.now(UTC), statuses=(Status.REACHABLE,))


def checked(folder: Path, **measure: Any) -> Session:
    """A session without a pace limit that measures one target at a time."""
    return Session(measuring(folder, **{"concurrency": 1, "pace": 0.0, "timeout": 1.0, **measure}), Clock())


async def verdicts(session: Session, *texts: str) -> dict[str, Verdict]:
    """The verdicts of one pass in which the control was served."""
    session.prepare(dict.fromkeys(texts, SERVED))
    found = {one.target: one async for one in session.verdicts([(text, parse(text)) for text in texts])}
    assert {text: judge.again(one) for text, one in found.items()} == found
    return found


async def test_a_healthy_name_at_an_address_that_a_forbidden_one_has_silenced_is_not_blocked(
    believed: trustme.CA, tmp_path: Path
) -> None:
    """It is unknown, and the evidence says why. The next pass measures the forbidden name last."""
    censor = ResidualCensor()
    async with inspected(believed, censor.passes) as port, checked(tmp_path) as session:
        bad, good = (f"tls://127.0.0.1:{port}/{name}" for name in (FORBIDDEN, HEALTHY))
        first = await verdicts(session, bad, good)
        censor.silencing = False
        second = await verdicts(session, bad, good)

    assert (first[bad].status, first[bad].rule) == (Status.BLOCKED, "tls.reset")
    assert (first[good].status, first[good].rule) == (Status.UNKNOWN, "vantage.residual")
    assert {(cut.address, cut.name) for cut in first[good].evidence.recent_cuts} == {("127.0.0.1", FORBIDDEN)}
    assert (second[good].status, list(second)) == (Status.REACHABLE, [good, bad])
    assert (second[bad].status, second[bad].evidence.recent_cuts) == (Status.BLOCKED, ())


async def test_two_forbidden_names_at_one_address_are_blocked_where_only_their_connections_are_cut(
    believed: trustme.CA, tmp_path: Path
) -> None:
    """A neutral name is answered: nothing was silenced, and the order stays."""

    def passes(hello: bytes) -> bool:
        return FORBIDDEN.encode() not in hello and HEALTHY.encode() not in hello

    async with inspected(believed, passes) as port, checked(tmp_path) as session:
        texts = [f"tls://127.0.0.1:{port}/{name}" for name in (FORBIDDEN, HEALTHY)]
        found = [await verdicts(session, *texts) for _ in range(2)]

    assert [[(one.rule, one.evidence.recent_cuts) for one in each.values()] for each in found] == [
        [("tls.reset.sni", ())] * 2
    ] * 2
    assert list(found[1]) == texts


@pytest.mark.parametrize("fails", ["silent", "login"])
async def test_where_one_anchor_of_three_passes_nothing_is_blocked(
    believed: trustme.CA, tmp_path: Path, fails: str
) -> None:
    """A used-up quota or a walled garden: what fails is unknown, and what works is reachable."""
    other = trustme.CA()
    async with (
        serving(page_of(answer(b"", "204 No Content"))) as good,
        serving(silent if fails == "silent" else redirecting("http://127.0.0.9:1/login")) as bad,
        serving(redirecting("http://127.0.0.9:1/login")) as portal,
        inspected(believed, lambda _: False) as cutting,
        inspected(other, lambda _: True) as forging,
    ):
        anchors = tuple(f"http://127.0.0.1:{port}/generate_204" for port in (good, bad, bad))
        closed, redirected = "tcp://127.0.0.1:1", f"http://127.0.0.1:{portal}/"
        cut, forged = (f"tls://127.0.0.1:{port}/{HEALTHY}" for port in (cutting, forging))
        works = f"tcp://127.0.0.1:{good}"
        async with checked(tmp_path, anchors=anchors) as session:
            found = await verdicts(session, closed, redirected, cut, forged, works)
        async with checked(tmp_path, anchors=anchors[:1]) as session:
            alone = await verdicts(session, closed, cut, forged)

    assert {one.vantage.state for one in found.values()} == {VantageState.ONLINE}
    assert all(VantageNote.ANCHORS_DISAGREE in one.vantage.notes for one in found.values())
    assert [found[text].status for text in (closed, redirected, cut, forged)] == [Status.UNKNOWN] * 4
    assert found[works].status is Status.REACHABLE
    assert [alone[text].rule for text in (closed, cut, forged)] == ["tcp.reset", "tls.reset", "tls.mitm"]


async def test_a_name_that_is_cut_where_another_is_answered_is_blocked_although_anchors_disagree(
    believed: trustme.CA, tmp_path: Path
) -> None:
    """It proves itself at one address."""
    async with (
        serving(page_of(answer(b"", "204 No Content"))) as good,
        serving(silent) as bad,
        inspected(believed, lambda hello: FORBIDDEN.encode() not in hello) as port,
    ):
        anchors = tuple(f"http://127.0.0.1:{each}/generate_204" for each in (good, bad))
        async with checked(tmp_path, anchors=anchors) as session:
            found = await verdicts(session, text := f"tls://127.0.0.1:{port}/{FORBIDDEN}")

    assert (found[text].status, found[text].rule) == (Status.BLOCKED, "tls.reset.sni")
    assert VantageNote.ANCHORS_DISAGREE in found[text].vantage.notes
