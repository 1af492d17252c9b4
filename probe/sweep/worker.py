"""A worker process of a sweep: measures chunks that it reads from standard input, until that ends.

Started as ``python -m probe.sweep.worker``. It has no state that outlives it: what it was measuring when it is killed
is measured again.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import threading
from contextlib import aclosing
from typing import IO

from probe.clock import Clock
from probe.session.session import Session
from probe.sweep.messages import (
    BeginMessage,
    ChunkEndMessage,
    ChunkMessage,
    CutMessage,
    FromWorker,
    LookMessage,
    ToWorker,
    VerdictMessage,
    packed,
    unpack_for_worker,
)
from probe.sweep.sweep_pass import Glancing, SweepPass, SweptVerdict

GC_THRESHOLDS = (10_000, 20, 20)
"""Thresholds of `gc.set_threshold`, as the command line sets them for its own process."""


class SweepWorker:
    """Serves one sweep.

    Args:
        commands: the messages to the worker; None at their end.
        output: gets the messages of the worker.
    """

    def __init__(self, commands: asyncio.Queue[ToWorker | None], output: IO[bytes]) -> None:
        self._commands = commands
        self._output = output
        self._chunks: asyncio.Queue[ChunkMessage | None] = asyncio.Queue()

    async def run(self) -> None:
        """Measure until the messages end."""
        begin = await self._commands.get()
        if not isinstance(begin, BeginMessage):
            return
        async with Session(begin.settings, Clock.parse(begin.clock), limit_traffic=True) as session:
            session.cuts.listener = lambda event: self._send(CutMessage(event))
            serving = asyncio.create_task(self._serve_commands(session))
            try:
                while (chunk := await self._chunks.get()) is not None:
                    await self._measure(session, chunk, begin)
            finally:
                serving.cancel()

    async def _serve_commands(self, session: Session) -> None:
        while (command := await self._commands.get()) is not None:
            if isinstance(command, CutMessage):
                session.cuts.learn(command.event)
            elif isinstance(command, ChunkMessage):
                self._chunks.put_nowait(command)
        self._chunks.put_nowait(None)

    async def _measure(self, session: Session, chunk: ChunkMessage, begin: BeginMessage) -> None:
        one = SweepPass(session, chunk.targets, is_alone=chunk.is_alone)
        glancing = None
        if begin.terms is not None:
            glancing = Glancing(begin.terms, chunk.memories, begin.secret, Clock.parse(begin.clock))
        async with aclosing(one.verdicts(chunk.control, glancing)) as found:
            async for each in found:
                self._send(VerdictMessage(each) if isinstance(each, SweptVerdict) else LookMessage(each))
        self._send(ChunkEndMessage(one.vantage.state, one.is_spent, one.vantage.notes))

    def _send(self, message: FromWorker) -> None:
        self._output.write(packed(message))
        self._output.flush()


def read_commands(stream: IO[bytes], loop: asyncio.AbstractEventLoop, commands: asyncio.Queue[ToWorker | None]) -> None:
    """Read messages until the stream ends, in a thread of its own: not every system can wait for a pipe otherwise.

    When the stream ends, the sweep is over or was killed, so the process ends at once.
    """
    for line in stream:
        loop.call_soon_threadsafe(commands.put_nowait, unpack_for_worker(line))
    os._exit(0)


async def serve() -> None:
    """Serve the sweep that started this process."""
    commands: asyncio.Queue[ToWorker | None] = asyncio.Queue()
    arguments = sys.stdin.buffer, asyncio.get_running_loop(), commands
    threading.Thread(target=read_commands, args=arguments, daemon=True, name="commands").start()
    await SweepWorker(commands, sys.stdout.buffer).run()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt from the terminal ends the sweep, and that ends this
    gc.set_threshold(*GC_THRESHOLDS)
    asyncio.run(serve())
