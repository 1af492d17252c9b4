"""Whether the network punished our own pace."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from probe.judge import again
from probe.judge.policing import Freeze, TimedHandshake, freezes, handshakes, overlaps_success, with_policed_vantage
from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.verdict import AnchorKind, AnchorLook, Evidence, Status, Vantage, VantageState, Verdict
from tests.unit.judge.builders import TIME, tcp, tls

HOSTS = ("151.10.0.1", "151.11.0.1", "151.12.0.1", "151.13.0.1")


def at(seconds: float) -> datetime:
    """A moment."""
    return TIME + timedelta(seconds=seconds)


def shook(
    second: float, address: str, *, silent: bool = True, neutral: bool = False, lasts: float = 5
) -> TimedHandshake:
    """A handshake that lasted five seconds if it was silent."""
    return TimedHandshake(at(second), at(second + (lasts if silent else 0.1)), address, silent, neutral)


def frozen(*, after: float = 70) -> list[TimedHandshake]:
    """Four networks are silent at once, under neutral names too; one answers again a number of seconds later."""
    first = [shook(n / 10, host) for n, host in enumerate(HOSTS)]
    neutral = [shook(6 + n / 10, host, neutral=True) for n, host in enumerate(HOSTS[:2])]
    return [*first, *neutral, shook(after, HOSTS[0], silent=False)]


def test_a_burst_of_silent_handshakes_that_heals_is_a_freeze() -> None:
    """From the first silence to the first answer."""
    (freeze,) = freezes(frozen())

    assert (freeze.begun, freeze.healed, freeze.addresses) == (at(0), at(70), frozenset(HOSTS))


def test_a_freeze_whose_addresses_were_not_tried_again_may_still_heal() -> None:
    """Where another address answers meanwhile, it is not healed yet."""
    elsewhere = shook(20, "151.99.0.1", silent=False)
    (freeze,) = freezes([*frozen()[:-1], elsewhere])
    (unbroken,) = freezes(frozen()[:-1])

    assert freeze == unbroken == Freeze(at(0), at(6.1), frozenset(HOSTS), healed=None)


def test_every_freeze_of_a_round_is_found() -> None:
    """Whatever was answered before and between them."""
    second = [shook(200 + n / 10, host, neutral=n > 1) for n, host in enumerate(HOSTS)]

    found = freezes([shook(-90, HOSTS[0], silent=False), *frozen(), *second, shook(290, HOSTS[0], silent=False)])

    assert [(one.begun, one.last) for one in found] == [(at(0), at(6.1)), (at(200), at(200.3))]


def test_the_smallest_freeze() -> None:
    """Four handshakes to three networks, two of them under neutral names, begun within two seconds, healed in 150."""
    again = shook(150, HOSTS[0], silent=False)
    two = [shook(n * 2 / 3, host, neutral=n > 1) for n, host in enumerate((*HOSTS[:3], "151.10.0.2"))]
    before = [shook(-2, f"151.9.0.{n}", silent=False) for n in range(3)]
    later = [shook(3 + n, host, neutral=n > 0) for n, host in enumerate(HOSTS[1:])]

    assert len(freezes([*two, again])) == 1
    assert len(freezes([*before, shook(0, HOSTS[0]), *later, again])) == 1
    assert freezes([*before[1:], shook(0, HOSTS[0]), *later, again]) == ()


def test_a_silence_of_more_than_150_seconds_is_no_freeze() -> None:
    """The line is dead, or the addresses are blocked."""
    assert len(freezes([*frozen()[:-1], shook(150, HOSTS[3])])) == 1
    assert freezes([*frozen()[:-1], shook(151, HOSTS[3])]) == ()


@pytest.mark.parametrize(
    "seen",
    [
        [],
        frozen()[:3] + frozen()[-1:],
        [*frozen(), shook(0.25, "151.99.0.1", silent=False)],
        [*frozen(), shook(0.35, "", silent=False)],
        [shook(one.begun.second, "151.10.0." + one.address[-1], neutral=one.neutral) for one in frozen()],
        [one for one in frozen() if not one.neutral],
        frozen(after=200),
        [*frozen()[:-1], shook(30, HOSTS[0]), shook(70, "151.99.0.1", silent=False), shook(80, HOSTS[1])],
        [shook(n * 10, host, neutral=n > 1) for n, host in enumerate(HOSTS)],
    ],
    ids=[
        "nothing",
        "too few",
        "another was served in between",
        "an anchor worked in between",
        "one network",
        "no neutral name was silent",
        "silent for too long",
        "silent still where others are served",
        "no burst of ours",
    ],
)
def test_a_silence_that_lacks_any_condition_is_no_freeze(seen: list[TimedHandshake]) -> None:
    """Each condition is needed."""
    assert freezes(seen) == ()


def test_handshakes_are_read_from_a_verdict_and_its_anchors() -> None:
    """A time-out after a first byte is not silent, and an anchor over IPv6 does not count."""
    working = AnchorLook(url="https://a.example/", kind=AnchorKind.FOREIGN, at=at(9))
    dead = AnchorLook(url="https://b.example/", kind=AnchorKind.FOREIGN, at=at(8), failure=Failure.TIMEOUT)
    seen = (
        tcp(at=900, took=50),
        tls(HOSTS[0], Failure.TIMEOUT, at=1000, took=5000),
        tls(HOSTS[0], Failure.TIMEOUT, at=6000, took=5000, answered=True),
        tls(HOSTS[1], at=7000, took=100, purpose=Purpose.NEUTRAL),
    )
    other = AnchorLook(url="https://c.example/", kind=AnchorKind.FOREIGN, at=at(7), over_ipv6=True)
    made = verdict(Status.UNREACHABLE, seen, anchors=(working, dead, other))

    assert handshakes(made) == (
        TimedHandshake(at(9), at(9), "", silent=False),
        TimedHandshake(at(1), at(6), HOSTS[0], silent=True),
        TimedHandshake(at(6), at(11), HOSTS[0], silent=False),
        TimedHandshake(at(7), at(7.1), HOSTS[1], silent=False, neutral=True),
    )


def verdict(
    status: Status, seen: tuple[object, ...] = (), *, time: float = 0, anchors: tuple[AnchorLook, ...] = ()
) -> Verdict:
    """A verdict with these observations."""
    return Verdict(
        time=at(time),
        target="https://news.example.org/",
        status=status,
        evidence=Evidence(observations=seen),  # type: ignore[arg-type]
        vantage=Vantage(state=VantageState.ONLINE, anchors=anchors),
    )


def test_a_freeze_covers_verdicts_that_failed_in_it() -> None:
    """Begun in it, or silent in it; never a reachable one, nor what failed before or after."""
    freeze = Freeze(at(10), at(20), frozenset(HOSTS), healed=at(70))
    silent = (tls(HOSTS[0], Failure.TIMEOUT, at=4000, took=5000),)

    assert all(freeze.covers(verdict(Status.BLOCKED, time=second)) for second in (10, 50, 70))
    assert all(freeze.covers(verdict(Status.BLOCKED, silent, time=second)) for second in (6, 66))
    last = (tls(HOSTS[0], Failure.TIMEOUT, at=64_000, took=5000),)
    assert freeze.covers(verdict(Status.BLOCKED, last, time=6))
    assert not freeze.covers(verdict(Status.BLOCKED, last, time=7))
    assert freeze.covers(verdict(Status.BLOCKED, silent, time=8))
    assert not freeze.covers(verdict(Status.REACHABLE, silent, time=8))
    assert not freeze.covers(verdict(Status.BLOCKED, silent, time=1))
    assert not freeze.covers(verdict(Status.BLOCKED, silent, time=71))
    assert not Freeze(at(10), at(20), frozenset(HOSTS)).covers(verdict(Status.BLOCKED, time=21))


def test_a_verdict_of_a_policed_vantage_is_unknown() -> None:
    """Judging it again changes nothing."""
    silent = (tcp(HOSTS[0]), tls(HOSTS[0], Failure.TIMEOUT))
    made = with_policed_vantage(verdict(Status.BLOCKED, silent))

    assert (made.status, made.rule, made.vantage.state) == (Status.UNKNOWN, "vantage.policed", VantageState.POLICED)
    assert (made.time, made.target) == (TIME, "https://news.example.org/")
    assert again(made) == made


def test_a_success_begun_during_a_silent_handshake_overlaps_it() -> None:
    """One begun before or after does not."""
    silent = shook(10, HOSTS[0])

    assert overlaps_success(silent, [at(9), at(12)])
    assert overlaps_success(silent, [at(10)])
    assert overlaps_success(silent, [at(15)])
    assert not overlaps_success(silent, [at(9), at(16)])
    assert not overlaps_success(silent, [])
