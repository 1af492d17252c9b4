"""The control, from a file and from a collector on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from probe.agent.collector_client import CollectorClient
from probe.agent.control_facts import CachedControl, read_control_file
from probe.errors import RecordError
from probe.formats.jsonlines import write
from probe.model.verdict import Status, Vantage, VantageState, Verdict
from tests.loopback.agent.made import SettableClock
from tests.loopback.agent.tiny_collector import TinyCollector

NOON = datetime(2017, 5, 4, 12, tzinfo=UTC)


def line(target: str, status: Status = Status.REACHABLE) -> str:
    vantage = Vantage(state=VantageState.ONLINE)
    return write(Verdict(time=NOON, target=target, status=status, rule="served", vantage=vantage)).decode()


def test_a_file_of_verdicts_gives_facts_by_target(tmp_path: Path) -> None:
    (tmp_path / "control.jsonl").write_text(line("a.example") + line("b.example", Status.DOWN))

    found = read_control_file(tmp_path / "control.jsonl")

    assert {target: said.statuses for target, said in found.items()} == {
        "a.example": (Status.REACHABLE,),
        "b.example": (Status.DOWN,),
    }


def test_a_verdict_of_a_newer_version_is_left_out_of_the_control(tmp_path: Path) -> None:
    """And named; a file without any verdict is an error."""
    file = tmp_path / "control.jsonl"
    file.write_text("\ufeff" + line("a.example") + line("b.example").replace('"reachable"', '"quarantined"'))
    said: list[str] = []

    assert set(read_control_file(file, said.append)) == {"a.example"}
    assert [one.partition(": Invalid")[0] for one in said] == [f"{file}:2: left out of the control"]

    file.write_text("\n")
    with pytest.raises(RecordError, match="has no verdict"):
        read_control_file(file)


def test_a_malformed_control_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "control.jsonl").write_text(line("a.example") + "nonsense\n")

    with pytest.raises(RecordError, match=r"control\.jsonl:2: not a verdict"):
        read_control_file(tmp_path / "control.jsonl")
    with pytest.raises(RecordError, match=r"none: cannot be read: No such file"):
        read_control_file(tmp_path / "none")


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(NOON)


@pytest.fixture
async def tiny() -> AsyncIterator[TinyCollector]:
    async with TinyCollector(control=line("a.example")) as collector:
        yield collector


@pytest.fixture
async def client(tiny: TinyCollector) -> AsyncIterator[CollectorClient]:
    async with CollectorClient((tiny.origin,), ca_file="", timeout=30) as made:
        yield made


def later(clock: SettableClock, seconds: float) -> None:
    """Let time pass on both clocks."""
    clock.seconds += seconds
    clock.wall += timedelta(seconds=seconds)


async def test_the_collectors_control_is_fetched_once_and_revalidated_afterwards(
    tmp_path: Path, tiny: TinyCollector, client: CollectorClient, clock: SettableClock
) -> None:
    source = CachedControl(tmp_path, clock, max_age=600)
    assert source.facts() == {}

    assert await source.refresh(client) == ""
    later(clock, 500)
    assert await source.refresh(client) == ""
    later(clock, 500)

    assert [request.headers.get("If-None-Match") is not None for request in tiny.heard] == [False, True]
    assert set(source.facts()) == {"a.example"}, "the confirmation counts as fresh"


async def test_a_copy_serves_the_next_start_until_it_is_too_old(
    tmp_path: Path, client: CollectorClient, clock: SettableClock
) -> None:
    """Compared with a stale control, a site that has gone down since would look blocked."""
    await CachedControl(tmp_path, clock, max_age=600).refresh(client)
    later(clock, 600)
    source = CachedControl(tmp_path, clock, max_age=600)

    assert set(source.facts()) == {"a.example"}
    later(clock, 1)
    assert source.facts() == {}


async def test_a_collector_that_does_not_answer_leaves_the_copy(tmp_path: Path, clock: SettableClock) -> None:
    async with CollectorClient(("http://127.0.0.1:1",), ca_file="", timeout=30) as client:
        assert await CachedControl(tmp_path, clock, max_age=600).refresh(client) == (
            "http://127.0.0.1:1: Connection refused"
        )


@pytest.mark.parametrize("step", [timedelta(days=-1), timedelta(days=3650)])
async def test_a_wall_clock_that_is_set_while_the_agent_runs_changes_no_age(
    tmp_path: Path, client: CollectorClient, clock: SettableClock, step: timedelta
) -> None:
    source = CachedControl(tmp_path, clock, max_age=600)
    await source.refresh(client)
    clock.wall += step

    clock.seconds += 600
    assert set(source.facts()) == {"a.example"}
    clock.seconds += 1
    assert source.facts() == {}


async def test_a_copy_dated_ahead_is_never_used_not_even_when_the_clock_reaches_its_date(
    tmp_path: Path, client: CollectorClient, clock: SettableClock
) -> None:
    """The clock was set back between two runs, so nobody knows how old the copy is."""
    await CachedControl(tmp_path, clock, max_age=600).refresh(client)
    clock.wall -= timedelta(seconds=300)
    assert CachedControl(tmp_path, clock, max_age=600).facts() == {}

    later(clock, 300)
    assert CachedControl(tmp_path, clock, max_age=600).facts() == {}


async def test_a_second_or_two_ahead_is_a_clock_that_was_corrected(
    tmp_path: Path, client: CollectorClient, clock: SettableClock
) -> None:
    await CachedControl(tmp_path, clock, max_age=600).refresh(client)
    clock.wall -= timedelta(seconds=2)

    assert set(CachedControl(tmp_path, clock, max_age=600).facts()) == {"a.example"}


async def test_a_malformed_control_from_the_collector_changes_nothing(
    tmp_path: Path, tiny: TinyCollector, client: CollectorClient, clock: SettableClock
) -> None:
    source = CachedControl(tmp_path, clock, max_age=600)
    await source.refresh(client)
    tiny.control = "<html>please log in</html>"

    assert "the collector's control:1: not a verdict" in await source.refresh(client)
    assert set(source.facts()) == {"a.example"}


@pytest.mark.parametrize("name", ["control.jsonl", "control.json"])
@pytest.mark.parametrize("content", [b"broken", b'{"x":' * 1500, b'{"etag":"\xff"}'])
async def test_a_damaged_copy_is_no_control(
    tmp_path: Path, client: CollectorClient, clock: SettableClock, name: str, content: bytes
) -> None:
    await CachedControl(tmp_path, clock, max_age=600).refresh(client)
    (tmp_path / name).write_bytes(content)

    assert CachedControl(tmp_path, clock, max_age=600).facts() == {}
