"""The built wheel, installed by pipx and by uv without a registry, gives a program that works.

The wheels of `requirements/run.txt` are downloaded once, from the registry that pip of this machine uses; after that
nothing but the file and those wheels is read.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests import required

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.timeout(600)


def run(*words: str | Path, environ: Mapping[str, str], cwd: Path) -> str:
    """Run a command to its end and return what it printed."""
    done = subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, check=False, timeout=300, env=environ, cwd=cwd
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The wheel, and a folder of the wheels that it needs."""
    folder = tmp_path_factory.mktemp("wheels")
    needed, own = folder / "needed", folder / "own"
    # Isolated, so that the guard of the tests' network lets pip ask the registry.
    pip = [sys.executable, "-I", "-m", "pip", "--disable-pip-version-check", "-qq", "download", "--no-deps"]
    pins = ROOT / "requirements" / "run.txt"
    run(*pip, "--require-hashes", "-r", pins, "-d", needed, environ=os.environ, cwd=folder)
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", own, environ=os.environ, cwd=ROOT)
    (wheel,) = own.iterdir()
    return wheel, needed


def _tool(name: str) -> str:
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else required.command(name)


def by_pipx(wheel: Path, needed: Path) -> list[str | Path]:
    """The words that install with pipx."""
    return [_tool("pipx"), "install", f"--pip-args=--no-index --find-links={needed}", "--python", sys.executable, wheel]


def by_uv(wheel: Path, needed: Path) -> list[str | Path]:
    """The words that install with uv."""
    return [
        *(_tool("uv"), "tool", "install", "--offline", "--no-index", "--find-links", needed),
        *("--no-config", "--no-python-downloads", "--python", sys.executable, wheel),
    ]


@pytest.mark.parametrize("install", [by_pipx, by_uv])
def test_the_installed_program_works(
    install: Callable[[Path, Path], list[str | Path]], files: tuple[Path, Path], tmp_path: Path
) -> None:
    """The command is in ~/.local/bin, and finds its targets, translations and the collector's pages."""
    environ = {"HOME": str(tmp_path), "PATH": f"{tmp_path}/.local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
    run(*install(*files), environ=environ, cwd=tmp_path)

    probe = tmp_path / ".local" / "bin" / "probe"
    services = run(probe, "targets", "list", environ=environ, cwd=tmp_path)
    (tmp_path / "c.sqlite").touch()
    token = run(probe, "collector", "token", "--db", "c.sqlite", "--sponsor", "a", environ=environ, cwd=tmp_path)

    assert run(probe, "--version", environ=environ, cwd=tmp_path).startswith("probe ")
    assert "wechat" in services
    assert len(token.strip()) > 20


def test_pipx_installs_the_manual_pages(files: tuple[Path, Path], tmp_path: Path) -> None:
    """`man probe` finds them: ~/.local/share/man belongs to ~/.local/bin."""
    environ = {"HOME": str(tmp_path), "PATH": f"{tmp_path}/.local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
    run(*by_pipx(*files), environ=environ, cwd=tmp_path)

    assert run(required.command("man"), "--where", "probe-check", environ=environ, cwd=tmp_path).strip()
