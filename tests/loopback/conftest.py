"""What loopback tests share: an authority that the probe believes, tools without a pace, nothing left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme

from probe.measure.pace import PaceLimiter
from probe.measure.tools import Tools


@pytest.fixture(scope="session")
def ca() -> trustme.CA:
    """The authority that the probe believes."""
    return trustme.CA()


@pytest.fixture
def believed(ca: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """The authority, put where the system's certificates are looked for."""
    path = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(str(path))
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    return ca


@pytest.fixture
async def tools(believed: trustme.CA) -> AsyncIterator[Tools]:
    """Tools with phases of half a second and no pace."""
    async with Tools(0.5, PaceLimiter(0)) as made:
        yield made


@pytest.fixture(autouse=True)
async def nothing_left_behind() -> AsyncIterator[None]:
    """No task and no socket survives a test."""
    files = _sockets()
    yield
    for _ in range(100):
        if not _others() and _sockets() <= files:
            return
        await asyncio.sleep(0.01)
    assert _others() == set()
    assert _sockets() <= files


def _others() -> set[asyncio.Task[object]]:
    """Tasks besides the one that asks."""
    return asyncio.all_tasks() - {asyncio.current_task()}


def _sockets() -> int:
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
