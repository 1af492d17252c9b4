"""The search for the interfering hop: its tries, their limit, and where it ends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.location import Location, located
from probe.model.observation import (
    Connection,
    Exchange,
    LateAnswer,
    Observation,
    TlsHandshake,
    TracePayload,
    TraceReply,
)
from probe.model.resolver import Trust
from probe.model.step import Step, Trace
from probe.model.verdict import Cause, Evidence, Status, Vantage, VantageState, Verdict
from probe.plan.context import HopLimits, PlanContext
from probe.plan.localise import TracePlan, TraceTarget, trace_target

NAME, A = "news.example.org", "151.101.1.10"
URL = f"http://{NAME}:8080/a?b"
HELLO = TraceTarget(payload=TracePayload.HELLO, address=A, port=443, name=NAME)
Path = Callable[[Trace], Failure | None]


def search(
    found: TraceTarget, path: Path, context: PlanContext | None = None, *, opens: bool = True
) -> tuple[list[Trace], list[TraceReply]]:
    """Run the search on a path; return its steps and their observations."""
    plan = TracePlan(found, context or PlanContext())
    steps: list[Trace] = []
    seen: list[TraceReply] = []
    while fresh := plan.pending():
        (step,) = fresh
        assert isinstance(step, Trace)
        steps.append(step)
        seen.append(
            TraceReply(
                payload=step.payload,
                address=step.address,
                port=step.port,
                name=step.name,
                ttl=step.ttl,
                purpose=step.position.purpose,
                failure=path(step),
                opened=opens,
            )
        )
        plan.observe(step, seen[-1])
        plan.finish(step)
    return steps, seen


def answering(device: int, server: int, how: Failure | None = Failure.RESET) -> Path:
    """A path on which a device answers the suspect name, and the server all others."""

    def path(step: Trace) -> Failure | None:
        if step.position.purpose is Purpose.SUBJECT and step.ttl > device:
            return how
        return None if step.ttl >= server else Failure.UNREACHABLE

    return path


@pytest.mark.parametrize("device", range(28))
def test_a_device_that_answers_is_located_within_eight_tries(device: int) -> None:
    """At any distance up to 30 routers."""
    steps, seen = search(HELLO, answering(device, 29))

    assert located(seen) == Location(routers=device, server=False)
    assert len(steps) <= 8
    assert [step.position.purpose for step in steps].count(Purpose.NEUTRAL) == 1
    assert steps[-1].name == PlanContext().random_name


@pytest.mark.parametrize("device", range(28))
def test_a_device_that_drops_the_message_is_located_by_missing_time_exceeded_errors(device: int) -> None:
    silent = TraceTarget(payload=TracePayload.HELLO, address=A, port=443, name=NAME, silent=True)

    steps, seen = search(silent, answering(device, 29, Failure.TIMEOUT))

    assert located(seen) == Location(routers=device, server=False, silent=True)
    assert len(steps) <= 8


def test_a_device_at_the_servers_distance_may_be_the_server() -> None:
    _, seen = search(HELLO, answering(12, 13))

    assert located(seen) == Location(routers=12, server=True)


def test_the_search_ends_without_an_answer_at_any_ttl() -> None:
    """After three tries, without a try of the neutral name."""
    steps, seen = search(HELLO, lambda _: Failure.UNREACHABLE)

    assert [step.ttl for step in steps] == [8, 16, 30]
    assert located(seen) is None


def test_the_search_ends_where_a_dropped_message_is_now_answered() -> None:
    silent = TraceTarget(payload=TracePayload.HELLO, address=A, port=443, name=NAME, silent=True)

    steps, _ = search(silent, lambda _: Failure.RESET)

    assert len(steps) == 1


def test_a_connection_cut_before_the_message_ends_the_search() -> None:
    """A filter with residual blocking would seem to react at any TTL."""
    steps, seen = search(HELLO, lambda _: Failure.RESET, opens=False)

    assert len(steps) == 1
    assert located(seen) is None


def test_a_search_makes_no_more_connections_than_its_limit() -> None:
    steps, seen = search(HELLO, answering(11, 20), PlanContext(limits=HopLimits(trace_connections=3)))

    assert len(steps) == 3
    assert located(seen) is None


def test_the_neutral_name_is_sent_in_the_same_kind_of_message() -> None:
    """A request keeps its port and path."""
    steps, _ = search(TraceTarget(payload=TracePayload.REQUEST, address=A, port=8080, name=URL), answering(0, 9))

    assert steps[-1].name == f"http://{PlanContext().random_name}:8080/a?b"
    assert {(step.address, step.port) for step in steps} == {(A, 8080)}


def test_a_request_to_the_default_port_is_traced_without_a_port_in_its_url() -> None:
    """The URL of the neutral name has the form of the blocked one."""
    blocked = TraceTarget(payload=TracePayload.REQUEST, address=A, port=80, name=f"http://{NAME}/a")

    steps, _ = search(blocked, answering(0, 9))

    assert steps[-1].name == f"http://{PlanContext().random_name}/a"


def verdict(cause: Cause | None, *seen: Observation) -> Verdict:
    """A blocked target."""
    return Verdict(
        time=datetime(2026, 10, 1, tzinfo=UTC),
        target=f"https://{NAME}/",
        status=Status.BLOCKED,
        causes=(cause,) if cause else (),
        evidence=Evidence(observations=seen),
        vantage=Vantage(state=VantageState.ONLINE),
    )


def hello(failure: Failure, **more: object) -> TlsHandshake:
    """A handshake that failed."""
    return TlsHandshake(address=A, port=443, sni=NAME, failure=failure, **more)  # type: ignore[arg-type]


def late(resolver: str, trust: Trust = Trust.NETWORK) -> LateAnswer:
    """A late answer."""
    return LateAnswer(name=NAME, rrtype="AAAA", resolver=resolver, trust=trust, gap=4)


def request(failure: Failure | None, status: int = 0, url: str = URL) -> Exchange:
    """A request and its result."""
    return Exchange(url=url, address=A, status=status, failure=failure)


REQUEST = TraceTarget(payload=TracePayload.REQUEST, address=A, port=8080, name=URL)
QUERY = TraceTarget(payload=TracePayload.QUERY, address="95.165.1.1", port=53, name=NAME, rrtype="AAAA")


@pytest.mark.parametrize(
    ("cause", "seen", "found"),
    [
        (Cause.TLS_RESET, hello(Failure.RESET), HELLO),
        (Cause.TLS_EOF, hello(Failure.EOF), HELLO),
        (Cause.TLS_RESET, hello(Failure.TIMEOUT), None),
        (Cause.TLS_RESET, hello(Failure.RESET, purpose=Purpose.NEUTRAL), None),
        (Cause.TLS_TIMEOUT, hello(Failure.TIMEOUT, acked=True), None),
        (
            Cause.TLS_TIMEOUT,
            hello(Failure.TIMEOUT, acked=False),
            TraceTarget(payload=TracePayload.HELLO, address=A, port=443, name=NAME, silent=True),
        ),
        (Cause.HTTP_RESET, request(Failure.RESET), REQUEST),
        (Cause.HTTP_RESET, request(None, 200), None),
        (Cause.HTTP_RESET, request(Failure.RESET, url=f"https://{NAME}/"), None),
        (Cause.HTTP_BLOCKPAGE, request(None, 403), REQUEST),
        (Cause.HTTP_BLOCKPAGE, request(Failure.RESET), None),
        (
            Cause.HTTP_TIMEOUT,
            request(Failure.TIMEOUT),
            TraceTarget(payload=TracePayload.REQUEST, address=A, port=8080, name=URL, silent=True),
        ),
        (Cause.DNS_INJECTED, late("udp:95.165.1.1:53"), QUERY),
        (
            Cause.DNS_INJECTED,
            late("udp:[2a02:2168::35]:53"),
            TraceTarget(payload=TracePayload.QUERY, address="2a02:2168::35", port=53, name=NAME, rrtype="AAAA"),
        ),
        (Cause.DNS_INJECTED, late("network"), None),
        (Cause.DNS_INJECTED, late("udp:95.165.1.1:53", Trust.TRUSTED), None),
        (Cause.TCP_TIMEOUT, Connection(address=A, port=443, failure=Failure.TIMEOUT), None),
        (None, request(None, 200), None),
    ],
)
def test_the_blocked_message_is_traced(cause: Cause | None, seen: Observation, found: TraceTarget | None) -> None:
    """None is traced for a resolver in the vantage's own network, an acknowledged message, or another cause."""
    assert trace_target(verdict(cause, seen)) == found


def test_observations_of_other_names_are_passed_over() -> None:
    """The blocked message may follow a try of the neutral name."""
    seen = hello(Failure.RESET, purpose=Purpose.NEUTRAL), hello(Failure.RESET)

    assert trace_target(verdict(Cause.TLS_RESET, *seen)) == HELLO


def test_each_step_is_handed_out_once_and_alone() -> None:
    """The next step follows the observation of the one before."""
    plan = TracePlan(HELLO, PlanContext())
    steps: tuple[Step, ...] = plan.pending()

    assert len(steps) == 1
    assert plan.pending() == ()
