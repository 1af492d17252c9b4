"""Client of the SYN scanner `python -m probe.packets.scan`: which of many addresses answer a SYN.

The process is started when the first sweep is asked for. Where it cannot scan (no privilege, not Linux) and where it
dies, the caller connects instead.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import msgspec

import probe
from probe import privileges
from probe.model.syn import DEFAULT_RATE, MAX_SWEEP_ADDRESSES, SynAnswer, SynReply, SynRequest

START_TIMEOUT_SECONDS = 30.0
"""Time-out of the start: the interpreter and msgspec, on a busy host."""
COMMAND = (sys.executable, "-P", "-m", "probe.packets.scan")
GRACE_SECONDS = 10.0
"""How much longer than the time-out of its addresses a sweep may take: then the process counts as dead."""
_MAX_LINE_BYTES = 4 * 1024 * 1024
_CAP_NET_RAW = 1 << 13


def may_send_syns() -> bool:
    """Whether this process may open raw sockets (Linux: CAP_NET_RAW)."""
    return sys.platform == "linux" and bool(privileges.held() & _CAP_NET_RAW)


class SynScannerClient:
    """A scanner process, started with the first sweep.

    Attributes:
        trouble: why it cannot scan; empty while it can.
    """

    def __init__(self) -> None:
        self.trouble = "" if may_send_syns() else "no CAP_NET_RAW"
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._idents = count(1)
        self._sweeps: dict[int, asyncio.Queue[tuple[SynAnswer, ...]]] = {}

    async def answers(
        self, addresses: tuple[str, ...], port: int, seconds: float, *, rate: float = DEFAULT_RATE
    ) -> AsyncIterator[SynAnswer]:
        """Send a SYN to each address; yield the answers as they come, time-outs included.

        Ends early, with some addresses left out, where the scanner cannot scan or dies.

        Args:
            addresses: of one family, each once.
            port: 1 to 65535.
            seconds: time-out of each address.
            rate: SYNs a second; 0 for no limit.
        """
        for start in range(0, len(addresses), MAX_SWEEP_ADDRESSES):
            async for answer in self._sweep(addresses[start : start + MAX_SWEEP_ADDRESSES], port, seconds, rate):
                yield msgspec.structs.replace(answer, index=answer.index + start) if start else answer

    async def close(self) -> None:
        """Kill the process and wait for its end."""
        self.trouble = self.trouble or "closed"
        if self._reader is not None:
            self._reader.cancel()
        process, self._process = self._process, None
        if process is not None:
            if process.stdin is not None:
                process.stdin.close()
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _sweep(
        self, addresses: tuple[str, ...], port: int, seconds: float, rate: float
    ) -> AsyncIterator[SynAnswer]:
        async with self._starting:
            if self._process is None and not self.trouble:
                await self._start()
        if self._process is None or self._process.stdin is None or self.trouble:
            return
        ident = next(self._idents)
        queue = self._sweeps[ident] = asyncio.Queue()
        left = len(addresses)
        patience = seconds + GRACE_SECONDS + (left / rate if rate else 0.0)
        try:
            request = SynRequest(ident, addresses, port, seconds, rate)
            self._process.stdin.write(msgspec.json.encode(request) + b"\n")
            while left:
                async with asyncio.timeout(patience):
                    found = await queue.get()
                if not found:
                    return
                left -= len(found)
                for answer in found:
                    yield answer
        except (TimeoutError, OSError):
            self.trouble = "the scanner does not answer"
        finally:
            del self._sweeps[ident]

    async def _start(self) -> None:
        path = os.pathsep.join([str(Path(probe.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
        self._process = await asyncio.create_subprocess_exec(
            *COMMAND,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=_MAX_LINE_BYTES,
            env={"PATH": os.environ.get("PATH", ""), "HOME": "/nonexistent", "PYTHONPATH": path.rstrip(os.pathsep)},
        )
        self.trouble = "the scanner did not start"
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_TIMEOUT_SECONDS):
                reply = await self._read()
            self.trouble = self.trouble if reply is None else reply.trouble
        if self.trouble:
            return
        if os.geteuid() != 0:  # the scanner has inherited the capability from systemd
            privileges.give_up_capabilities()
        self._reader = asyncio.create_task(self._dispatch())

    async def _dispatch(self) -> None:
        """Give each line of answers to its sweep; at the end of the process, end all sweeps."""
        while (reply := await self._read()) is not None:
            if reply.ident in self._sweeps and reply.answers:
                self._sweeps[reply.ident].put_nowait(reply.answers)
        self.trouble = self.trouble or "the scanner has ended"
        for queue in self._sweeps.values():
            queue.put_nowait(())

    async def _read(self) -> SynReply | None:
        assert self._process is not None  # noqa: S101 - the callers have started it
        assert self._process.stdout is not None  # noqa: S101 - it was made a pipe
        try:
            return msgspec.json.decode(await self._process.stdout.readline(), type=SynReply)
        except (ValueError, msgspec.DecodeError, OSError):
            return None
