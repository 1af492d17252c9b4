"""One target from its text to its verdict over real sockets."""

from __future__ import annotations

import asyncio
import socket
import time

import dns.message
import dns.rcode
import pytest
import trustme

from probe.clock import Clock
from probe.judge import again
from probe.judge.anchor_content import classify
from probe.judge.control import facts
from probe.measure.anchors import AnchorWatch
from probe.measure.network_config import ResolverConfig
from probe.measure.pace import PaceLimiter
from probe.measure.tools import Tools
from probe.model.address import Family
from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.location import Location
from probe.model.observation import Connection, Resolution, TraceReply
from probe.model.target import parse
from probe.model.verdict import Cause, ControlFacts, Status, VantageState, Verdict
from probe.session import measurement as measuring
from probe.session.measurement import MeasurementContext, measure_target
from probe.session.working_names import WorkingNames
from tests.loopback.tiny_servers import abort, answer, page_of, reply_to, resolving, server_context, serving, silent


def around(
    tools: Tools,
    *resolvers: str,
    anchors: tuple[str, ...] = (),
    localise: int | None = None,
    hosts_file_names: frozenset[str] | None = None,
) -> MeasurementContext:
    """Return a context with these resolvers and anchors."""
    return MeasurementContext(
        localise_from_attempt=localise,
        tools=tools,
        anchors=AnchorWatch(anchors, (), tools, Clock(), classify=classify),
        network_resolvers=resolvers,
        hosts_file_names=hosts_file_names,
        families=frozenset({Family.IPV4}),
        names=WorkingNames(allowed_name="localhost"),
    )


async def measured(text: str, context: MeasurementContext) -> Verdict:
    """Return the verdict on a target."""
    return await measure_target(text, parse(text), context)


async def test_an_open_port_is_reachable(tools: Tools) -> None:
    async with serving(silent) as port:
        verdict = await measured(f"tcp://127.0.0.1:{port}", around(tools))

    assert (verdict.status, verdict.vantage.state) == (Status.REACHABLE, VantageState.ONLINE)
    assert verdict.evidence.error == ""
    assert verdict.evidence.observations


async def test_a_range_is_measured_address_by_address_and_its_control_names_those_that_answered(tools: Tools) -> None:
    """One address of a /30 listens, the others refuse. The next measurement begins with that address."""
    async with serving(silent) as port:
        text = f"127.0.0.0/30:{port}"
        first = await measured(text, around(tools))
        known = facts([first])[text]
        second = await measure_target(text, parse(text), around(tools), control=known)

    assert (first.status, first.rule, known.hits) == (Status.REACHABLE, "served", {"127.0.0.1": "tcp"})
    asked = [one.address for one in second.evidence.observations if isinstance(one, Connection)]
    assert asked[0] == "127.0.0.1"
    assert second.evidence.control is not None
    assert second.evidence.control.hits == known.hits


async def test_a_failure_is_judged_with_a_look_at_the_anchors_that_began_after_it(tools: Tools, ca: trustme.CA) -> None:
    """Where the vantage went offline meanwhile, the verdict is `unknown`."""
    async with serving(silent) as closed:
        pass
    async with serving(page_of(answer()), server_context(ca, "127.0.0.1")) as anchor:
        context = around(tools, anchors=(f"https://127.0.0.1:{anchor}/",))
        await context.anchors.look()
        online = await measured(f"tcp://127.0.0.1:{closed}", context)
    offline = await measured(f"tcp://127.0.0.1:{closed}", context)

    assert online.vantage.state is VantageState.ONLINE
    assert online.status in {Status.UNREACHABLE, Status.DOWN}
    assert online.vantage.anchors[0].at >= online.time
    assert (offline.status, offline.vantage.state) == (Status.UNKNOWN, VantageState.OFFLINE)


async def test_a_fault_of_ours_is_unknown_and_the_evidence_names_it(
    tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:

    async def broken(*_: object, **__: object) -> None:
        raise ExceptionGroup("many", [ValueError("oops")])

    monkeypatch.setattr(measuring, "perform", broken)
    verdict = await measured("tcp://127.0.0.1:1", around(tools))

    assert (verdict.status, verdict.evidence.error) == (Status.UNKNOWN, "ValueError: oops")


async def test_a_cancellation_is_raised(tools: Tools) -> None:
    async with serving(silent) as port:
        task = asyncio.create_task(measured(f"tls://127.0.0.1:{port}/lab.example", around(tools)))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_url_is_measured_by_name_from_resolver_to_page(
    tools: Tools, ca: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:

    def no_such_name(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "not known")  # the system's own resolver is not on loopback

    monkeypatch.setattr(socket, "getaddrinfo", no_such_name)
    async with (
        serving(page_of(answer()), server_context(ca, "lab.example")) as port,
        resolving(lambda query: [(0, reply_to(query, "127.0.0.1"))]) as (_, dns),
    ):
        began = time.monotonic()
        verdict = await measured(f"https://lab.example:{port}/", around(tools, f"udp:127.0.0.1:{dns}"))

    assert verdict.evidence.error == ""
    assert verdict.evidence.observations
    assert time.monotonic() - began < 20


async def cutting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reset connections whose ClientHello names `suspect`; answer all others with an alert."""
    if b"suspect" in await reader.read(65536):
        abort(writer)
    else:
        writer.write(bytes.fromhex("15030300020228"))
        await writer.drain()


@pytest.mark.parametrize(("localise", "attempt", "searches"), [(None, 9, False), (2, 1, False), (2, 2, True)])
async def test_a_block_is_localised_from_the_configured_re_test_on(
    tools: Tools, localise: int | None, attempt: int, searches: bool
) -> None:
    """The traces are added in order of time; the status is the same, and judging again gives the same verdict."""
    async with serving(cutting) as port:
        text = f"tls://127.0.0.1:{port}/suspect.example"
        verdict = await measure_target(text, parse(text), around(tools, localise=localise), attempt=attempt)

    traces = [one for one in verdict.evidence.observations if isinstance(one, TraceReply)]
    assert (verdict.status, verdict.causes[0]) == (Status.BLOCKED, Cause.TLS_RESET)
    assert [one.ttl for one in traces] == ([8, 4, 2, 1, 1] if searches else [])
    assert verdict.evidence.location == (Location(routers=0, server=True) if searches else None)
    assert [one.at for one in verdict.evidence.observations] == sorted(one.at for one in verdict.evidence.observations)
    assert again(verdict) == verdict


async def test_a_dead_first_resolver_costs_a_healthy_target_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one answers: reachable, and no time-out is waited for after the survey."""

    def no_such_name(*_: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "the first resolver is dead")

    monkeypatch.setattr(socket, "getaddrinfo", no_such_name)
    async with (
        Tools(3, PaceLimiter(0)) as tools,
        resolving(lambda _: []) as (dead, first),
        resolving(lambda query: [(0, reply_to(query, "151.101.1.10"))]) as (_, second),
    ):
        resolvers = (f"udp:127.0.0.1:{first}", f"udp:127.0.0.1:{second}")
        tools.begin_pass(ResolverConfig(resolvers, patience_seconds=20), ipv6=False)
        context = around(tools, *resolvers, hosts_file_names=frozenset())
        await tools.resolvers.survey()
        questions = len(dead.queries)
        known = ControlFacts(
            time=Clock().now(), statuses=(Status.REACHABLE,), addresses={"lab.example": ("151.101.1.10",)}
        )
        text = "dns://lab.example"
        verdicts = [await measure_target(text, parse(text), context, control=known) for _ in range(3)]

    assert [verdict.status for verdict in verdicts] == [Status.REACHABLE] * 3
    assert len(dead.queries) == questions
    for verdict in verdicts:
        assert {one.rank for one in verdict.evidence.observations if isinstance(one, Resolution)} == {2}
        assert max(one.at + one.took for one in verdict.evidence.observations) < 3000


async def test_targets_that_fail_together_share_the_question_for_an_invented_name(tools: Tools) -> None:
    """Its answer stands in the evidence of each, so that judging again gives the same."""
    names = ("a.lab.example", "b.lab.example")
    asked: list[str] = []

    def react(query: bytes) -> list[tuple[float, bytes]]:
        asked.append(str(dns.message.from_wire(query).question[0].name).rstrip("."))
        return [
            (0, reply_to(query, "10.10.34.35") if asked[-1] in names else reply_to(query, rcode=dns.rcode.NXDOMAIN))
        ]

    async with resolving(react) as (_, port):
        context = around(tools, f"udp:127.0.0.1:{port}", hosts_file_names=frozenset())
        verdicts = await asyncio.gather(*(measured(f"dns://{name}", context) for name in names))

    (invented,) = {name for name in asked if name not in {*names, "localhost"}}
    for verdict in verdicts:
        found = [one for one in verdict.evidence.observations if one.purpose is Purpose.GHOST]
        assert [(one.name, one.failure) for one in found if isinstance(one, Resolution)] == [
            (invented, Failure.NXDOMAIN)
        ]
        assert again(verdict) == verdict
