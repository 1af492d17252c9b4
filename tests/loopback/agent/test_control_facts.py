"""What the control says, from a file and from a collector on loopback."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from probe.agent.collector_client import CollectorClient
from probe.agent.control_facts import CachedControl, read_control_file
from probe.errors import RecordError
from probe.formats.jsonlines import write
from probe.model.verdict import Status, Vantage, VantageState, Verdict
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


def test_a_file_that_is_no_control_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "control.jsonl").write_text(line("a.example") + "nonsense\n")

    with pytest.raises(RecordError, match=r"control\.jsonl:2: not a verdict"):
        read_control_file(tmp_path / "control.jsonl")
    with pytest.raises(RecordError, match=r"none: cannot be read: No such file"):
        read_control_file(tmp_path / "none")


async def test_the_collectors_control_is_fetched_once_and_confirmed_cheaply_after(tmp_path: Path) -> None:
    async with (
        TinyCollector(control=line("a.example")) as tiny,
        CollectorClient((tiny.origin,), ca_file="", timeout=30) as way,
    ):
        source = CachedControl(tmp_path, max_age=600)
        assert source.facts(NOON) == {}

        assert await source.refresh(way, NOON) == ""
        assert await source.refresh(way, NOON + timedelta(seconds=500)) == ""

        assert [request.headers.get("If-None-Match") is not None for request in tiny.heard] == [False, True]
        assert set(source.facts(NOON + timedelta(seconds=1000))) == {"a.example"}, "the confirmation counts as fresh"


async def test_a_copy_serves_the_next_start_until_it_is_too_old(tmp_path: Path) -> None:
    """Compared with a stale control, a site that has gone down since would pass for blocked."""
    async with (
        TinyCollector(control=line("a.example")) as tiny,
        CollectorClient((tiny.origin,), ca_file="", timeout=30) as way,
    ):
        await CachedControl(tmp_path, max_age=600).refresh(way, NOON)
    async with CollectorClient((tiny.origin,), ca_file="", timeout=30) as way:
        source = CachedControl(tmp_path, max_age=600)
        assert tiny.origin in await source.refresh(way, NOON)

    assert set(source.facts(NOON + timedelta(seconds=600))) == {"a.example"}
    assert source.facts(NOON + timedelta(seconds=601)) == {}
    assert source.facts(NOON - timedelta(seconds=601)) == {}, "the clock was set back: its age is not known"


async def test_nonsense_in_place_of_a_control_changes_nothing(tmp_path: Path) -> None:
    async with (
        TinyCollector(control=line("a.example")) as tiny,
        CollectorClient((tiny.origin,), ca_file="", timeout=30) as way,
    ):
        source = CachedControl(tmp_path, max_age=600)
        await source.refresh(way, NOON)
        tiny.control = "<html>please log in</html>"

        assert "the collector's control:1: not a verdict" in await source.refresh(way, NOON)
        assert set(source.facts(NOON)) == {"a.example"}


async def test_a_broken_copy_is_no_control(tmp_path: Path) -> None:
    async with (
        TinyCollector(control=line("a.example")) as tiny,
        CollectorClient((tiny.origin,), ca_file="", timeout=30) as way,
    ):
        await CachedControl(tmp_path, max_age=600).refresh(way, NOON)
    (tmp_path / "control.jsonl").write_text("broken")

    assert CachedControl(tmp_path, max_age=600).facts(NOON) == {}
    (tmp_path / "control.json").write_text("broken")
    assert CachedControl(tmp_path, max_age=600).facts(NOON) == {}
