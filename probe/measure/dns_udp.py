"""Plain DNS over UDP: ask, hand on the first answer, read on for a second one.

Each try has a socket of its own, so its own source port and id: an answer to a resend can then never look like a
second answer to the first query. The socket is connected, so the kernel lets through only what comes from the server's
address and port.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from probe.measure.dns_wire import DnsAnswer, DnsQuestion, MalformedDnsError
from probe.measure.failures import Operation, OperationError, classify, operation_error
from probe.measure.socket_io import AsyncSocket
from probe.measure.step_timeout import StepTimeout
from probe.model.failure import Failure

RESEND_SECONDS = (1.2, 1.8)
"""Seconds until the second and from there until the third try. A lost datagram is worth asking again after about a
second; an honest answer that takes longer than that is rare."""

LATE_ANSWER_SECONDS = 0.5
"""Seconds to read on after the first answer. Forged answers come before the true one, which follows within one round
trip; half a second covers any path on land."""

MAX_LATE_ANSWERS = 8
"""Differing answers handed on: three injectors are known to answer at once (USENIX Security '25 measurements of the
GFW)."""

_MAX_STRAY_DATAGRAMS = 512
"""Datagrams that are no answer of ours before we stop reading: a flood must not hold the event loop."""


class UdpQuery:
    """One query on its way. Owns its socket.

    Attributes:
        heard: when its first answer came, on the event loop's clock.
    """

    def __init__(self, address: str, port: int, question: DnsQuestion) -> None:
        self.heard = 0.0
        self._loop = asyncio.get_running_loop()
        self._question = question
        self._ident = secrets.randbelow(65536)
        self._stray = 0
        try:
            sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
            self._socket = AsyncSocket(sock)
            try:
                sock.setblocking(False)
                sock.connect((address, port))
                sock.send(question.message(self._ident))
            except BaseException:
                self._socket.close()
                raise
        except OSError as error:
            raise OperationError(classify(error, Operation.DATAGRAM, at_once=True)) from error

    async def answer(self) -> DnsAnswer:
        """The next answer. After a malformed one a true one may still come for a while.

        Raises:
            OperationError: an ICMP error came back, or nothing but malformed answers.
        """
        try:
            return await self._read()
        except MalformedDnsError as error:
            malformed = operation_error(Failure.GARBAGE, str(error))
        try:
            with StepTimeout(LATE_ANSWER_SECONDS):
                while True:
                    with suppress(MalformedDnsError):
                        return await self._read()
        except TimeoutError:
            raise malformed from None

    async def _read(self) -> DnsAnswer:
        while self._stray < _MAX_STRAY_DATAGRAMS:
            try:
                data = await self._socket.receive(65535)
            except OSError as error:
                raise OperationError(classify(error, Operation.DATAGRAM)) from error
            answer = self._question.parse(data, self._ident)
            if answer is not None:
                self.heard = self._loop.time()
                return answer
            self._stray += 1
            await asyncio.sleep(0)
        raise operation_error(Failure.GARBAGE, "a flood of stray datagrams")

    async def late_answers(self, first: DnsAnswer) -> AsyncIterator[tuple[DnsAnswer, float]]:
        """Further answers to the same query that differ from those before, and how many seconds after the first.

        A truncated one is left out: it does not say all that it means.
        """
        heard = self.heard
        known = [first]
        with suppress(TimeoutError, OperationError), StepTimeout(LATE_ANSWER_SECONDS):
            while len(known) <= MAX_LATE_ANSWERS:
                try:
                    answer = await self._read()
                except MalformedDnsError:
                    self._stray += 1
                    await asyncio.sleep(0)
                    continue
                if not answer.truncated and all(answer.differs(other) for other in known):
                    known.append(answer)
                    yield answer, self.heard - heard
                else:
                    self._stray += 1
                    await asyncio.sleep(0)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


async def first_answer(address: str, port: int, question: DnsQuestion, seconds: float) -> tuple[UdpQuery, DnsAnswer]:
    """Ask, again after a while without an answer; the query that was answered first, still open, and its answer.

    Args:
        address: the server's, an IP literal without brackets.
        port: 1 to 65535.
        question: what to ask.
        seconds: how long to wait altogether.

    Raises:
        OperationError: nobody answered, or not in DNS.
    """
    start = asyncio.get_running_loop().time()
    asked = UdpQuery(address, port, question)
    failed: OperationError | None = None
    try:
        with StepTimeout(min(RESEND_SECONDS[0], seconds)):
            return asked, await asked.answer()
    except TimeoutError:
        pass
    except OperationError as end:  # a resolver that is just being restarted refuses, too
        failed = end
    except BaseException:
        asked.close()
        raise
    if seconds <= RESEND_SECONDS[0]:
        asked.close()
        raise failed or operation_error(Failure.TIMEOUT)
    return await _ask_again(
        asked, failed, lambda: UdpQuery(address, port, question), start + RESEND_SECONDS[0], start + seconds
    )


async def _ask_again(
    asked: UdpQuery, failed: OperationError | None, again: Callable[[], UdpQuery], resend: float, end: float
) -> tuple[UdpQuery, DnsAnswer]:
    """Further tries from the moment `resend` until the moment `end`, while the earlier ones are still listened to."""
    loop = asyncio.get_running_loop()
    tries = [asked]
    waiting: dict[asyncio.Task[DnsAnswer], UdpQuery] = {}
    winner: UdpQuery | None = None
    try:
        if failed is None:
            waiting[asyncio.create_task(asked.answer())] = asked
        else:
            await asyncio.sleep(resend - loop.time())
        for pause in (RESEND_SECONDS[1], end):
            another = again()
            tries.append(another)
            waiting[asyncio.create_task(another.answer())] = another
            until = min(loop.time() + pause, end)
            while waiting and (rest := until - loop.time()) > 0:
                done, _ = await asyncio.wait(waiting, timeout=rest, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    answered = waiting.pop(task)
                    try:
                        answer = task.result()
                    except OperationError as error:
                        failed = error
                    else:
                        winner = answered
                        return winner, answer
            if loop.time() >= end or not waiting:
                break
    finally:
        await _cancel_all(waiting)
        for one in tries:
            if one is not winner:
                one.close()
    raise failed or operation_error(Failure.TIMEOUT)


async def _cancel_all(waiting: dict[asyncio.Task[DnsAnswer], UdpQuery]) -> None:
    for task in waiting:
        task.cancel()
    if waiting:
        await asyncio.gather(*waiting, return_exceptions=True)
