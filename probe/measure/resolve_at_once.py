"""Resolve a name over UDP without a task: the common case, an answer to the first try that is as it should be.

The query is an owner of a watched socket with a deadline. It emits the first answer as soon as it arrives and listens
for later ones. Anything else (silence, an error, a truncated or malformed answer, one that rejects EDNS) is left to the
coroutine of `probe.measure.resolve`, which goes on with the same query.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import lru_cache
from typing import Any

from probe.measure.dns_udp import (
    LATE_ANSWER_SECONDS,
    MAX_LATE_ANSWERS,
    MAX_STRAY_DATAGRAMS,
    RESEND_SECONDS,
    AskedQuery,
    UdpQuery,
    send_query,
)
from probe.measure.dns_wire import DnsAnswer, DnsQuestion, MalformedDnsError, dns_question
from probe.measure.edge_poller import EdgePoller, edge_poller
from probe.measure.resolve import late_answer, resolution, resume_over_udp
from probe.measure.step_deadlines import Deadline
from probe.measure.tools import Emit, Timestamps, Tools
from probe.model.resolver import PlainResolver
from probe.model.step import Resolve
from probe.traffic_account import STRAY_TRAFFIC, note_answer, spend

_READS_PER_TURN = 16
"""Datagrams read before other sockets have their turn."""

Ended = Callable[[Coroutine[Any, Any, None] | None], None]
"""Called once, with the coroutine that performs the rest of the step, or None where nothing is left. The step is closed
after that."""


class LookupUnderWay(Deadline):
    """One query that waits for its answer, then for later answers.

    Args:
        asked: the query.
        question: what it asks.
        step, tools, timestamps, emit, ended: as in `begin`.
        poller: watches its socket.
    """

    __slots__ = (
        "_asked",
        "_closed",
        "_emit",
        "_ended",
        "_error",
        "_known",
        "_poller",
        "_question",
        "_step",
        "_stray",
        "_timestamps",
        "_tools",
        "answered_at",
        "sock",
    )

    def __init__(  # noqa: PLR0917 - a step's four arguments, and what it needs of the network
        self,
        asked: AskedQuery,
        question: DnsQuestion,
        step: Resolve,
        tools: Tools,
        timestamps: Timestamps,
        emit: Emit,
        ended: Ended,
        poller: EdgePoller,
    ) -> None:
        super().__init__()
        self.sock = asked.sock
        self.answered_at = 0.0
        self._asked = asked
        self._question = question
        self._step = step
        self._tools = tools
        self._timestamps = timestamps
        self._emit = emit
        self._ended = ended
        self._poller = poller
        self._known: list[DnsAnswer] = []
        self._closed = False
        self._error: OSError | None = None
        self._stray = 0
        poller.watch(self)
        self.begin(asyncio.get_running_loop(), min(RESEND_SECONDS[0], tools.timeout))

    def on_events(self, events: int) -> None:  # noqa: ARG002 - whatever they are, reading shows what happened
        """Read what has arrived; an ICMP error is reported before the datagrams that came with it."""
        for _ in range(_READS_PER_TURN):
            if self._closed:
                return
            try:
                data = self.sock.recv(65535)
            except (BlockingIOError, InterruptedError):
                if self._error is not None:
                    self._leave(self._error) if not self._known else self._end()
                return
            except OSError as error:
                self._error = error
                continue
            if self._known:
                self._take_late(data)
            elif self._take_first(data):
                return
        asyncio.get_running_loop().call_soon(self.on_events, 0)

    def passed(self, lateness: float) -> None:  # noqa: ARG002 - a late host reads what has arrived before it asks again
        """Leave silence to the coroutine; end the wait for later answers."""
        if self._known:
            self._end()
        else:
            self._leave(None)

    def close(self) -> None:
        """Close the socket and release its slot; may be called again."""
        self.cancel()
        self._poller.forget(self)
        self.sock.close()
        if not self._closed:
            self._closed = True
            self._tools.concurrency.sockets.release()

    def _take_first(self, data: bytes) -> bool:
        """Emit the answer, if it is one; return whether reading is over."""
        try:
            answer = self._question.parse(data, self._asked.ident)
        except MalformedDnsError:
            answer = None
        if answer is None or answer.truncated or answer.rejects_edns:
            self._leave(data)
            return True
        loop = asyncio.get_running_loop()
        self.answered_at = now = loop.time()
        self._tools.resolvers.answered(self._step.resolver)
        self._known.append(answer)
        note_answer(len(data))
        self.cancel()
        self.begin(loop, LATE_ANSWER_SECONDS)
        wait = max(1, round((now - self._asked.at) * 1e6))
        fields = self._timestamps.fields(self._asked.at, now)
        fields["wait"] = wait
        self._emit(resolution(self._step, answer, fields))
        return False

    def _take_late(self, data: bytes) -> None:
        self._stray += 1
        spend(STRAY_TRAFFIC)
        with suppress(MalformedDnsError):
            answer = self._question.parse(data, self._asked.ident)
            if answer and not answer.truncated and all(answer.differs(other) for other in self._known):
                self._known.append(answer)
                gap = asyncio.get_running_loop().time() - self.answered_at
                fields = self._timestamps.fields(self.answered_at, self.answered_at + gap)
                self._emit(late_answer(self._step, answer, gap, fields))
        if len(self._known) > MAX_LATE_ANSWERS or self._stray >= MAX_STRAY_DATAGRAMS:
            self._end()

    def _leave(self, arrived: bytes | OSError | None) -> None:
        """Let the coroutine go on with this query."""
        self.cancel()
        self._poller.forget(self)
        query = UdpQuery(self._asked, self._question, arrived=arrived)
        self._ended(resume_over_udp(self._step, query, self._question, self._tools, self._timestamps, self._emit))

    def _end(self) -> None:
        self._ended(None)


@lru_cache(64)
def _parsed(resolver: str) -> PlainResolver | None:
    return PlainResolver.parse(resolver)


def begin(step: Resolve, tools: Tools, timestamps: Timestamps, emit: Emit, ended: Ended) -> LookupUnderWay | None:
    """Ask, if that is possible without waiting; None where the coroutine must do it from the start.

    Args:
        step: the question.
        tools: shared resources.
        timestamps: of the step.
        emit: called with each answer.
        ended: called at the end of the step, unless it was closed before.
    """
    resolver = _parsed(step.resolver)
    poller = edge_poller()
    if resolver is None or resolver.transport != "udp" or poller is None:
        return None
    if not tools.concurrency.sockets.try_acquire():
        return None
    try:
        question = dns_question(step.name, step.rrtype)
        asked = send_query(resolver.address, resolver.port, question)
    except (OSError, ValueError):  # classified where it happens again
        tools.concurrency.sockets.release()
        return None
    return LookupUnderWay(asked, question, step, tools, timestamps, emit, ended, poller)
