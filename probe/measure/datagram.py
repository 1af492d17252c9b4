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

from probe.measure.failures import Act, Ended, ended, fault
from probe.measure.socket_io import Inlet
from probe.measure.step_timeout import Phase
from probe.measure.wire import Answer, MalformedError, Question
from probe.model.failure import Failure

RESEND = (1.2, 1.8)
"""Seconds until the second and from there until the third try. A lost datagram is worth asking again after about a
second; an honest answer that takes longer than that is rare."""

LATE = 0.5
"""Seconds to read on after the first answer. Forged answers come before the true one, which follows within one round
trip; half a second covers any path on land."""

MAX_LATE = 8
"""Differing answers handed on: three injectors are known to answer at once (USENIX Security '25 measurements of the
GFW)."""

_MAX_STRAY = 512
"""Datagrams that are no answer of ours before we stop reading: a flood must not hold the event loop."""


class Asked:
    """One query on its way. Owns its socket.

    Attributes:
        heard: when its first answer came, on the event loop's clock.
    """

    def __init__(self, address: str, port: int, question: Question) -> None:
        self.heard = 0.0
        self._loop = asyncio.get_running_loop()
        self._question = question
        self._ident = secrets.randbelow(65536)
        self._stray = 0
        try:
            sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
            self._inlet = Inlet(sock)
            try:
                sock.setblocking(False)
                sock.connect((address, port))
                sock.send(question.query(self._ident))
            except BaseException:
                self._inlet.close()
                raise
        except OSError as error:
            raise Ended(fault(error, Act.DATAGRAM, at_once=True)) from error

    async def answer(self) -> Answer:
        """The next answer. After a malformed one a true one may still come for a while.

        Raises:
            Ended: an ICMP error came back, or nothing but malformed answers.
        """
        try:
            return await self._read()
        except MalformedError as error:
            malformed = ended(Failure.GARBAGE, str(error))
        try:
            with Phase(LATE):
                while True:
                    with suppress(MalformedError):
                        return await self._read()
        except TimeoutError:
            raise malformed from None

    async def _read(self) -> Answer:
        while self._stray < _MAX_STRAY:
            try:
                data = await self._inlet.receive(65535)
            except OSError as error:
                raise Ended(fault(error, Act.DATAGRAM)) from error
            answer = self._question.read(data, self._ident)
            if answer is not None:
                self.heard = self._loop.time()
                return answer
            self._stray += 1
            await asyncio.sleep(0)
        raise ended(Failure.GARBAGE, "a flood of stray datagrams")

    async def late(self, first: Answer) -> AsyncIterator[tuple[Answer, float]]:
        """Further answers to the same query that differ from those before, and how many seconds after the first.

        A truncated one is left out: it does not say all that it means.
        """
        heard = self.heard
        known = [first]
        with suppress(TimeoutError, Ended), Phase(LATE):
            while len(known) <= MAX_LATE:
                try:
                    answer = await self._read()
                except MalformedError:
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
        self._inlet.close()


async def first_answer(address: str, port: int, question: Question, seconds: float) -> tuple[Asked, Answer]:
    """Ask, again after a while without an answer; the query that was answered first, still open, and its answer.

    Args:
        address: the server's, an IP literal without brackets.
        port: 1 to 65535.
        question: what to ask.
        seconds: how long to wait altogether.

    Raises:
        Ended: nobody answered, or not in DNS.
    """
    start = asyncio.get_running_loop().time()
    asked = Asked(address, port, question)
    failed: Ended | None = None
    try:
        with Phase(min(RESEND[0], seconds)):
            return asked, await asked.answer()
    except TimeoutError:
        pass
    except Ended as end:  # a resolver that is just being restarted refuses, too
        failed = end
    except BaseException:
        asked.close()
        raise
    if seconds <= RESEND[0]:
        asked.close()
        raise failed or ended(Failure.TIMEOUT)
    return await _ask_again(asked, failed, lambda: Asked(address, port, question), start + RESEND[0], start + seconds)


async def _ask_again(
    asked: Asked, failed: Ended | None, again: Callable[[], Asked], resend: float, end: float
) -> tuple[Asked, Answer]:
    """Further tries from the moment `resend` until the moment `end`, while the earlier ones are still listened to."""
    loop = asyncio.get_running_loop()
    tries = [asked]
    waiting: dict[asyncio.Task[Answer], Asked] = {}
    winner: Asked | None = None
    try:
        if failed is None:
            waiting[asyncio.create_task(asked.answer())] = asked
        else:
            await asyncio.sleep(resend - loop.time())
        for pause in (RESEND[1], end):
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
                    except Ended as error:
                        failed = error
                    else:
                        winner = answered
                        return winner, answer
            if loop.time() >= end or not waiting:
                break
    finally:
        await _leave(waiting)
        for one in tries:
            if one is not winner:
                one.close()
    raise failed or ended(Failure.TIMEOUT)


async def _leave(waiting: dict[asyncio.Task[Answer], Asked]) -> None:
    for task in waiting:
        task.cancel()
    if waiting:
        await asyncio.gather(*waiting, return_exceptions=True)
