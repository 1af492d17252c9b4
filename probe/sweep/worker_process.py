"""The sweep's side of its worker processes: start them, give them chunks, pass on what one must know of the others."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import suppress

import msgspec

from probe.model.verdict import ControlFacts, Vantage, VantageState
from probe.settings import Settings
from probe.sweep.messages import (
    MAX_MESSAGE_BYTES,
    BeginMessage,
    ChunkEndMessage,
    ChunkMessage,
    CutMessage,
    FromWorker,
    LookMessage,
    ToWorker,
    VerdictMessage,
    packed,
    unpack_from_worker,
)
from probe.sweep.sweep import WorkerLostError
from probe.sweep.sweep_pass import Chunk, Glancing, SweptVerdict
from probe.sweep.swept_looks import LookChange

COMMAND = (sys.executable, "-m", "probe.sweep.worker")


def share_of(settings: Settings, count: int) -> Settings:
    """One worker's share of what all of them may do together: pace, concurrency and traffic."""
    chosen = settings.measure
    return msgspec.structs.replace(
        settings,
        measure=msgspec.structs.replace(
            chosen,
            pace=chosen.pace / count,
            concurrency=max(1, chosen.concurrency // count),
            round_connections=-(-chosen.round_connections // count),
            round_bytes=-(-chosen.round_bytes // count),
        ),
    )


class WorkerMeasurer:
    """Measures in a process of its own, which is started for the first chunk and again after it was lost.

    Args:
        begin: how to measure, with this worker's share of everything.
        tell_others: passes a message on to the other workers.
    """

    def __init__(self, begin: BeginMessage, tell_others: Callable[[WorkerMeasurer, CutMessage], None]) -> None:
        self._begin = begin
        self._tell_others = tell_others
        self._process: Process | None = None
        self.vantage = Vantage(state=VantageState.ONLINE)
        self.is_spent = False

    async def measure(
        self, chunk: Chunk, control: Mapping[str, ControlFacts], glancing: Glancing | None, *, is_alone: bool
    ) -> AsyncGenerator[SweptVerdict | LookChange, None]:
        """Measure the targets of a chunk."""
        process = await self._started()
        known = {text: facts for _, text in chunk if (facts := control.get(text)) is not None}
        memories = {}
        if glancing is not None:
            memories = {number: looks for number, _ in chunk if (looks := glancing.memories.get(number)) is not None}
        self.tell(ChunkMessage(tuple(chunk), known, is_alone, memories))
        while not isinstance(message := await self._message(process), ChunkEndMessage):
            if isinstance(message, VerdictMessage):
                yield message.verdict
            elif isinstance(message, LookMessage):
                yield message.change
            else:
                self._tell_others(self, message)
        self.vantage, self.is_spent = Vantage(state=message.state, notes=message.notes), message.is_spent

    def tell(self, message: ToWorker) -> None:
        """Send a message to the worker, where it runs."""
        if self._process is not None and self._process.stdin is not None and self._process.returncode is None:
            self._process.stdin.write(packed(message))

    async def close(self) -> None:
        """End the worker; what it was measuring is lost."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        if process.stdin is not None:
            process.stdin.close()
            with suppress(ConnectionError):
                await process.stdin.wait_closed()

    async def _started(self) -> Process:
        if self._process is None:
            self._process = await asyncio.create_subprocess_exec(
                *COMMAND, stdin=PIPE, stdout=PIPE, limit=MAX_MESSAGE_BYTES
            )
            self.tell(self._begin)
        return self._process

    async def _message(self, process: Process) -> FromWorker:
        assert process.stdout is not None  # noqa: S101 - it was started with a pipe
        try:
            line = await process.stdout.readline()
            if line.endswith(b"\n"):
                return unpack_from_worker(line)
        except (ConnectionError, ValueError) as error:  # msgspec.DecodeError among them; a longer line than the limit
            await self.close()
            raise WorkerLostError(f"a worker process wrote no message: {error}") from error
        await process.wait()
        status = process.returncode
        await self.close()
        raise WorkerLostError(f"a worker process ended with status {status}")


class WorkerGroup:
    """The workers of a sweep; use it in `async with`, which ends them.

    Args:
        begin: how to measure, with the settings of the whole sweep.
        count: of workers.

    Attributes:
        measurers: one for each worker.
    """

    def __init__(self, begin: BeginMessage, count: int) -> None:
        share = msgspec.structs.replace(begin, settings=share_of(begin.settings, count))
        self.measurers = [WorkerMeasurer(share, self._tell_others) for _ in range(count)]

    async def __aenter__(self) -> WorkerGroup:
        return self

    async def __aexit__(self, *_: object) -> None:
        for one in self.measurers:
            await one.close()

    def _tell_others(self, sender: WorkerMeasurer, message: CutMessage) -> None:
        for one in self.measurers:
            if one is not sender:
                one.tell(message)
