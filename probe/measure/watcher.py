"""Client of the packet capture process `python -m probe.packets`: tell it what to capture, ask it what it captured.

The process is started only on request. Where it cannot capture (no privilege, no scapy, not Linux), where it dies and
where it does not reply, measuring goes on without it: packets only add evidence.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import msgspec

import probe
from probe.model.address import is_bogon
from probe.model.hop import Purpose
from probe.model.observation import Observation
from probe.model.packets import CaptureReply, CaptureRequest, PacketTrace
from probe.model.step import Step
from probe.privileges import give_up_capabilities

START_TIMEOUT_SECONDS = 60.0
"""Time-out of the start: the capture process imports scapy, which took over ten seconds on a busy host."""
REPLY_TIMEOUT_SECONDS = 10.0
"""Time-out of a reply after the start: reading the packets of sixteen connections takes less than a second."""
_MAX_REPLY_BYTES = 8 * 1024 * 1024
"""Size of a reply: eight capture files of 64 KiB in base64 are less than 1 MiB."""


class Watcher:
    """A running capture process.

    Args:
        process: just started.
        folder: for the capture files of failing connections; None for no files.
    """

    def __init__(self, process: asyncio.subprocess.Process, folder: Path | None) -> None:
        self._process = process
        self._folder = folder
        self._lock = asyncio.Lock()
        self._watched: set[str] = set()
        self._alive = True

    @classmethod
    async def start(cls, folder: Path | None = None) -> tuple[Watcher | None, str]:
        """Start the process; return its client, or None and the reason for a person."""
        if sys.platform != "linux":
            return None, "packets are captured on Linux alone"
        path = os.pathsep.join([str(Path(probe.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "probe.packets"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=_MAX_REPLY_BYTES,
            env={"PATH": os.environ.get("PATH", ""), "HOME": "/nonexistent", "PYTHONPATH": path.rstrip(os.pathsep)},
        )
        watcher = cls(process, folder)
        reply = await watcher._read_reply(START_TIMEOUT_SECONDS)
        trouble = "the watcher did not start" if reply is None else reply.trouble
        if trouble:
            await watcher.close()
            return None, trouble
        if os.geteuid() != 0:  # the capture process has inherited the capability from systemd
            give_up_capabilities()
        return watcher, ""

    async def watch(self, step: Step) -> None:
        """Capture the packets of a step's address, from before its first."""
        address = step.capture_address
        if address and address not in self._watched:
            self._watched.add(address)
            await self._ask(CaptureRequest(watch=(address,)))

    async def report(self, seen: Iterable[Observation], since: float, label: str) -> tuple[PacketTrace, ...]:
        """Return what the connections of one measurement showed, for the names of the subject.

        Args:
            seen: the observations of the measurement.
            since: its start, on the event loop's clock.
            label: start of the names of the capture files.
        """
        names = _subject_names(seen)
        if not names:
            return ()
        reply = await self._ask(CaptureRequest(names=names, since=since, pcap=self._folder is not None))
        if reply is None:
            return ()
        if self._folder is not None:
            _write(self._folder, label, reply.pcaps)
        return tuple(map(_without_private_address, reply.traces))

    async def close(self) -> None:
        """Kill the process and wait for its end."""
        self._alive = False
        if self._process.stdin is not None:
            self._process.stdin.close()
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    async def _ask(self, request: CaptureRequest) -> CaptureReply | None:
        async with self._lock:
            if not self._alive or self._process.stdin is None:
                return None
            try:
                self._process.stdin.write(msgspec.json.encode(request) + b"\n")
                await self._process.stdin.drain()
            except OSError:
                self._alive = False
                return None
            reply = await self._read_reply(REPLY_TIMEOUT_SECONDS)
            self._alive = reply is not None  # a late reply would be taken for the reply to the next request
            return reply

    async def _read_reply(self, seconds: float) -> CaptureReply | None:
        assert self._process.stdout is not None  # noqa: S101 - it was made a pipe
        try:
            async with asyncio.timeout(seconds):
                line = await self._process.stdout.readline()
            return msgspec.json.decode(line, type=CaptureReply)
        except (TimeoutError, ValueError, msgspec.DecodeError):
            return None


def _subject_names(seen: Iterable[Observation]) -> tuple[str, ...]:
    """Return the names that the captured packets of the subject carry, each once."""
    names = (one.capture_name for one in seen if one.purpose is Purpose.SUBJECT)
    return tuple(dict.fromkeys(name for name in names if name))


def _without_private_address(trace: PacketTrace) -> PacketTrace:
    """Return a trace as evidence carries it: without the address of a resolver on the vantage's own network."""
    if trace.protocol == "dns" and is_bogon(trace.address):
        return msgspec.structs.replace(trace, address="network")
    return trace


def _write(folder: Path, label: str, pcaps: Iterable[bytes]) -> None:
    """Write capture files that only this user can read."""
    stem = re.sub(r"[^A-Za-z0-9.-]+", "_", label).strip("_")[:100]
    with suppress(OSError):  # a full disk must not end a measurement
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number, octets in enumerate(pcaps):
            file = folder / f"{stem}-{number}.pcap"
            file.touch(mode=0o600)
            file.write_bytes(octets)
