"""Several collectors: each gets every transition once, whichever of them is away and whenever the agent is killed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from probe.agent.daemon import run_daemon, run_once
from probe.agent.further_collectors import FurtherCollectors, RoundCopy, folder_of
from probe.agent.identity import KEY_FILE, read_enrolment
from probe.agent.outbox import AgentState, LastReport, Outbox
from probe.agent.state_file import STATE_FILE
from probe.clock import Clock
from probe.errors import ExitStatus, StorageError
from probe.formats.batch import decode
from probe.model.transition import Transition
from probe.settings import Settings
from tests.loopback.agent.made import agent_context, port, settings, until
from tests.loopback.agent.tiny_collector import TinyCollector
from tests.unit.agent.batches import draft

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture
async def collectors() -> AsyncIterator[tuple[TinyCollector, TinyCollector]]:
    """The first and the further collector."""
    async with TinyCollector(token="one") as first, TinyCollector(token="two") as second:
        yield first, second


@pytest.fixture
def target() -> Iterator[str]:
    with port() as text:
        yield text


def reporting_to(folder: Path, first: str, second: str, *targets: str, **agent: object) -> Settings:
    """Settings of an agent with two collectors, whose tokens are `one` and `two`."""
    for word in ("one", "two"):
        (folder / word).write_text(word)
    return settings(
        folder,
        *targets,
        collectors=[first],
        token_file=str(folder / "one"),
        further_collectors=[second],
        further_token_files=[str(folder / "two")],
        **agent,
    )


def quiet(transition: Transition) -> None:
    pytest.fail(f"printed in place of being reported: {transition}")


async def test_every_round_goes_to_each_collector_under_a_key_of_its_own(
    collectors: tuple[TinyCollector, TinyCollector], target: str, tmp_path: Path
) -> None:
    first, second = collectors
    chosen, context = reporting_to(tmp_path, first.origin, second.origin, target), agent_context(tmp_path)

    for _ in range(2):
        assert await run_once(chosen, context, quiet) == (ExitStatus.OK, "")

    assert first.targets() == second.targets() == [target]
    assert [len(kept) for kept in first.stored.values()] == [len(kept) for kept in second.stored.values()] == [2]
    assert set(first.keys.values()).isdisjoint(second.keys.values())
    own = folder_of(context.folder, second.origin)
    assert (own / KEY_FILE).exists()
    enrolment = read_enrolment(own)
    assert enrolment is not None
    assert enrolment.origin == second.origin


@pytest.mark.parametrize("away", [0, 1])
async def test_a_collector_that_is_away_stops_no_other_and_gets_its_reports_later(
    collectors: tuple[TinyCollector, TinyCollector], target: str, tmp_path: Path, away: int
) -> None:
    busy = 503, {"error": {"code": "busy", "message": "later"}}, {"Retry-After": "3600"}
    collectors[away].script = lambda _: busy
    chosen = reporting_to(tmp_path, collectors[0].origin, collectors[1].origin, target, interval=0.05)
    context = agent_context(tmp_path)
    running = asyncio.create_task(run_daemon(lambda: chosen, context, quiet))
    await until(lambda: any(len(kept) >= 3 for kept in collectors[1 - away].stored.values()))
    context.stopping.set()
    await asyncio.wait_for(running, 120)
    assert not collectors[away].stored

    collectors[away].script = lambda _: None
    status, problem = await run_once(chosen, agent_context(tmp_path), quiet)

    assert (status, problem) == (ExitStatus.OK, "")
    bodies = [[decode(body) for kept in one.stored.values() for body in kept] for one in collectors]
    starts = [[report.start for batch in one for report in batch.rounds] for one in bodies]
    assert starts[0] == starts[1]
    assert len(set(starts[0])) == len(starts[0])


def round_copy(name: str) -> RoundCopy:
    """A round with one transition."""
    reports = {name: LastReport(1, "blocked")}
    return RoundCopy(batches=(draft(changed=name),), reports=reports, watched=frozenset({name, "a"}), time=NOON)


def changes_in(outbox: Outbox) -> list[str]:
    """The targets of the transitions in an outbox, in order."""
    return [change.transition.target for entry in outbox.entries() for change in entry.batch.changes]


def test_a_crash_between_the_state_file_and_a_collectors_outbox_neither_loses_nor_repeats(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row is still in the state file after its content has been taken, or the content was never taken."""
    chosen = reporting_to(tmp_path, "https://one.example", "https://two.example")
    with Outbox(tmp_path / STATE_FILE) as outbox:

        def store(further: FurtherCollectors, name: str) -> None:
            copies = further.copies(lambda _: round_copy(name))
            outbox.commit(AgentState(), (), reports={}, now=NOON, copies=copies)

        with FurtherCollectors(chosen, outbox, tmp_path, Clock(NOON)) as further:
            store(further, "a")  # killed before it is taken
        with FurtherCollectors(chosen, outbox, tmp_path, Clock(NOON)) as further, monkeypatch.context() as patch:
            store(further, "b")
            patch.setattr(outbox.copies, "delete", fail)  # killed after it is taken
            with pytest.raises(StorageError):
                further.take()
        with FurtherCollectors(chosen, outbox, tmp_path, Clock(NOON)) as further:
            store(further, "c")
            further.take()
            (one,) = further
            assert changes_in(one.outbox) == ["a", "b", "c"]
            assert set(one.outbox.last_reports()) == {"a", "c"}  # of what is watched now
            assert list(outbox.copies.of(one.origin)) == []


def fail(number: int) -> None:
    raise StorageError("killed")


def test_what_was_kept_for_a_collector_that_left_the_settings_is_dropped(tmp_path: Path) -> None:
    with Outbox(tmp_path / STATE_FILE) as outbox:
        outbox.commit(AgentState(), (), reports={}, now=NOON, copies=[("https://gone.example", b"{}")])
        with FurtherCollectors(settings(tmp_path), outbox, tmp_path, Clock(NOON)) as further:
            assert list(further) == []
        assert list(outbox.copies.of("https://gone.example")) == []


def test_an_outbox_in_use_closes_those_that_were_opened_before_it(tmp_path: Path) -> None:
    chosen = settings(tmp_path, further_collectors=["https://one.example", "https://two.example"])
    own = folder_of(tmp_path, "https://two.example")
    own.mkdir(parents=True)
    (own / STATE_FILE).write_text("no database" * 100)

    with closing(Outbox(tmp_path / STATE_FILE)) as outbox, pytest.raises(Exception, match="broken"):
        FurtherCollectors(chosen, outbox, tmp_path, Clock(NOON))
