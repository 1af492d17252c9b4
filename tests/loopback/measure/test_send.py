"""Padded requests in one connection, to real servers that accept them, refuse them, or fall silent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import trustme

from probe.clock import Clock
from probe.judge import again
from probe.judge.anchor_content import classify
from probe.measure.anchors import AnchorWatch
from probe.measure.budget import Budget
from probe.measure.pace import PaceLimiter
from probe.measure.perform import perform
from probe.measure.send import MAX_ANSWER_BYTES, PADDING_BYTES, send
from probe.measure.tools import Timestamps, Tools
from probe.model.address import Family
from probe.model.failure import Failure
from probe.model.flow import MAX_FREEZE_BYTES
from probe.model.hop import Purpose
from probe.model.observation import Exchange, Observation, Sending
from probe.model.step import Send
from probe.model.target import parse
from probe.model.verdict import Cause, Status, Verdict
from probe.plan.context import PlanContext
from probe.plan.upload import UploadPlan
from probe.session.measurement import MeasurementContext, measure_target
from tests.loopback.tiny_servers import abort, answer, request, server_context, serving, silent

HEAD = answer(b"", headers="Connection: keep-alive\r\n")
Turn = Callable[[asyncio.StreamWriter, int], Awaitable[None]]


@asynccontextmanager
async def turns(ca: trustme.CA, turn: Turn, heard: list[bytes] | None = None) -> AsyncIterator[int]:
    """Run a server that does `turn` after each request, which gets the number of the request, from 0."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number in range(100):
            words = await request(reader)
            if heard is not None:
                heard.append(words)
            await turn(writer, number)
            await writer.drain()

    async with serving(talk, server_context(ca, "lab.example")) as port:
        yield port


def replying(*answers: bytes, last: bytes = HEAD) -> Turn:
    """Return a turn that answers with these in order, then always with the last."""

    async def turn(writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(answers[number] if number < len(answers) else last)

    return turn


async def sent(port: int, tools: Tools, name: str = "lab.example", **more: object) -> Sending:
    """Return the observation of one step."""
    seen: list[Observation] = []
    step = Send(url=f"https://{name}:{port}/a?b", address="127.0.0.1", **more)  # type: ignore[arg-type]
    await send(step, tools, Timestamps(asyncio.get_running_loop().time(), step.position), seen.append)
    (one,) = seen
    assert isinstance(one, Sending)
    return one


async def test_sixty_four_kib_are_sent_and_answered_in_one_connection(tools: Tools, ca: trustme.CA) -> None:
    """Each request is a HEAD with a browser's fields and 4 KiB of padding, and does not name the program."""
    heard: list[bytes] = []
    async with turns(ca, replying(b"HTTP/1.1 103 Early Hints\r\n\r\n" + HEAD), heard) as port:
        one = await sent(port, tools)

    assert (one.complete, one.failure, one.status, one.answers) == (True, None, 200, len(heard))
    assert MAX_FREEZE_BYTES <= one.sent == sum(map(len, heard)) < MAX_FREEZE_BYTES + 2 * PADDING_BYTES
    assert heard[0].startswith(f"HEAD /a?b HTTP/1.1\r\nHost: lab.example:{port}\r\nUser-Agent: Mozilla/5.0".encode())
    assert all(PADDING_BYTES < len(words) < PADDING_BYTES + 1_000 for words in heard)
    assert b"probe" not in heard[0].lower()
    assert tools.pace.budget.bytes_read > MAX_FREEZE_BYTES


async def test_another_server_name_is_sent_in_the_hello_and_not_in_the_request(tools: Tools, ca: trustme.CA) -> None:
    """Nothing is sent where its certificate does not verify, unless the step says so."""
    heard: list[bytes] = []
    async with turns(ca, replying(), heard) as port:
        other = await sent(port, tools, sni="q7ztw4mkd2.com", verify=False)
        wrong = await sent(port, tools, sni="q7ztw4mkd2.com")

    assert (other.sni, other.complete) == ("q7ztw4mkd2.com", True)
    assert f"Host: lab.example:{port}\r\n".encode() in heard[0]
    assert (wrong.failure, wrong.sent, wrong.opened, wrong.frozen) == (Failure.CERTIFICATE, 0, True, False)


async def test_a_server_that_refuses_or_closes_is_no_freeze(tools: Tools, ca: trustme.CA) -> None:
    """A status for too large fields, HTTP/1.0, an RST, garbage, a body, a long header."""

    async def resets(writer: asyncio.StreamWriter, number: int) -> None:
        abort(writer) if number == 4 else writer.write(HEAD)

    minds = answer(b"", "431 Request Header Fields Too Large", "Connection: close\r\n")
    old = HEAD.replace(b"HTTP/1.1", b"HTTP/1.0").replace(b"keep-alive", b"close")
    long = b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * MAX_ANSWER_BYTES + b"\r\n\r\n"
    bodied = answer(b"a body in answer to HEAD")
    ends: list[tuple[Turn, Failure, int]] = [
        (replying(minds), Failure.EOF, 1),
        (replying(HEAD, HEAD, old), Failure.EOF, 3),
        (resets, Failure.RESET, 4),
        (replying(b"HELO\r\n\r\n"), Failure.GARBAGE, 0),
        (replying(HEAD, bodied), Failure.GARBAGE, 2),
        (replying(long), Failure.TOO_MUCH, 0),
    ]
    for turn, failure, answers in ends:
        async with turns(ca, turn) as port:
            one = await sent(port, tools)
        assert (one.failure, one.answers, one.frozen, one.complete) == (failure, answers, False, False), one


async def test_silence_to_the_first_request_and_a_refused_connection_are_no_freeze(
    tools: Tools, ca: trustme.CA
) -> None:
    """The refused connection is observed with its failure."""
    async with turns(ca, replying(b"")) as port:
        mute = await sent(port, tools)
    nobody = await sent(port, tools)

    assert (mute.failure, mute.sent, mute.frozen) == (Failure.TIMEOUT, 0, False)
    assert (nobody.failure, nobody.opened, nobody.frozen) == (Failure.RESET, False, False)
    assert (nobody.detail, nobody.address, nobody.sni) == ("ECONNREFUSED", "127.0.0.1", "lab.example")


async def test_a_handshake_that_fails_is_observed_without_requests(tools: Tools) -> None:
    """The connection was opened."""
    async with serving(silent) as port:
        one = await sent(port, tools)

    assert (one.failure, one.opened, one.sent, one.answers, one.quiet) == (Failure.TIMEOUT, True, 0, 0, 0)
    assert one.url == f"https://lab.example:{port}/a?b"


async def test_slow_answers_reach_the_time_limit_and_are_no_freeze(ca: trustme.CA, tools: Tools) -> None:
    """Each arrives within the step time-out; all requests together have four of them."""

    async def slow(writer: asyncio.StreamWriter, number: int) -> None:
        await asyncio.sleep(0.3)
        writer.write(HEAD)

    async with turns(ca, slow) as port:
        one = await sent(port, tools)

    assert (one.failure, one.complete, one.frozen) == (Failure.TIMEOUT, False, False)
    assert one.answers < 8


def freezing(ca: trustme.CA, after: int, *, others: bool = False) -> tuple[Callable[..., Awaitable[None]], object]:
    """Return a server whose connections without SNI fall silent after so many requests; `others`: all."""
    context = server_context(ca, "127.0.0.1")
    named: set[object] = set()
    context.sni_callback = lambda session, name, _: named.add(session) if name else None

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        free = writer.get_extra_info("ssl_object") in named and not others
        for number in range(100):
            await request(reader)
            if free or number < after:
                writer.write(HEAD)
                await writer.drain()

    return talk, context


async def verdict_on(port: int, *, look: bool = True) -> Verdict:
    """Return the verdict, with a step time-out long enough for silence to count."""
    async with Tools(3.0, PaceLimiter(0)) as tools:
        watch = AnchorWatch((), (), tools, Clock(), classify=classify)
        around = MeasurementContext(tools=tools, anchors=watch, families=frozenset({Family.IPV4}), test_upload=look)
        text = f"https://127.0.0.1:{port}/"
        return await measure_target(text, parse(text), around)


def turns_of(verdict: Verdict) -> list[tuple[Purpose, bool]]:
    """Return the purpose of each upload and whether it was complete."""
    return [(one.purpose, one.complete) for one in verdict.evidence.observations if isinstance(one, Sending)]


@pytest.mark.usefixtures("believed")
async def test_a_name_whose_uploads_freeze_is_throttled_though_its_page_is_small(ca: trustme.CA) -> None:
    """Two uploads each, alternating with another name. Judging the evidence again gives the same verdict."""
    talk, context = freezing(ca, 5)
    async with serving(talk, context) as port:  # type: ignore[arg-type]
        verdict = await verdict_on(port)
        unasked = await verdict_on(port, look=False)

    mine, theirs = (Purpose.SUBJECT, False), (Purpose.NEUTRAL, True)
    assert turns_of(verdict) == [mine, theirs, mine, theirs]
    assert (verdict.status, verdict.rule) == (Status.THROTTLED, "throttle.freeze.sent")
    assert verdict.causes == (Cause.THROTTLE_FREEZE,)
    assert again(verdict) == verdict
    assert (unasked.status, turns_of(unasked)) == (Status.REACHABLE, [])


@pytest.mark.usefixtures("believed")
async def test_uploads_that_freeze_for_every_name_or_for_none_are_no_throttling(ca: trustme.CA) -> None:
    """The upload with another name decides; after a complete first one nothing more is sent."""
    said = []
    for after, others in ((5, True), (99, False)):
        talk, context = freezing(ca, after, others=others)
        async with serving(talk, context) as port:  # type: ignore[arg-type]
            verdict = await verdict_on(port)
        assert (verdict.status, verdict.rule) == (Status.REACHABLE, "served")
        said.append(turns_of(verdict))

    assert said == [[(Purpose.SUBJECT, False), (Purpose.NEUTRAL, False)], [(Purpose.SUBJECT, True)]]


async def test_an_upload_that_the_budget_refuses_is_a_local_failure(believed: trustme.CA) -> None:
    """Nothing is sent, and nothing is concluded from it."""
    page = Exchange(url="https://lab.example/", address="127.0.0.1", secure=True, status=200, complete=True)
    async with Tools(0.5, PaceLimiter(0, budget=Budget(max_bytes=1))) as tools:
        (one,) = await perform(UploadPlan(page, PlanContext()), tools)

    assert isinstance(one, Sending)
    assert (one.failure, one.opened, one.sent, one.frozen) == (Failure.LOCAL, False, 0, False)
