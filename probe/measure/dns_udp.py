"""Ask a resolver over UDP, return its first answer and read on for later ones.

Each try has a socket of its own, so its own source port and id: an answer to a retransmitted query cannot look like a
second answer to the first. The socket is connected, so the kernel only accepts datagrams from the server's address and
port.

The first try has EDNS. A try that repeats it has none: some middleboxes drop queries with EDNS, and some servers reject
them.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any, NamedTuple

from probe.measure.dns_wire import DnsAnswer, DnsQuestion, MalformedDnsError
from probe.measure.failures import Operation, OperationError, classify, operation_error
from probe.measure.socket_io import async_socket
from probe.measure.step_timeout import StepTimeout
from probe.model.failure import Failure
from probe.traffic_account import QUERY_TRAFFIC, STRAY_TRAFFIC, demand, note_answer, spend

RESEND_SECONDS = (1.2, 1.8)
"""Delay before the second try, then before the third. A lost datagram is worth a retry after about a second; honest
answers rarely take longer."""

LATE_ANSWER_SECONDS = 0.5
"""How long to read on after the first answer. Forged answers arrive before the true one, which follows within one round
trip; half a second covers any path on land."""

MAX_LATE_ANSWERS = 8
"""Differing answers that are reported: three injectors answer at once in measurements of the GFW (USENIX Security
'25)."""

MAX_STRAY_DATAGRAMS = 512
"""Datagrams read without a usable answer, so that a flood cannot hold the event loop."""


class AskedQuery(NamedTuple):
    """A query that was sent, with the socket that it was sent from.

    Attributes:
        sock: non-blocking, connected to the server.
        ident: of the message.
        at: just before it was sent, on the event loop's clock.
    """

    sock: socket.socket
    ident: int
    at: float


def send_query(address: str, port: int, question: DnsQuestion, *, edns: bool = True) -> AskedQuery:
    """Send a query from a socket of its own.

    Raises:
        OSError: this host could not send it.
    """
    demand(QUERY_TRAFFIC)
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.connect(socket_address(address, port))
        ident = secrets.randbelow(65536)
        at = asyncio.get_running_loop().time()
        sock.send(question.message(ident, edns=edns))
    except BaseException:
        sock.close()
        raise
    return AskedQuery(sock, ident, at)


class UdpQuery:
    """One query in flight. Owns its socket.

    Args:
        asked: the query.
        question: what it asks.
        edns: whether it was sent with EDNS.
        arrived: what was read from its socket already, to be read again.

    Attributes:
        edns: whether it is sent with EDNS.
        asked_at: just before the query was sent, on the event loop's clock.
        answered_at: arrival of the latest answer, on the event loop's clock.
    """

    def __init__(
        self, asked: AskedQuery, question: DnsQuestion, *, edns: bool = True, arrived: bytes | OSError | None = None
    ) -> None:
        self.edns = edns
        self.answered_at = 0.0
        self.asked_at = asked.at
        self._loop = asyncio.get_running_loop()
        self._question = question
        self._ident = asked.ident
        self._stray = self._datagrams = 0
        self._arrived = arrived
        self._asked_socket = asked.sock
        self._socket = async_socket(asked.sock, datagrams=True)

    async def answer(self) -> DnsAnswer:
        """Return the next answer; after a malformed one, wait a moment for a true one.

        Raises:
            OperationError: an ICMP error came back, or only malformed answers did.
        """
        try:
            return await self._read()
        except MalformedDnsError as error:
            malformed = operation_error(Failure.GARBAGE, str(error))
        try:
            with StepTimeout(LATE_ANSWER_SECONDS):
                while True:
                    await self._count_stray()
                    with suppress(MalformedDnsError):
                        return await self._read()
        except TimeoutError:
            raise malformed from None

    async def late_answers(self, first: DnsAnswer) -> AsyncIterator[tuple[DnsAnswer, float]]:
        """Yield further answers that differ from all before, each with its seconds after the first.

        A truncated answer is left out: it is incomplete.
        """
        first_at = self.answered_at
        known = [first]
        with suppress(TimeoutError, OperationError), StepTimeout(LATE_ANSWER_SECONDS):
            while len(known) <= MAX_LATE_ANSWERS:
                with suppress(MalformedDnsError):
                    answer = await self._read()
                    if not answer.truncated and all(answer.differs(other) for other in known):
                        known.append(answer)
                        yield answer, self.answered_at - first_at
                        continue
                await self._count_stray()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    async def _read(self) -> DnsAnswer:
        while True:
            try:
                data = await self._receive()
            except OSError as error:
                raise OperationError(classify(error, Operation.DATAGRAM)) from error
            answer = self._question.parse(data, self._ident)
            if answer is not None:
                self.answered_at = self._loop.time()
                return answer
            await self._count_stray()

    async def _receive(self) -> bytes:
        arrived, self._arrived = self._arrived, None
        if isinstance(arrived, OSError):
            raise arrived
        if arrived is None:
            try:
                arrived = await self._socket.receive(65535)
            except OSError as error:
                arrived = self._behind(error)
        self._note(len(arrived))
        return arrived

    def _behind(self, error: OSError) -> bytes:
        """The datagram that waits behind an ICMP error, which the kernel reports first; else raise the error."""
        try:
            return self._asked_socket.recv(65535)
        except OSError:
            raise error from None

    def _note(self, octets: int) -> None:
        """Count a datagram; the question reserved the room of one."""
        if self._datagrams:
            spend(STRAY_TRAFFIC)
        else:
            note_answer(octets)
        self._datagrams += 1

    async def _count_stray(self) -> None:
        """Count a datagram that was not usable and let other tasks run."""
        self._stray += 1
        if self._stray >= MAX_STRAY_DATAGRAMS:
            raise operation_error(Failure.GARBAGE, "a flood of stray datagrams")
        await asyncio.sleep(0)


def socket_address(address: str, port: int) -> tuple[Any, ...]:
    """The address as connect(2) takes it; the zone of a link-local address becomes its scope id (RFC 4007 section 11).

    Python looks a zone in the address up and then connects with scope id 0.
    """
    if "%" not in address:
        return address, port
    return socket.getaddrinfo(address, port, socket.AF_INET6, socket.SOCK_DGRAM, 0, socket.AI_NUMERICHOST)[0][4]


def ask(address: str, port: int, question: DnsQuestion, *, edns: bool = True) -> UdpQuery:
    """Send a query from a socket of its own, and return it.

    Raises:
        OperationError: this host could not send it.
    """
    try:
        return UdpQuery(send_query(address, port, question, edns=edns), question, edns=edns)
    except OSError as error:
        raise OperationError(classify(error, Operation.DATAGRAM, at_once=True)) from error


async def first_answer(
    address: str,
    port: int,
    question: DnsQuestion,
    seconds: float,
    *,
    edns: bool = True,
    begun: UdpQuery | None = None,
) -> tuple[UdpQuery, DnsAnswer]:
    """Ask, and ask again while there is no answer; return the query that was answered, still open, and its answer.

    Args:
        address: the server's, an IP literal without brackets; may carry an IPv6 zone.
        port: 1 to 65535.
        question: what to ask.
        seconds: time limit of all tries together.
        edns: whether the first try is sent with EDNS.
        begun: the first try, where it is in flight already; the time limit counts from its start.

    Raises:
        OperationError: no answer, or none in DNS.
    """
    loop = asyncio.get_running_loop()
    start = loop.time() if begun is None else begun.asked_at
    query, answer = await _first_answer(address, port, question, seconds, edns=edns, begun=begun)
    if not (query.edns and answer.rejects_edns):
        return query, answer
    try:
        plain = await _first_answer(address, port, question, max(0.0, start + seconds - loop.time()), edns=False)
    except OperationError:
        return query, answer
    except BaseException:
        query.close()
        raise
    query.close()
    return plain


async def _first_answer(
    address: str, port: int, question: DnsQuestion, seconds: float, *, edns: bool, begun: UdpQuery | None = None
) -> tuple[UdpQuery, DnsAnswer]:
    loop = asyncio.get_running_loop()
    start = loop.time() if begun is None else begun.asked_at
    query = begun or ask(address, port, question, edns=edns)
    failed: OperationError | None = None
    try:
        with StepTimeout(max(0.0, min(RESEND_SECONDS[0], seconds) - (loop.time() - start if begun else 0.0))):
            return query, await query.answer()
    except TimeoutError:
        pass
    except OperationError as error:  # a resolver that is being restarted refuses, too
        failed = error
    except BaseException:
        query.close()
        raise
    if seconds <= RESEND_SECONDS[0]:
        query.close()
        raise failed or operation_error(Failure.TIMEOUT)
    resend_at = start + RESEND_SECONDS[0]
    return await _ask_again(query, failed, lambda: ask(address, port, question, edns=False), resend_at, start + seconds)


async def _ask_again(
    first: UdpQuery, failed: OperationError | None, retry: Callable[[], UdpQuery], resend_at: float, deadline: float
) -> tuple[UdpQuery, DnsAnswer]:
    """Ask again from `resend_at` until `deadline`; the earlier queries stay open and are read, too."""
    loop = asyncio.get_running_loop()
    queries = [first]
    waiting: dict[asyncio.Task[DnsAnswer], UdpQuery] = {}
    winner: UdpQuery | None = None
    try:
        if failed is None:
            waiting[asyncio.create_task(first.answer())] = first
        else:
            await asyncio.sleep(resend_at - loop.time())
        for pause in (RESEND_SECONDS[1], deadline):
            another = retry()
            queries.append(another)
            waiting[asyncio.create_task(another.answer())] = another
            until = min(loop.time() + pause, deadline)
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
            if loop.time() >= deadline or not waiting:
                break
    finally:
        await _cancel_all(waiting)
        for query in queries:
            if query is not winner:
                query.close()
    raise failed or operation_error(Failure.TIMEOUT)


async def _cancel_all(waiting: dict[asyncio.Task[DnsAnswer], UdpQuery]) -> None:
    for task in waiting:
        task.cancel()
    if waiting:
        await asyncio.gather(*waiting, return_exceptions=True)
