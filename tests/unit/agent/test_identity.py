"""The agent's key and its enrolment: two files that only their owner can read."""

from __future__ import annotations

import os
import sys
from base64 import b64decode
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from probe.agent.identity import (
    ENROLMENT_FILE,
    KEY_FILE,
    Enrolment,
    load_or_create_key,
    read_enrolment,
    write_enrolment,
    write_private_file,
)
from probe.errors import StateError, StorageError

ENROLMENT = Enrolment(
    agent="a1",
    origin="https://c.example",
    url="https://c.example",
    role="vantage",
    time=datetime(2017, 5, 4, tzinfo=UTC),
)


def test_a_key_is_made_once_and_signs_what_its_public_half_verifies(tmp_path: Path) -> None:
    key = load_or_create_key(tmp_path / "state")

    Ed25519PublicKey.from_public_bytes(b64decode(key.public)).verify(b64decode(key.sign(b"m")), b"m")
    assert load_or_create_key(tmp_path / "state").public == key.public
    assert (tmp_path / "state" / KEY_FILE).stat().st_mode & 0o077 == 0


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    load_or_create_key(tmp_path)
    (tmp_path / KEY_FILE).chmod(0o644)

    with pytest.raises(StateError, match=r"agent\.key: others can read this key \(chmod 600"):
        load_or_create_key(tmp_path)


@pytest.mark.parametrize("content", [b"", b"secret", b"!!!", b"AAAA"])
def test_a_file_that_is_not_a_key_is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    write_private_file(tmp_path / KEY_FILE, content)

    with pytest.raises(StateError, match="not a key"):
        load_or_create_key(tmp_path)

    assert (tmp_path / KEY_FILE).read_bytes() == content


def test_an_enrolment_is_remembered(tmp_path: Path) -> None:
    assert read_enrolment(tmp_path) is None
    write_enrolment(tmp_path, ENROLMENT)
    assert read_enrolment(tmp_path) == ENROLMENT


def test_a_malformed_enrolment_is_one_line(tmp_path: Path) -> None:
    (tmp_path / ENROLMENT_FILE).write_text("{}")

    with pytest.raises(StateError, match=r"not an enrolment: .*agent.* away"):
        read_enrolment(tmp_path)


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "f"
    write_private_file(path, b"old")
    path.unlink()
    path.mkdir()

    with pytest.raises(StorageError, match="cannot be written"):
        write_private_file(path, b"new")

    assert [entry.name for entry in tmp_path.iterdir()] == ["f"]


def test_a_folder_that_cannot_be_created_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StorageError, match=r"file/a/agent\.key: cannot be written"):
        write_key_below_a_file(tmp_path / "file" / "a")


def write_key_below_a_file(folder: Path) -> None:
    write_private_file(folder / KEY_FILE, b"")


@pytest.mark.skipif(sys.platform == "win32", reason="no device files, and links need a privilege")
def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    """Root would replace the null device for every program of the host."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "output").symlink_to("/proc/self/exe")
    (tmp_path / "folder").mkdir()

    for place in (tmp_path / "pipe", tmp_path / "output", tmp_path / "folder", Path(), Path("/")):
        with pytest.raises(StorageError, match="no ordinary file"):
            write_private_file(place, b"text")

    assert (tmp_path / "pipe").is_fifo()
    assert (tmp_path / "output").is_symlink()
