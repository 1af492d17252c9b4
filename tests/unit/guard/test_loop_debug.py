"""Loopback tests fail for what asyncio's debug mode and the garbage collector find."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

TESTS = '''
import asyncio

async def quick():
    """A coroutine."""

async def test_forgets_to_await():
    kept = [quick()]
    kept.append(kept)

async def test_forgets_to_close():
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        kept = [await asyncio.open_connection(*server.sockets[0].getsockname())]
        kept.append(kept)

async def test_leaves_a_task():
    asyncio.get_running_loop().kept = asyncio.create_task(asyncio.sleep(60))

async def test_is_in_debug_mode():
    assert asyncio.get_running_loop().get_debug()
'''


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What pytest prints for these tests under the conftest of the loopback tests."""
    folder = tmp_path_factory.mktemp("loopback")
    (folder / "conftest.py").write_text("from tests.loopback.conftest import *\n")
    (folder / "test_it.py").write_text(TESTS)
    settings = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", ".", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", "-q", "-rA", *settings, "."]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize("name", ["forgets_to_await", "forgets_to_close", "leaves_a_task"])
def test_a_test_that_leaves_something_behind_fails(output: str, name: str) -> None:
    """An un-awaited coroutine and an unclosed transport fail their own test, even within a reference cycle."""
    assert any(f"{word} test_it.py::test_{name}" in output for word in ("FAILED", "ERROR")), output


def test_the_loop_is_in_debug_mode(output: str) -> None:
    """pyproject.toml says so for every asynchronous test."""
    assert "PASSED test_it.py::test_is_in_debug_mode" in output, output
