"""What glances are compared with, in a file."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from probe.errors import StateError, StorageError
from probe.model.address import Family
from probe.model.glance import GlanceKind
from probe.plan.glance_memory import KnownAnswers, SeenAnswer
from probe.plan.looks import LookMemory
from probe.sweep import look_store
from probe.sweep.look_store import LookStore
from probe.sweep.swept_looks import TargetLooks
from probe.sweep.target_names import TargetNames

TEXTS = [f"t{number}.example" for number in range(10)]


def names(texts: list[str] = TEXTS) -> TargetNames:
    found = TargetNames(b"k" * 16)
    for text in texts:
        found.add(text)
    return found


def looks(seed: int) -> TargetLooks:
    known = KnownAnswers(
        GlanceKind.TLS, Family.IPV4, (SeenAnswer(f"TLSv1.3 1301 {seed:04}", 1_700_000_000),), (f"192.0.2.{seed}",)
    )
    return TargetLooks(f"vantage {seed}", LookMemory(0, 1_700_000_000 + seed, 0, 1_700_003_600, (known,)))


def test_memories_are_read_as_they_were_written_also_by_a_later_process(tmp_path: Path) -> None:
    with LookStore(tmp_path / "looks", names()) as store:
        for number in (2, 5, 2):
            store.put(number, looks(number))
        store.put(5, looks(6))
        assert [store.get(number) for number in (2, 5, 7)] == [looks(2), looks(6), None]

    with LookStore(tmp_path / "looks", names(["new.example", *reversed(TEXTS)])) as store:
        assert [store.get(number) for number in (0, 8, 5, 3)] == [None, looks(2), looks(6), None]
    assert (tmp_path / "looks").stat().st_mode & 0o077 == 0


def test_without_a_path_memories_last_as_long_as_the_process() -> None:
    with LookStore(None, names()) as store:
        store.put(1, looks(1))

        assert store.get(1) == looks(1)


@pytest.mark.parametrize("seed", range(20))
def test_what_is_torn_or_damaged_costs_memories_and_nothing_else(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "looks"
    with LookStore(path, names()) as store:
        for number in range(10):
            store.put(number, looks(number))
    chance = random.Random(seed)
    content = bytearray(path.read_bytes())
    place = chance.randrange(8, len(content))
    if chance.random() < 0.5:
        del content[place:]
    else:
        content[place] ^= 0xFF
    path.write_bytes(content)

    with LookStore(path, names()) as store:
        kept = [number for number in range(10) if store.get(number) is not None]
        assert all(store.get(number) == looks(number) for number in kept)
        assert kept == list(range(len(kept)))
        store.put(9, looks(1))
    with LookStore(path, names()) as store:
        assert store.get(9) == looks(1)


def test_another_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "looks").write_bytes(b"something else")

    with pytest.raises(StateError, match="not the looks of a sweep"):
        LookStore(tmp_path / "looks", names())
    assert (tmp_path / "looks").read_bytes() == b"something else"


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="missing"):
        LookStore(tmp_path / "missing" / "looks", names())


def test_a_file_of_many_outdated_memories_is_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "looks"
    with LookStore(path, names()) as store:
        for turn in range(30):
            for number in range(10):
                store.put(number, looks(turn))
    size = path.stat().st_size
    monkeypatch.setattr(look_store, "MAX_WASTE_BYTES", 100)

    with LookStore(path, names()) as store:
        assert [store.get(number) for number in range(10)] == [looks(29)] * 10
        store.put(3, looks(1))
    with LookStore(path, names()) as store:
        assert [store.get(number) for number in range(2, 5)] == [looks(29), looks(1), looks(29)]
    assert path.stat().st_size < size / 20


def test_a_record_of_another_version_is_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with LookStore(tmp_path / "looks", names()) as store:
        monkeypatch.setattr(store, "_names", names())
        store.put(0, ["vantage", "something"])  # type: ignore[arg-type]

    with LookStore(tmp_path / "looks", names()) as store:
        assert store.get(0) is None
