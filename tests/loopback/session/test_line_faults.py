"""Failures that are the line's or our own doing, over real sockets: residual blocking, walled gardens and more."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import trustme
from msgspec.structs import replace

from probe import judge
from probe.clock import Clock
from probe.measure import anchors
from probe.model.target import parse
from probe.model.verdict import ControlFacts, ControlPage, Status, VantageNote, VantageState, Verdict
from probe.session import measurement_run, vantage_gate
from probe.session.session import Session
from tests.loopback.session.inspectors import FORBIDDEN, HEALTHY, LineCensor, ResidualCensor, inspected, redirecting
from tests.loopback.session.test_session import measuring
from tests.loopback.tiny_servers import answer, page_of, server_context, serving, silent

SERVED = ControlFacts(time=datetime.now(UTC), statuses=(Status.REACHABLE,))


def checked(folder: Path, **measure: Any) -> Session:
    """A session without a pace limit that measures one target at a time."""
    return Session(measuring(folder, **{"concurrency": 1, "pace": 0.0, "timeout": 1.0, **measure}), Clock())


async def verdicts(session: Session, *texts: str, pages: bool = False) -> dict[str, Verdict]:
    """The verdicts of one pass in which the control was served, and got a page for each URL where that is said."""
    known = {text: (ControlPage(url=text, status=200, title="Site"),) if pages else () for text in texts}
    session.prepare({text: replace(SERVED, pages=known[text]) for text in texts})
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
        urls = tuple(f"http://127.0.0.1:{port}/generate_204" for port in (good, bad, bad))
        closed, redirected = "tcp://127.0.0.1:1", f"http://127.0.0.1:{portal}/"
        cut, forged = (f"tls://127.0.0.1:{port}/{HEALTHY}" for port in (cutting, forging))
        works = f"tcp://127.0.0.1:{good}"
        async with checked(tmp_path, anchors=urls) as session:
            found = await verdicts(session, closed, redirected, cut, forged, works)
        async with checked(tmp_path, anchors=urls[:1]) as session:
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
        urls = tuple(f"http://127.0.0.1:{each}/generate_204" for each in (good, bad))
        async with checked(tmp_path, anchors=urls) as session:
            found = await verdicts(session, text := f"tls://127.0.0.1:{port}/{FORBIDDEN}")

    assert (found[text].status, found[text].rule) == (Status.BLOCKED, "tls.reset.sni")
    assert VantageNote.ANCHORS_DISAGREE in found[text].vantage.notes


@pytest.mark.parametrize("others", [0, 2])
async def test_one_host_that_answers_in_the_place_of_every_site_is_a_portal(
    believed: trustme.CA, tmp_path: Path, others: int
) -> None:
    """Where certificates of other sites verify, it is a block page's host."""
    async with (
        serving(page_of(answer(b"", "204 No Content"))) as anchor,
        serving(login := redirecting("http://127.0.0.9:1/login")) as first,
        serving(login, host="127.0.0.2") as second,
        serving(login, host="127.0.0.3") as third,
        inspected(believed, lambda _: True) as site,
    ):
        sites = [f"http://127.0.0.{number}:{port}/" for number, port in enumerate((first, second, third), 1)]
        working = [f"tls://127.0.0.1:{site}/{name}" for name in (FORBIDDEN, HEALTHY)][:others]
        async with checked(tmp_path, anchors=(f"http://127.0.0.1:{anchor}/generate_204",)) as session:
            found = await verdicts(session, *sites, *working, pages=True)

    statuses = {found[text].status for text in sites}
    assert statuses == ({Status.BLOCKED} if others else {Status.UNKNOWN})


@pytest.mark.skipif(sys.platform != "linux", reason="a full queue drops SYNs on Linux")
@pytest.mark.parametrize("witness", [False, True])
async def test_silence_over_ipv6_is_a_block_where_another_destination_answers_over_it(
    believed: trustme.CA, tmp_path: Path, witness: bool
) -> None:
    """No anchor has an IPv6 address; a listener with a full queue drops SYNs."""
    async with serving(page_of(answer(b"", "204 No Content"))) as anchor:
        with full_listener() as mute, socket.create_server(("::1", 0), family=socket.AF_INET6) as other:
            texts = [f"tcp://[::1]:{mute}", f"tcp://[::1]:{other.getsockname()[1]}"]
            async with checked(tmp_path, anchors=(f"http://127.0.0.1:{anchor}/generate_204",)) as session:
                found = await verdicts(session, *texts[: 1 + witness])

    assert found[texts[0]].status is (Status.BLOCKED if witness else Status.UNREACHABLE)
    assert found[texts[0]].vantage.ipv6_answered is witness


@contextmanager
def full_listener() -> Iterator[int]:
    """A port of ::1 whose queue of connections is full."""
    with full_queue("::1", socket.AF_INET6) as server:
        yield server.getsockname()[1]


@contextmanager
def full_queue(address: str, family: socket.AddressFamily) -> Iterator[socket.socket]:
    """A listener whose queue of connections is full."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server((address, 0), family=family, backlog=0))
        for _ in range(4):
            client = stack.enter_context(socket.socket(family))
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        yield server


@pytest.mark.skipif(sys.platform != "linux", reason="a full queue drops SYNs on Linux")
@pytest.mark.parametrize("witness", [False, True])
async def test_silence_that_an_outage_of_the_line_would_explain_is_measured_again(
    believed: trustme.CA, tmp_path: Path, witness: bool
) -> None:
    """It ends before the anchors are looked at. Where another target answered meanwhile, the line was not dead."""
    looks = count()

    async def anchor(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if next(looks) == 1:  # the look after the silence
            mute.listen(16)
            mute.setblocking(False)
            with suppress(BlockingIOError):
                while True:
                    mute.accept()[0].close()
        await page_of(answer(b"", "204 No Content"))(reader, writer)

    with full_queue("127.0.0.1", socket.AF_INET) as mute, socket.create_server(("127.0.0.1", 0)) as other:
        texts = [f"tcp://127.0.0.1:{one.getsockname()[1]}" for one in (mute, other)]
        async with serving(anchor) as port:
            urls = (f"http://127.0.0.1:{port}/generate_204",)
            async with checked(tmp_path, anchors=urls, concurrency=2) as session:
                found = await verdicts(session, *texts[: 1 + witness])

    assert found[texts[0]].status is (Status.BLOCKED if witness else Status.REACHABLE)


async def test_a_host_without_trusted_authorities_says_so(
    ca: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no portal, nothing is blocked, and the note tells what to do."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "missing"))
    async with (
        serving(page_of(answer()), server_context(ca, "127.0.0.1")) as anchor,
        serving(page_of(answer(b"", "204 No Content"))) as plain,
        inspected(ca, lambda _: True) as site,
    ):
        text = f"tls://127.0.0.1:{site}/{HEALTHY}"
        async with checked(tmp_path, anchors=(f"https://127.0.0.1:{anchor}/",)) as session:
            vantage = await session.look()
        async with checked(tmp_path, anchors=(f"http://127.0.0.1:{plain}/generate_204",)) as session:
            found = await verdicts(session, text)

    assert (vantage.state, vantage.notes) == (VantageState.OFFLINE, (VantageNote.NO_AUTHORITIES,))
    assert (found[text].status, found[text].rule) == (Status.UNKNOWN, "host.no_way")
    assert (found[text].vantage.state, found[text].vantage.notes) == (
        VantageState.ONLINE,
        (VantageNote.NO_AUTHORITIES,),
    )


async def test_a_name_after_which_the_whole_line_is_cut_is_found_and_tried_again_alone(
    believed: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others that were measured meanwhile are not blocked, and the next pass tries nothing twice."""
    monkeypatch.setattr(measurement_run, "POLL_SECONDS", 0.1)
    monkeypatch.setattr(measurement_run, "REST_SECONDS", 0.1)
    monkeypatch.setattr(vantage_gate, "RECOVERY_POLL_SECONDS", 0.1)
    monkeypatch.setattr(anchors, "MIN_LOOK_INTERVAL_SECONDS", 0.0)
    censor = LineCensor(asks=4)
    async with serving(censor.anchor) as anchor, inspected(believed, censor.passes) as port:
        bad, good = (f"tls://127.0.0.1:{port}/{name}" for name in (FORBIDDEN, HEALTHY))
        async with checked(tmp_path, anchors=(f"http://127.0.0.1:{anchor}/generate_204",)) as session:
            first = await verdicts(session, good, bad)
            outages = censor.outages
            second = await verdicts(session, bad)

    assert (first[bad].status, first[bad].causes[0]) == (Status.BLOCKED, "tls.reset")
    assert [(one.alone, one.back) for one in first[bad].evidence.outages] == [
        (False, False),
        (True, True),
        (True, True),
    ]
    assert first[good].status is Status.REACHABLE
    assert (outages, censor.outages) == (3, 4)
    assert (second[bad].status, second[bad].rule) == (Status.BLOCKED, "tls.reset.line")


async def test_a_line_that_is_lost_by_itself_blocks_no_name(
    believed: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is tried again when the line is back, and works."""
    monkeypatch.setattr(measurement_run, "POLL_SECONDS", 0.1)
    monkeypatch.setattr(measurement_run, "REST_SECONDS", 0.1)
    monkeypatch.setattr(anchors, "MIN_LOOK_INTERVAL_SECONDS", 0.0)
    censor = LineCensor(asks=4)

    def once(hello: bytes) -> bool:
        if HEALTHY.encode() in hello and not censor.outages:
            censor.left, censor.outages = censor.asks, 1
        return not censor.left

    async with serving(censor.anchor) as anchor, inspected(believed, once) as port:
        text = f"tls://127.0.0.1:{port}/{HEALTHY}"
        async with checked(tmp_path, anchors=(f"http://127.0.0.1:{anchor}/generate_204",)) as session:
            found = await verdicts(session, text)

    assert (found[text].status, censor.outages) == (Status.REACHABLE, 1)
