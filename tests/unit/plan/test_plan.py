"""The plan interface, and the plan of each kind of target."""

from __future__ import annotations

import pytest

from probe.model.hop import StepPosition
from probe.model.observation import Connection, Observation
from probe.model.step import Connect, Fetch, Step
from probe.model.target import parse
from probe.plan import Plan, plan_for
from probe.plan.dns import DnsPlan
from probe.plan.endpoint import QuicPlan, TcpPlan, TlsPlan
from probe.plan.range import RangePlan
from probe.plan.url import UrlPlan
from tests.unit.plan.dialogue import CONTEXT, NAME, A, B


class Part:
    """A listener that keeps what it receives."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    def observed(self, step: Step, seen: Observation) -> None:
        """Keep the observation."""
        self.heard.append(seen)

    def finished(self, step: Step, seen: tuple[Observation, ...]) -> None:
        """Keep the observations."""
        self.heard.append(seen)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (f"https://{NAME}/", UrlPlan),
        (NAME, UrlPlan),
        (f"dns://{NAME}", DnsPlan),
        (f"tcp://{A}:443", TcpPlan),
        (f"tls://{A}:443/{NAME}", TlsPlan),
        ("151.101.1.0/24", RangePlan),
        (f"quic://{NAME}:443", QuicPlan),
    ],
)
def test_each_kind_of_target_has_its_plan(text: str, kind: type) -> None:
    """All forms of the contract."""
    assert type(plan_for(parse(text), CONTEXT)) is kind


def test_each_step_is_handed_out_once() -> None:
    """While it is under way, `pending` is empty."""
    plan = plan_for(parse(f"tcp://{A}:443"), CONTEXT)

    assert plan.pending() == (Connect(address=A, port=443, position=StepPosition()),)
    assert plan.pending() == ()


def test_a_listener_receives_the_observations_of_its_steps_once() -> None:
    """A step added twice is handed out once, and its listener gets all observations at its end."""
    plan, part, step = Plan(), Part(), Connect(address=A, port=443)
    assert plan.queue.add(step, part)
    assert not plan.queue.add(step, Part())
    seen = Connection(address=A, port=443)
    plan.observe(step, seen)
    plan.finish(step)

    assert part.heard == [seen, (seen,)]


def test_pages_at_a_reserved_address_wait_for_its_holder() -> None:
    """Connections, pages elsewhere and the holder's own pages do not wait; a second reservation has no effect."""
    plan, holder, other = Plan(), Part(), Part()
    mine, theirs = Fetch(url=f"https://{NAME}/", address=A), Fetch(url=f"http://{NAME}/", address=A)
    elsewhere, connection = Fetch(url=f"http://{NAME}/", address=B), Connect(address=A, port=80)
    plan.queue.reserve(A, holder)
    plan.queue.reserve(B, other)
    for step, part in ((theirs, other), (mine, holder), (elsewhere, holder), (connection, other)):
        plan.queue.add(step, part)

    assert plan.pending() == (mine, elsewhere, connection)
    plan.queue.release(other)
    assert plan.pending() == ()
    plan.queue.release(holder)
    assert plan.pending() == (theirs,)


def test_a_step_of_another_plan_raises_an_error() -> None:
    """KeyError, as documented."""
    plan = plan_for(parse(f"tcp://{A}:443"), CONTEXT)

    with pytest.raises(KeyError):
        plan.finish(Connect(address=A, port=80))
