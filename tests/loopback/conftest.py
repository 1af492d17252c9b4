"""Fixtures of loopback tests: a trusted authority, tools without a pace limit, a check for open resources."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme

from probe.measure.pace import PaceLimiter
from probe.measure.tools import Tools


@pytest.fixture(scope="session")
def ca() -> trustme.CA:
    """The certificate authority that the probe trusts."""
    return trustme.CA()


@pytest.fixture
def believed(ca: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """The certificate authority, in the file that SSL_CERT_FILE names."""
    path = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(str(path))
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    return ca


@pytest.fixture
async def tools(believed: trustme.CA) -> AsyncIterator[Tools]:
    """Tools with time-outs of half a second and no pace limit."""
    async with Tools(0.5, PaceLimiter(0)) as made:
        yield made


@pytest.fixture(autouse=True)
async def nothing_left_behind() -> AsyncIterator[None]:
    """Fail a test that leaves a task, a socket, a coroutine that was not awaited or a transport that was not closed.

    The last two warn when they are collected, and warnings are errors; so they are collected here and not in a later
    test.
    """
    sockets = _count_sockets()
    yield
    gc.collect()
    for _ in range(1000):
        if not _others() and _count_sockets() <= sockets:
            return
        await asyncio.sleep(0.01)
    assert _others() == set()
    assert _count_sockets() <= sockets


def pytest_collection_finish() -> None:
    """Exclude the objects that exist before the tests from garbage collection, which makes it faster."""
    gc.collect()
    gc.freeze()


def _others() -> set[asyncio.Task[object]]:
    """Tasks besides the calling one."""
    return asyncio.all_tasks() - {asyncio.current_task()}


def _count_sockets() -> int:
    """The sockets this process has open; 0 where that cannot be known."""
    folder = Path("/proc/self/fd")
    if not folder.exists():
        return 0
    found = 0
    for entry in folder.iterdir():
        try:
            found += str(entry.readlink()).startswith("socket:")
        except OSError:
            continue
    return found
