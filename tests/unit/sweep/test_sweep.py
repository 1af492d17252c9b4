"""A sweep with measurers that the test scripts: its order, pauses, repetitions and losses."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from probe.formats import jsonlines
from probe.model.verdict import ControlFacts, Evidence, Status, Vantage, VantageState, Verdict
from probe.sweep import sweep as sweeping
from probe.sweep.journal import Journal
from probe.sweep.sweep import Sweep, WorkerLostError
from probe.sweep.sweep_pass import Chunk, Glancing, Repeat, SweptVerdict, swept
from probe.sweep.sweep_store import SweepStore
from probe.sweep.swept_looks import LookChange
from probe.sweep.target_names import TargetNames
from probe.sweep.verdict_output import VerdictOutput
from tests.unit.virtual_clock import VirtualClock

OFFLINE = Vantage(state=VantageState.OFFLINE)
ONLINE = Vantage(state=VantageState.ONLINE)


class ScriptedMeasurer:
    """Measures in no time; the outcome of a text at a moment is a function's, None for "the process ends here"."""

    def __init__(self, clock: VirtualClock, outcome: Callable[[int, str], SweptVerdict | None]) -> None:
        self.clock = clock
        self.outcome = outcome
        self.vantage = ONLINE
        self.is_spent = False
        self.most = 10_000
        self.chunks: list[list[str]] = []
        self.moments: list[float] = []
        self.alone: list[bool] = []

    async def measure(
        self, chunk: Chunk, control: Mapping[str, ControlFacts], glancing: Glancing | None, *, is_alone: bool
    ) -> AsyncGenerator[SweptVerdict | LookChange, None]:
        """Note the chunk, then yield what is scripted for each target."""
        self.chunks.append([text for _, text in chunk])
        self.moments.append(self.clock.monotonic())
        self.alone.append(is_alone)
        for number, text in chunk[: self.most]:
            await asyncio.sleep(0)
            one = self.outcome(number, text)
            if one is None:
                raise WorkerLostError("a worker process ended")
            yield one


class Listener:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.done = 0
        self.said: list[str] = []

    def advance(self) -> None:
        """Count."""
        self.done += 1

    def note(self, note: str) -> None:
        """Keep the note."""
        self.said.append(note)

    def say(self, sentence: str) -> None:
        """Keep the sentence."""
        self.said.append(sentence)


class Scene:
    """A list, its store on disk, and a clock."""

    def __init__(self, folder: Path, *texts: str) -> None:
        self.clock = VirtualClock()
        self.output = VerdictOutput(folder / "out")
        self.journal = Journal(folder / "state", b"k" * 16)
        self.names = TargetNames(self.journal.key)
        for text in texts:
            self.names.add(text)
        self.store = SweepStore(self.names, self.output, self.journal)
        self.listener = Listener()
        self.path = folder / "out"

    def close(self) -> None:
        """Close the files, as the end of a process does."""
        self.journal.close()
        self.output.__exit__(None, None, None)

    def verdict(self, number: int, status: Status = Status.REACHABLE, vantage: Vantage = ONLINE) -> SweptVerdict:
        """A verdict made now."""
        return swept(
            number,
            Verdict(
                time=self.clock.now(),
                target=self.names[number],
                status=status,
                causes=(),
                rule="scripted",
                evidence=Evidence(),
                vantage=vantage,
            ),
        )

    def put_back(self, number: int, repeat: Repeat, state: VantageState) -> SweptVerdict:
        """A verdict at which the vantage could not tell."""
        return SweptVerdict(
            number=number,
            status=Status.UNKNOWN,
            state=state,
            second=0,
            repeat=repeat,
            verdict=self.verdict(number, Status.UNKNOWN, Vantage(state=state)).verdict,
        )

    def sweep(self, *measurers: ScriptedMeasurer, every: float = 0.0, round_seconds: float = 0.0) -> Sweep:
        """A sweep of the list."""
        return Sweep(
            self.names,
            self.store,
            measurers,
            self.clock,
            control={},
            listener=self.listener,
            every=every,
            round_seconds=round_seconds,
        )

    def written(self) -> list[Verdict]:
        """The verdicts in the output."""
        return [jsonlines.read_verdict(line) for line in self.path.read_bytes().splitlines()]


MakeScene = Callable[..., Scene]


@pytest.fixture
async def made(tmp_path: Path) -> AsyncGenerator[MakeScene, None]:
    """Makes the scene of these targets; its time runs until the end of the test."""
    scenes: list[Scene] = []
    leaping: list[asyncio.Task[None]] = []

    def make(texts: Iterable[str]) -> Scene:
        scenes.append(Scene(tmp_path, *texts))
        leaping.append(asyncio.create_task(scenes[-1].clock.leap()))
        return scenes[-1]

    yield make
    for task in leaping:
        task.cancel()
    await asyncio.gather(*leaping, return_exceptions=True)
    for scene in scenes:
        scene.close()


@pytest.fixture
async def scene(made: MakeScene) -> Scene:
    return made(f"t{number}.example" for number in range(30))


async def test_every_target_has_one_verdict(scene: Scene) -> None:
    measurer = ScriptedMeasurer(scene.clock, lambda number, _: scene.verdict(number))

    await scene.sweep(measurer).run()

    assert sorted(one.target for one in scene.written()) == sorted(scene.names[number] for number in range(30))
    assert (scene.store.is_complete, scene.listener.done) == (True, 30)


async def test_what_is_measured_already_is_not_measured_again(scene: Scene) -> None:
    scene.store.begin_pass(1)
    for number in range(0, 30, 3):
        scene.store.take(number, Status.REACHABLE, 5, b"{}\n")
    measurer = ScriptedMeasurer(scene.clock, lambda number, _: scene.verdict(number))

    await scene.sweep(measurer).run()

    assert {scene.names.number_of(text) for text in measurer.chunks[0]} == set(range(30)) - set(range(0, 30, 3))


async def test_nothing_is_written_while_the_vantage_is_offline(scene: Scene) -> None:
    def outcome(number: int, _: str) -> SweptVerdict:
        if scene.clock.monotonic() - began < 3600:
            measurer.vantage = OFFLINE
            return scene.put_back(number, Repeat.SKIPPED, VantageState.OFFLINE)
        measurer.vantage = ONLINE
        return scene.verdict(number)

    measurer = ScriptedMeasurer(scene.clock, outcome)
    measurer.most = 3
    began = scene.clock.monotonic()
    sweep = scene.sweep(measurer)
    await sweep.run()

    assert {one.status for one in scene.written()} == {Status.REACHABLE}
    assert len(scene.written()) == 30
    assert len(measurer.chunks) < 50
    assert scene.listener.said[0] == "the vantage is offline: paused for 5 s"
    assert scene.listener.said[-1] == "the vantage is online again"
    assert (sweep.is_offline, sweep.was_offline) == (False, False)


async def test_a_target_at_which_the_vantage_goes_offline_each_time_stays_unknown(scene: Scene) -> None:
    def outcome(number: int, _: str) -> SweptVerdict:
        measurer.vantage = OFFLINE if number == 7 else ONLINE
        return scene.put_back(7, Repeat.TRIED, VantageState.OFFLINE) if number == 7 else scene.verdict(number)

    measurer = ScriptedMeasurer(scene.clock, outcome)
    sweep = scene.sweep(measurer)
    await sweep.run()

    assert Counter(text for chunk in measurer.chunks for text in chunk)["t7.example"] == 3
    assert [one.target for one in scene.written() if one.status is Status.UNKNOWN] == ["t7.example"]
    assert sweep.was_offline


async def test_suspects_are_measured_alone_while_the_other_process_rests(scene: Scene) -> None:
    tried: Counter[int] = Counter()

    def outcome(number: int, _: str) -> SweptVerdict:
        tried[number] += 1
        if number in {7, 8} and tried[number] == 1:
            return scene.put_back(number, Repeat.TRIED, VantageState.OFFLINE)
        return scene.verdict(number)

    one, other = (ScriptedMeasurer(scene.clock, outcome) for _ in range(2))
    await scene.sweep(one, other).run()

    assert sorted(one.chunks[-1]) == ["t7.example", "t8.example"]
    assert (one.alone, other.alone) == ([False, True], [False])
    assert len(scene.written()) == 30


async def test_names_of_one_site_are_measured_by_one_process(made: MakeScene) -> None:
    texts = [f"{host}.site{number}.example" for number in range(20) for host in ("a", "b", "c")]
    texts += [f"tcp://192.0.2.{number}:443" for number in range(20)]
    scene = made(texts)
    measurers = [ScriptedMeasurer(scene.clock, lambda number, _: scene.verdict(number)) for _ in range(2)]

    await scene.sweep(*measurers).run()

    sites = [
        {text.partition(".")[2].partition(":")[0][:9] for chunk in one.chunks for text in chunk} for one in measurers
    ]
    networks = [any("tcp:" in text for chunk in one.chunks for text in chunk) for one in measurers]
    assert not {site for site in sites[0] if site.startswith("site")} & sites[1]
    assert all(sites)
    assert sorted(networks) == [False, True]


async def test_a_target_at_which_a_process_ends_is_found_and_the_others_get_their_verdicts(made: MakeScene) -> None:
    scene = made(f"t{number}.example" for number in range(300))
    measurer = ScriptedMeasurer(scene.clock, lambda number, _: None if number == 123 else scene.verdict(number))

    await scene.sweep(measurer).run()

    found = {one.target: one for one in scene.written()}
    assert len(scene.written()) == len(found) == 300
    assert [text for text, one in found.items() if one.status is not Status.REACHABLE] == ["t123.example"]
    assert found["t123.example"].status is Status.UNKNOWN
    assert found["t123.example"].evidence.error == "a worker process ended"
    assert any("targets are measured again" in sentence for sentence in scene.listener.said)


async def test_a_process_that_never_works_ends_the_sweep(scene: Scene) -> None:
    measurer = ScriptedMeasurer(scene.clock, lambda _, __: None)

    with pytest.raises(ExceptionGroup) as raised:
        await scene.sweep(measurer).run()

    assert raised.group_contains(WorkerLostError)
    assert len(scene.written()) < 30


async def test_a_round_that_spent_its_traffic_is_followed_by_the_next_after_the_interval(scene: Scene) -> None:
    measurer = ScriptedMeasurer(scene.clock, lambda number, _: scene.verdict(number))
    measurer.most, measurer.is_spent = 10, True
    began = scene.clock.monotonic()

    await scene.sweep(measurer, round_seconds=300).run()

    assert [moment - began for moment in measurer.moments] == [0, 300, 600]


async def test_targets_are_measured_again_so_long_after_their_last_verdict(scene: Scene) -> None:
    measurer = ScriptedMeasurer(scene.clock, lambda number, _: scene.verdict(number))
    running = asyncio.create_task(scene.sweep(measurer, every=3600).run())
    end = scene.clock.now() + timedelta(hours=3, minutes=30)
    await scene.clock.sleep((end - scene.clock.now()).total_seconds())
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert set(Counter(one.target for one in scene.written()).values()) == {4}


async def test_a_sweep_that_is_cancelled_has_saved_what_it_has_done(scene: Scene, tmp_path: Path) -> None:
    reached = asyncio.Event()

    def outcome(number: int, _: str) -> SweptVerdict:
        if scene.listener.done == 12:
            reached.set()
        return scene.verdict(number)

    running = asyncio.create_task(scene.sweep(ScriptedMeasurer(scene.clock, outcome)).run())
    await reached.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    scene.journal.close()
    journal = Journal(tmp_path / "state", b"k" * 16)

    assert sum(1 <= record.kind <= 6 for record in journal.read()) == len(scene.written()) >= 12
    journal.close()


async def test_what_is_odd_about_the_vantage_is_told_once(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "MAX_CHUNK_TARGETS", 8)
    measurer = ScriptedMeasurer(scene.clock, lambda number, _: scene.verdict(number))
    measurer.vantage = Vantage(state=VantageState.ONLINE, notes=("clock_wrong", "tunnel"))

    await scene.sweep(measurer).run()

    assert scene.listener.said == ["clock_wrong", "tunnel"]


async def test_a_state_that_cannot_be_saved_ends_the_sweep(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def outcome(number: int, _: str) -> SweptVerdict:
        monkeypatch.setattr(scene.store, "save", refuse)
        return scene.verdict(number)

    def refuse(_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sweeping, "MAX_CHUNK_TARGETS", 1)
    monkeypatch.setattr(sweeping, "SAVE_SECONDS", 0.0)

    with pytest.raises(OSError, match="No space left"):
        await scene.sweep(ScriptedMeasurer(scene.clock, outcome)).run()


async def test_chunks_are_bounded(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "MAX_CHUNK_TARGETS", 8)
    measurer = ScriptedMeasurer(scene.clock, lambda number, _: scene.verdict(number))

    await scene.sweep(measurer).run()

    assert [len(chunk) for chunk in measurer.chunks] == [8, 8, 8, 6]
