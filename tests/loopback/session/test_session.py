"""What a round measures with, on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from probe.clock import Clock
from probe.measure.budget import Budget
from probe.model.target import parse
from probe.model.verdict import AnchorKind, ControlFacts, Status
from probe.session.session import Instruments
from tests.loopback.agent.made import port, settings

CLOSED = "tcp://127.0.0.1:1"


@pytest.fixture
def target() -> Iterator[str]:
    with port() as text:
        yield text


async def test_a_target_is_measured_under_the_settings_network(target: str, tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    chosen = msgspec.structs.replace(chosen, network=msgspec.structs.replace(chosen.network, asn=64500, country="RU"))

    async with Instruments(chosen, Clock()) as instruments:
        verdict = await instruments.measure(target, parse(target), attempt=2)

    assert (verdict.status, verdict.target, verdict.evidence.attempt) == (Status.REACHABLE, target, 2)
    assert (verdict.vantage.asn, verdict.vantage.country) == (64500, "RU")


async def test_a_target_is_compared_with_its_own_control(tmp_path: Path) -> None:
    down = ControlFacts(time=datetime.now(UTC), statuses=(Status.DOWN,), failures=("tcp.reset",))

    async with Instruments(settings(tmp_path), Clock()) as instruments:
        alone = await instruments.measure(CLOSED, parse(CLOSED))
        instruments.prepare({CLOSED: down})
        compared = await instruments.measure(CLOSED, parse(CLOSED))

    assert (alone.status, alone.evidence.control) == (Status.UNREACHABLE, None)
    assert (compared.status, compared.evidence.control) == (Status.DOWN, down)


async def test_anchors_are_those_of_the_settings_and_a_look_may_be_shared(tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    measure = msgspec.structs.replace(
        chosen.measure, anchors=("http://127.0.0.1:1/",), domestic_anchors=("http://127.0.0.1:2/",)
    )
    clock = Clock()

    async with Instruments(msgspec.structs.replace(chosen, measure=measure), clock) as instruments:
        looks = await instruments.fresh(clock.monotonic())
        again = await instruments.fresh(clock.monotonic() - 60)

    assert [(look.url, look.kind) for look in looks] == [
        ("http://127.0.0.1:1/", AnchorKind.FOREIGN),
        ("http://127.0.0.1:2/", AnchorKind.DOMESTIC),
    ]
    assert all(look.failure is not None for look in looks)
    assert again == looks


async def test_without_anchors_there_is_nothing_to_look_at(tmp_path: Path) -> None:
    async with Instruments(settings(tmp_path), Clock()) as instruments:
        assert await instruments.fresh(Clock().monotonic()) == ()


async def test_what_the_budget_does_not_allow_is_left_out_and_said_to_be_unknown(target: str, tmp_path: Path) -> None:
    """Until the next round, which has a budget of its own."""
    async with Instruments(settings(tmp_path), Clock(), Budget(max_connections=1)) as instruments:
        said = [await instruments.measure(target, parse(target)) for _ in range(2)]
        instruments.prepare({})
        said.append(await instruments.measure(target, parse(target)))

    assert [one.status for one in said] == [Status.REACHABLE, Status.UNKNOWN, Status.REACHABLE]
    assert said[1].rule == "host.no_way"


@pytest.mark.parametrize(
    ("when", "retests", "attempt"), [("never", 3, None), ("always", 3, 0), ("changes", 3, 3), ("changes", 0, 1)]
)
async def test_a_block_is_localised_when_the_settings_say(
    when: str, retests: int, attempt: int | None, tmp_path: Path
) -> None:
    """With changes: at the last re-test, and never at a first look."""
    chosen = settings(tmp_path)
    measure = msgspec.structs.replace(chosen.measure, localise=when)
    agent = msgspec.structs.replace(chosen.agent, retests=retests)

    async with Instruments(msgspec.structs.replace(chosen, measure=measure, agent=agent), Clock()) as instruments:
        assert instruments._surroundings.localise == attempt


@pytest.mark.parametrize("when", ["never", "always"])
async def test_sendings_are_made_where_the_settings_say(when: str, tmp_path: Path) -> None:
    """Never by default."""
    chosen = settings(tmp_path)
    measure = msgspec.structs.replace(chosen.measure, send=when)

    async with Instruments(msgspec.structs.replace(chosen, measure=measure), Clock()) as instruments:
        assert instruments._surroundings.send is (when == "always")
    assert chosen.measure.send == "never"


async def test_packets_that_cannot_be_captured_are_done_without(target: str, tmp_path: Path) -> None:
    """Or can be, where this test is root: then nothing is lacking. Either way the target is measured."""
    chosen = settings(tmp_path)
    measure = msgspec.structs.replace(chosen.measure, packets="numbers")

    async with Instruments(msgspec.structs.replace(chosen, measure=measure), Clock()) as instruments:
        verdict = await instruments.measure(target, parse(target))
        captures = instruments._tools.watcher is not None

    assert verdict.status is Status.REACHABLE
    assert captures is not bool(instruments.lacking)
