"""The name after which the whole line is lost, tried again alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from probe import judge
from probe.judge.policing import with_policed_vantage
from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.observation import Connection, Observation, TlsHandshake
from probe.model.target import parse
from probe.model.verdict import AnchorKind, AnchorLook, Evidence, Outage, Status, Vantage, VantageState, Verdict
from probe.session.outages import MAX_SUSPECTS, MEMORY, TRIALS, OutageMemory, OutageTrials

TIME = datetime(2026, 10, 1, 12, tzinfo=UTC)
SILENT = Failure.TIMEOUT


def text(name: str = "forbidden.example") -> str:
    """The target of a name."""
    return f"tls://192.0.2.1:443/{name}"


def cut(
    name: str = "forbidden.example", *, at: int = 100, neutral: Failure | None = Failure.ALERT
) -> list[Observation]:
    """A neutral name that is answered, then the target's name, and silence."""
    where: dict[str, Any] = {"address": "192.0.2.1", "port": 443}
    return [
        TlsHandshake(**where, sni="random.example", purpose=Purpose.NEUTRAL, failure=neutral, at=at - 50),
        Connection(**where, at=at),
        TlsHandshake(**where, sni=name, failure=SILENT, at=at),
        Connection(**where, failure=SILENT, attempt=1, at=at + 5_000),
    ]


def verdict(
    seen: list[Observation], *, lost: bool = True, time: datetime = TIME, name: str = "forbidden.example"
) -> Verdict:
    """A verdict; the anchor is silent where the line was lost."""
    look = AnchorLook(url="https://a.example/", kind=AnchorKind.FOREIGN, at=time, failure=SILENT if lost else None)
    vantage = Vantage(state=VantageState.OFFLINE if lost else VantageState.ONLINE, anchors=(look,))
    return judge.verdict(
        time=time,
        text=text(name),
        target=parse(text(name)),
        evidence=Evidence(observations=tuple(seen)),
        vantage=vantage,
    )


SERVED: list[Observation] = [
    Connection(address="192.0.2.1", port=443),
    TlsHandshake(address="192.0.2.1", port=443, sni="forbidden.example", verified=True),
]
ONLINE = verdict(SERVED, lost=False).vantage


class Line:
    """A line on which every trial has the outcome given, in turn; it comes back where that is said."""

    def __init__(self, *trials: Verdict, back: bool = True, memory: OutageMemory | None = None) -> None:
        self.left = list(trials)
        self.back = back
        self.waits: list[float] = []
        self.trials = OutageTrials(memory or OutageMemory(), self.measure, self.until_back)

    async def measure(self, suspect: Verdict) -> Verdict:
        """The next trial."""
        assert suspect.vantage.state in {VantageState.OFFLINE, VantageState.POLICED}
        return self.left.pop(0)

    async def until_back(self, seconds: float) -> Vantage | None:
        """Online at once, or never."""
        self.waits.append(seconds)
        return ONLINE if self.back else None

    async def settled(self, *suspects: Verdict) -> list[Verdict]:
        """The verdicts that stand in the place of these suspects."""
        assert all(map(self.trials.withholds, suspects))
        return await self.trials.settle()


def trial(minutes: int, **more: Any) -> Verdict:
    """A trial that loses the line again."""
    return verdict(cut(**more), time=TIME + timedelta(minutes=minutes))


async def test_a_name_after_which_the_line_is_lost_twice_alone_is_blocked() -> None:
    """The evidence names each outage; judging it again gives the same."""
    line = Line(trial(1), trial(3))

    (judged,) = await line.settled(verdict(cut()))

    assert (judged.status, judged.rule, judged.causes) == (Status.BLOCKED, "tls.timeout.line", ("tls.timeout",))
    assert judged.evidence.outages == (
        Outage(at=TIME),
        Outage(at=TIME + timedelta(minutes=1), alone=True, back=True),
        Outage(at=TIME + timedelta(minutes=3), alone=True, back=True),
    )
    assert judged.evidence.notes == ("line_lost",)
    assert judged.vantage == ONLINE
    assert judge.again(judged) == judged


@pytest.mark.parametrize(
    "second",
    [
        verdict(SERVED, lost=False),
        verdict(cut(), lost=False),
        trial(3, neutral=SILENT),
        verdict([*3 * cut(at=60)[:1], *cut()], time=TIME + timedelta(minutes=3)),
        verdict([Connection(address="192.0.2.1", port=443, failure=SILENT)]),
    ],
)
async def test_a_trial_that_goes_otherwise_gives_its_own_verdict(second: Verdict) -> None:
    """It works, the anchors work after it, or the line was lost before the name was sent, or after a burst of ours."""
    line = Line(trial(1), second)

    assert await line.settled(verdict(cut())) == [second]
    assert second.status is not Status.BLOCKED


async def test_where_the_line_does_not_come_back_nothing_is_tried() -> None:
    """The verdict stays unknown; the outage is named."""
    line = Line(back=False)

    (judged,) = await line.settled(verdict(cut()))

    assert (judged.status, judged.rule, judged.evidence.outages) == (
        Status.UNKNOWN,
        "vantage.offline",
        (Outage(at=TIME),),
    )


async def test_those_whose_names_were_sent_first_are_tried() -> None:
    """After the forbidden name, the others fail too: their verdicts stand."""
    names = ("c.example", "a.example", "b.example")
    suspects = [verdict(cut(name, at=at), name=name) for name, at in zip(names, (900, 100, 500), strict=True)]
    line = Line(verdict(SERVED, lost=False, name="a.example"), verdict(SERVED, lost=False, name="b.example"))

    settled = await line.settled(*suspects)

    assert MAX_SUSPECTS == 2
    assert [one.target for one in settled] == [text("a.example"), text("b.example"), text("c.example")]
    assert settled[2] == suspects[0]


@pytest.mark.parametrize(
    "made",
    [
        verdict(cut(), lost=False),
        verdict([Connection(address="192.0.2.1", port=443, failure=SILENT)]),
        verdict([]),
    ],
)
async def test_a_verdict_is_no_suspects_where_the_line_works_or_no_name_was_cut(made: Verdict) -> None:
    """It is reported at once."""
    line = Line()

    assert not line.trials.withholds(made)
    assert await line.trials.settle() == []


async def test_a_name_that_is_known_to_cut_the_line_is_not_tried_again_in_the_next_pass() -> None:
    """For a day, and until it works."""
    memory = OutageMemory()
    await Line(trial(1), trial(3), memory=memory).settled(verdict(cut()))
    later = verdict(cut(), time=TIME + timedelta(hours=1))

    (known,) = await Line(memory=memory).settled(later)
    assert (known.status, known.rule, len(known.evidence.outages)) == (Status.BLOCKED, "tls.timeout.line", TRIALS + 1)
    assert judge.again(known) == known
    assert memory.known(text(), TIME + MEMORY + timedelta(minutes=3)) == ()
    memory.add(verdict(SERVED, lost=False))
    assert memory.known(text(), TIME + timedelta(hours=1)) == ()


async def test_a_name_that_seems_silent_because_of_our_pace_is_tried_alone_too() -> None:
    """It is blocked where the line is lost twice; else the verdict stands, for the pace was the reason."""
    policed = with_policed_vantage(verdict(cut()))
    assert (policed.status, policed.vantage.state) == (Status.UNKNOWN, VantageState.POLICED)

    (blocked,) = await Line(trial(1), trial(3)).settled(policed)
    assert (blocked.status, blocked.rule) == (Status.BLOCKED, "tls.timeout.line")
    assert await Line(verdict(SERVED, lost=False)).settled(policed) == [policed]
    assert not Line().trials.withholds(with_policed_vantage(verdict(cut(), lost=False)))
