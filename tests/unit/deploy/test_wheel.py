"""The wheel: what it holds, and that anybody who builds it gets the same bytes."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests import required

ROOT = Path(__file__).parents[3]
EPOCH = "1750000000"


def build(folder: Path, *, umask: int, changed: int) -> Path:
    """Copy what git knows of the tree into a folder, build the wheel there, and return it.

    Args:
        folder: is made.
        umask: of the copies.
        changed: the time of their last change, in seconds.
    """
    names = subprocess.run(
        [required.command("git"), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        timeout=60,
    ).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            copy = folder / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes((ROOT / name).read_bytes())
            copy.chmod(0o666 & ~umask)
            os.utime(copy, (changed, changed))
    words = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "dist"]
    environ = os.environ | {"SOURCE_DATE_EPOCH": EPOCH}
    subprocess.run(words, check=True, capture_output=True, cwd=folder, env=environ, timeout=120)
    (wheel,) = (folder / "dist").iterdir()
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree."""
    return build(tmp_path_factory.mktemp("a"), umask=0o022, changed=1_700_000_000)


def test_two_builds_are_byte_equal(wheel: Path, tmp_path: Path) -> None:
    """Folder, umask and times of the files make no difference."""
    other = build(tmp_path / "elsewhere" / "b", umask=0o077, changed=1_000_000_000)

    assert other.name == wheel.name
    assert other.read_bytes() == wheel.read_bytes()


def test_it_holds_what_the_program_reads(wheel: Path) -> None:
    """Targets, pages, translations, settings, migrations; manual pages and completion."""
    names = set(zipfile.ZipFile(wheel).namelist())
    package = {path.relative_to(ROOT).as_posix() for path in (ROOT / "probe").rglob("*") if path.is_file()}
    targets = {f"probe/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "targets").rglob("*.toml")}
    data = f"{wheel.name.removesuffix('-py3-none-any.whl')}.data/data/share"

    assert {name for name in package if "__pycache__" not in name} <= names
    assert targets
    assert targets <= names
    assert {f"{data}/man/man1/{path.name}" for path in (ROOT / "deploy" / "man").iterdir()} <= names
    assert f"{data}/bash-completion/completions/probe" in names


def test_it_holds_nothing_else(wheel: Path) -> None:
    """No test, no note of a developer, nothing that git does not know."""
    tops = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    stem = wheel.name.removesuffix("-py3-none-any.whl")

    assert tops == {"probe", f"{stem}.data", f"{stem}.dist-info"}
