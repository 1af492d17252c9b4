"""Settings, targets and contexts for agents on loopback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from random import Random

from probe.agent.agent import AgentContext
from probe.clock import Clock
from probe.settings import Settings, load


class SettableClock(Clock):
    """A clock whose wall time and monotonic time a test sets, each by itself. It never moves by itself."""

    def __init__(self, wall: datetime) -> None:
        super().__init__()
        self.wall = wall
        self.seconds = 1000.0

    def now(self) -> datetime:
        """The wall time as set."""
        return self.wall

    def monotonic(self) -> float:
        """The monotonic time as set."""
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        """Let the other tasks run once, whatever the number of seconds."""
        await asyncio.sleep(0)


@contextmanager
def port() -> Iterator[str]:
    """A target that is reachable: a port that listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def tcp_server(target: str) -> Iterator[None]:
    """A server that accepts connections at `tcp://127.x.y.z:port`, which other runs of the tests may serve as well."""
    host, _, number = target.removeprefix("tcp://").rpartition(":")
    with socket.create_server((host, int(number)), reuse_port=True):
        yield


def settings(folder: Path, *targets: str, **agent: object) -> Settings:
    """An agent's settings under which nothing but the targets and the collector is contacted."""
    (folder / "targets.txt").write_text("".join(f"{target}\n" for target in targets))
    overrides: dict[str, object] = {
        "agent.consent": True,
        "agent.retests": 0,
        "targets.services": [],
        "targets.files": [str(folder / "targets.txt")],
        "measure.anchors": [],
        "measure.trusted_resolvers": [],
        "measure.pace": 0.0,
        "measure.timeout": 30.0,
    }
    asn = {"network.asn": agent.pop("asn")} if "asn" in agent else {}
    given = asn | {f"agent.{name}": value for name, value in agent.items()}
    return load(None, {"XDG_CONFIG_HOME": "/nonexistent"}, overrides | given)


def agent_context(folder: Path, rate: float = 1.0) -> AgentContext:
    """A state folder of its own, real time, and repeatable random numbers."""
    return AgentContext(folder=folder / "state", clock=Clock(rate=rate), random=Random(1), stopping=asyncio.Event())


async def until(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds; raises `TimeoutError` after two minutes."""
    async with asyncio.timeout(120):
        while not condition():  # noqa: ASYNC110 - what is waited for is in files, logs and another's memory
            await asyncio.sleep(0.01)
