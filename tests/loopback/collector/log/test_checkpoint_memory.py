"""The remembered checkpoint: written before it counts, never smaller, and in one line when it cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from probe.collector.log.checkpoint_memory import VARIABLE, CheckpointMemory, memory_file_of
from probe.errors import StateError, StorageError
from probe.formats.checkpoint import Checkpoint

PRIVATE = Ed25519PrivateKey.from_private_bytes(b"k" * 32)


def note(size: int) -> bytes:
    """A signed checkpoint of this size."""
    return Checkpoint(origin="c.example/log", size=size, root=b"r" * 32).signed(PRIVATE)


def test_the_largest_checkpoint_is_remembered_by_the_next_process(tmp_path: Path) -> None:
    path = tmp_path / "c.checkpoint"
    memory = CheckpointMemory(path)
    memory.load()
    assert memory.known is None
    for size in (2, 5, 3):
        memory.keep(note(size))

    following = CheckpointMemory(path)
    following.load()

    assert following.known is not None
    assert following.known.size == 5
    assert path.read_bytes() == note(5)
    assert [each.name for each in tmp_path.iterdir()] == ["c.checkpoint"]


def test_a_file_that_is_no_checkpoint_is_refused_in_one_line(tmp_path: Path) -> None:
    """A torn file must not pass for a log that never published."""
    path = tmp_path / "c.checkpoint"
    for content in (b"", note(3)[:-1], b"x" * 300_000):
        path.write_bytes(content)
        with pytest.raises(StateError, match="cannot be read as a checkpoint") as caught:
            CheckpointMemory(path).load()
        assert "\n" not in str(caught.value)
    path.unlink()
    path.mkdir()
    with pytest.raises(StateError, match="cannot be read as a checkpoint"):
        CheckpointMemory(path).load()


def test_a_folder_that_is_not_there_is_reported_and_nothing_is_remembered(tmp_path: Path) -> None:
    """What cannot be remembered must not be published."""
    memory = CheckpointMemory(tmp_path / "no" / "c.checkpoint")

    with pytest.raises(StorageError, match="cannot be written"):
        memory.keep(note(3))
    assert memory.known is None


def test_without_a_file_the_process_remembers() -> None:
    memory = CheckpointMemory(None)
    memory.load()
    memory.keep(note(3))

    assert memory.known is not None
    assert memory.known.size == 3


def test_the_file_is_beside_the_database_unless_the_environment_names_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert memory_file_of(tmp_path / "c.db") == tmp_path / "c.db.checkpoint"
    assert memory_file_of(f"sqlite://{tmp_path}/c.db") == tmp_path / "c.db.checkpoint"
    assert memory_file_of("postgresql://host/name") is None
    assert memory_file_of(":memory:") is None
    monkeypatch.setenv(VARIABLE, str(tmp_path / "elsewhere"))
    assert memory_file_of("postgresql://host/name") == tmp_path / "elsewhere"
