"""The upload test: its server, its repetitions, and its end."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.observation import Exchange, Observation, Sending
from probe.model.step import Send
from probe.model.verdict import Evidence, Status, Vantage, VantageState, Verdict
from probe.plan.context import PlanContext
from probe.plan.upload import UploadPlan, served

A, URL, HTTP = "151.101.1.10", "https://news.example.org/", "http://news.example.org/"
PAGE = Exchange(url=URL, address=A, secure=True, status=200, complete=True, chain=1, hop=2)
FROZEN, WHOLE, CLOSED = (
    {"failure": Failure.TIMEOUT, "sent": 18_000, "quiet": 9_000, "took": 9_500},
    {"sent": 68_000, "complete": True},
    {"failure": Failure.EOF, "sent": 18_000},
)


def play(*said: dict[str, object]) -> list[Send]:
    """The steps that are asked for while they see these."""
    plan = UploadPlan(PAGE, PlanContext(random_name="other.example"))
    steps: list[Send] = []
    for one in (*said, WHOLE):
        for step in plan.pending():
            assert isinstance(step, Send)
            steps.append(step)
            plan.observe(step, Sending(url=step.url, address=step.address, sni=step.sni, **one))  # type: ignore[arg-type]
            plan.finish(step)
    assert plan.pending() == ()
    return steps


def test_a_stopped_upload_is_repeated_in_turns_under_both_names() -> None:
    """The own name, the other, the own, the other; at the address of the page and its place in the chain."""
    steps = play(FROZEN, WHOLE, FROZEN, WHOLE)

    assert [step.position.purpose for step in steps] == [Purpose.SUBJECT, Purpose.NEUTRAL] * 2
    assert [(step.sni, step.verify) for step in steps] == [("", True), ("other.example", False)] * 2
    assert {(step.url, step.address, step.position.chain, step.position.hop) for step in steps} == {(URL, A, 1, 2)}
    assert [step.position.attempt for step in steps] == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("said", "asked"),
    [((WHOLE,), 1), ((CLOSED,), 1), ((FROZEN, FROZEN), 2), ((FROZEN, CLOSED), 2), ((FROZEN, WHOLE, WHOLE), 3)],
)
def test_the_upload_test_ends_where_the_verdict_could_no_longer_change(
    said: tuple[dict[str, object], ...], asked: int
) -> None:
    assert len(play(*said)) == asked


def made(*seen: Observation, status: Status = Status.REACHABLE) -> Verdict:
    """A verdict on these."""
    evidence = Evidence(observations=seen)
    vantage = Vantage(state=VantageState.ONLINE)
    return Verdict(
        time=datetime(2026, 10, 1, tzinfo=UTC), target=URL, status=status, evidence=evidence, vantage=vantage
    )


def test_the_upload_goes_to_the_first_page_served_over_verified_tls() -> None:
    """Not to one in clear, under another name, unverified or cut short, and only for reachable targets."""
    first = Exchange(url=URL, address=A, secure=True, status=302, complete=True)
    unfit = (
        Exchange(url=HTTP, address=A, status=200, complete=True, chain=2),
        Exchange(url=URL, address=A, secure=True, status=200, complete=True, chain=2),
        Exchange(url=URL, address=A, status=200, complete=True),
        Exchange(url=URL, address=A, secure=True, status=200, complete=True, purpose=Purpose.NEUTRAL),
        Exchange(url=URL, address=A, secure=True, failure=Failure.TIMEOUT),
    )

    assert served(made(*unfit, PAGE, first)) == first
    assert served(made(*unfit)) is None
    assert served(made(first, status=Status.BLOCKED)) is None
