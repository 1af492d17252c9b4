"""Perform the step `ConnectEach`: find which addresses of a range accept connections.

A SYN to each where this host may send one (`probe.measure.syn_scanner`), a connection otherwise. The observations are
the same: a SYN-ACK is all that connect(2) waits for, too.
"""

from __future__ import annotations

import asyncio
import os

from probe.measure.connect import open_connection
from probe.measure.failures import Operation, classify
from probe.measure.tools import Emit, Timestamps, Tools
from probe.model.failure import Failure
from probe.model.observation import Connection
from probe.model.step import ConnectEach
from probe.model.syn import DEFAULT_RATE, SynAnswer


async def connect_each(step: ConnectEach, tools: Tools, timestamps: Timestamps, emit: Emit) -> None:
    """Observe one connection to each address, in the order in which they answer."""
    await _RangeConnections(step, tools, timestamps, emit).observe()


class _RangeConnections:
    """One performance of the step."""

    def __init__(self, step: ConnectEach, tools: Tools, timestamps: Timestamps, emit: Emit) -> None:
        self._port = step.port
        self._addresses = step.addresses
        self._tools = tools
        self._scanner = tools.syn_scanner()
        self._timestamps = timestamps
        self._emit = emit

    async def observe(self) -> None:
        """All at once where nothing limits connections, else each in the turn that the pace limiter gives it."""
        left, pace = self._addresses, self._tools.pace
        if pace.unlimited:
            pace.count(len(left))
            left = await self._send_syns(left, rate=0.0)
        tasks = [asyncio.create_task(self._in_turn(address)) for address in left]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()

    async def _in_turn(self, address: str) -> None:
        async with self._tools.connection(address):
            if await self._send_syns((address,), rate=DEFAULT_RATE):
                opened = await open_connection(address, self._port, self._tools, self._timestamps)
                if opened.sock is not None:
                    opened.sock.close()
                self._emit(opened.observation)

    async def _send_syns(self, addresses: tuple[str, ...], *, rate: float) -> tuple[str, ...]:
        """Send a SYN to each address; return those that have no answer because the scanner cannot scan."""
        left = dict.fromkeys(addresses)
        async for answer in self._scanner.answers(addresses, self._port, self._tools.timeout, rate=rate):
            address = addresses[answer.index]
            del left[address]
            self._emit(self._observation(address, answer))
        return tuple(left)

    def _observation(self, address: str, answer: SynAnswer) -> Connection:
        times = self._timestamps.fields(answer.sent, answer.sent + answer.took)
        if not answer.code:
            rtt = 0 if answer.resent else max(1, round(answer.took * 1e6))
            return Connection(address=address, port=self._port, rtt=rtt, resent=answer.resent, **times)
        error = OSError(answer.code, os.strerror(answer.code))
        failed = classify(error, Operation.CONNECT, at_once=answer.local)
        if failed.failure is Failure.TIMEOUT:
            self._tools.pace.back_off(address)
        return Connection(address=address, port=self._port, failure=failed.failure, detail=failed.detail, **times)
