"""What a sweep has done survives every kind of kill: nothing is lost and nothing is doubled."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from probe.model.verdict import Status
from probe.sweep import sweep_store
from probe.sweep.journal import Journal
from probe.sweep.sweep_store import SweepStore
from probe.sweep.target_names import TargetNames
from probe.sweep.verdict_output import VerdictOutput

TEXTS = [f"t{number}.example" for number in range(20)]


def line(text: str, status: Status = Status.REACHABLE, second: int = 1_700_000_000) -> bytes:
    """A verdict as the store gets it; what it reads back is time, target and status."""
    time = {1_700_000_000: "2023-11-14T22:13:20Z", 1_700_000_100: "2023-11-14T22:15:00Z"}[second]
    return json.dumps({"time": time, "target": text, "status": status, "causes": []}).encode() + b"\n"


@contextmanager
def opened(
    folder: Path, texts: list[str] = TEXTS, output: str | None = "out"
) -> Iterator[tuple[SweepStore, TargetNames]]:
    """The store as a process opens it; leaving closes the files as its end does, without saving."""
    journal = Journal(folder / "state", b"k" * 16)
    names = TargetNames(journal.key)
    for text in texts:
        names.add(text)
    with VerdictOutput(folder / output if output else None) as verdicts:
        try:
            yield SweepStore(names, verdicts, journal), names
        finally:
            journal.close()


def take(store: SweepStore, names: TargetNames, *numbers: int, second: int = 1_700_000_000) -> None:
    for number in numbers:
        store.take(number, Status.REACHABLE, second, line(names[number], second=second))


def measured(store: SweepStore) -> list[int]:
    return [number for number in range(len(store.states)) if store.states.is_measured(number)]


def test_what_was_saved_is_restored(tmp_path: Path) -> None:
    with opened(tmp_path) as (store, names):
        store.begin_pass(1)
        take(store, names, 3, 5)
        store.take(4, Status.BLOCKED, 1_700_000_000, line(names[4], Status.BLOCKED))
        store.save(store.unsaved())

    with opened(tmp_path) as (store, _):
        assert (measured(store), store.resumed, store.is_complete) == ([3, 4, 5], 3, False)
        assert store.states.status(4) is Status.BLOCKED
        assert store.states.time(3) == 1_700_000_000


def test_verdicts_of_which_the_journal_does_not_know_are_read_back(tmp_path: Path) -> None:
    with opened(tmp_path) as (store, names):
        store.begin_pass(1)
        take(store, names, 0)
        store.save(store.unsaved())
        take(store, names, 1, 2)
    with (tmp_path / "out").open("ab") as file:
        file.write(line(TEXTS[7])[:30])

    with opened(tmp_path) as (store, names):
        assert measured(store) == [0, 1, 2]
        take(store, names, 7)
    with opened(tmp_path) as (store, _):
        assert measured(store) == [0, 1, 2, 7]
    lines = (tmp_path / "out").read_bytes().splitlines()
    assert [json.loads(one)["target"] for one in lines] == [TEXTS[number] for number in (0, 1, 2, 7)]


def test_a_complete_pass_is_followed_by_a_new_one_that_knows_the_statuses(tmp_path: Path) -> None:
    with opened(tmp_path) as (store, names):
        store.begin_pass(1)
        take(store, names, *range(20))
        store.end_pass(2)

    with opened(tmp_path) as (store, names):
        assert (store.is_complete, store.resumed) == (True, 0)
        store.begin_pass(3)
        take(store, names, 9)

    with opened(tmp_path) as (store, _):
        assert (measured(store), store.states.statuses[Status.REACHABLE]) == ([9], 20)


def test_a_changed_list_keeps_what_is_known_of_its_targets(tmp_path: Path) -> None:
    with opened(tmp_path) as (store, names):
        store.begin_pass(1)
        take(store, names, 2, 6)
        store.save(store.unsaved())

    with opened(tmp_path, ["new.example", *reversed(TEXTS[5:])]) as (store, names):
        assert [names[number] for number in measured(store)] == [TEXTS[6]]


@pytest.mark.parametrize("change", ["removed", "emptied", "other", "stream"])
def test_an_output_that_was_moved_away_costs_no_state(tmp_path: Path, change: str) -> None:
    with opened(tmp_path) as (store, names):
        store.begin_pass(1)
        take(store, names, 0, 1)
        store.save(store.unsaved())
    if change == "removed":
        (tmp_path / "out").rename(tmp_path / "out.1")
    elif change == "emptied":
        (tmp_path / "out").write_bytes(b"")
    output = {"other": "other", "stream": None}.get(change, "out")

    with opened(tmp_path, output=output) as (store, names):
        assert measured(store) == [0, 1]
        take(store, names, 2)
        store.save(store.unsaved())
    with opened(tmp_path, output=output) as (store, _):
        assert measured(store) == [0, 1, 2]


def test_lines_that_others_append_are_kept_and_not_taken_for_verdicts(tmp_path: Path) -> None:
    with opened(tmp_path) as (store, names):
        store.begin_pass(1)
        take(store, names, 0)
        store.save(store.unsaved())
    with (tmp_path / "out").open("ab") as file:
        file.write(b"# a note\n" + line("stranger.example"))

    with opened(tmp_path) as (store, _):
        assert measured(store) == [0]
    assert b"# a note\n" in (tmp_path / "out").read_bytes()


def test_a_journal_of_many_passes_is_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep_store, "MAX_SPARE_RECORDS", 10)
    for _ in range(6):
        with opened(tmp_path) as (store, names):
            store.begin_pass(1)
            take(store, names, *range(20))
            store.end_pass(2)
    size = (tmp_path / "state").stat().st_size
    with opened(tmp_path) as (store, names):
        store.begin_pass(1)
        take(store, names, 4, second=1_700_000_100)
        store.save(store.unsaved())

    with opened(tmp_path) as (store, _):
        assert (measured(store), store.states.time(4), store.states.time(5)) == ([4], 1_700_000_100, 1_700_000_000)
    assert size < 4 * 20 * 40


@pytest.mark.parametrize("seed", range(60))
def test_nothing_is_lost_or_doubled_wherever_the_files_are_cut(tmp_path: Path, seed: int) -> None:
    """A kill leaves a whole journal and a torn output; a power cut may also tear what was not saved."""
    chance = random.Random(seed)
    for _ in range(8):
        with opened(tmp_path) as (store, names):
            if store.is_complete:
                store.begin_pass(1)
            left = [number for number in range(20) if not store.states.is_measured(number)]
            for number in chance.sample(left, chance.randint(0, min(5, len(left)))):
                take(store, names, number)
                if chance.random() < 0.4:
                    store.save(store.unsaved())
            saved = chance.random() < 0.3
            if saved:
                store.save(store.unsaved())
            size = (tmp_path / "out").stat().st_size
        if not saved and chance.random() < 0.7:
            with (tmp_path / "out").open("ab") as file:
                file.write(line(TEXTS[left[0] if left else 0])[: chance.randint(1, 60)])
            assert (tmp_path / "out").stat().st_size > size

    with opened(tmp_path) as (store, names):
        take(store, names, *(number for number in range(20) if not store.states.is_measured(number)))
    lines = (tmp_path / "out").read_bytes().splitlines()
    assert Counter(json.loads(one)["target"] for one in lines) == Counter(TEXTS)
