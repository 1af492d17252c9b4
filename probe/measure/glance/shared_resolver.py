"""Ask one resolver for many names over one UDP socket.

A query costs one system call and its answer little more: no socket of its own, no task, no timer. The socket is
connected, so the kernel accepts datagrams from the resolver alone; ids are random, and so is the source port of each
socket, which is replaced every minute. A query is repeated as the full look repeats it (`dns_udp.RESEND_SECONDS`), each
time with an id of its own, so that an answer to a repeated query is no second answer to the first.

The socket outlives each query. So a second answer that contradicts the first is seen whenever it comes; for
`LATE_ANSWER_SECONDS` the query is remembered for it.
"""

from __future__ import annotations

import os
import socket
import struct
from functools import lru_cache
from typing import Protocol

from probe.measure.dns_udp import LATE_ANSWER_SECONDS, RESEND_SECONDS, socket_address
from probe.measure.dns_wire import EDNS_RECORD, TYPES, DnsAnswer, MalformedDnsError, dns_question
from probe.measure.failures import FailureInfo, Operation, classify
from probe.measure.glance.common_answer import common_addresses
from probe.measure.glance.deadlines import Deadlines
from probe.measure.glance.poller import Poller
from probe.model.failure import Failure
from probe.model.resolver import PlainResolver
from probe.traffic_account import QUERY_TRAFFIC, demand, note_answer

MAX_IN_FLIGHT = 100
"""Queries without an answer at the same time. A home router (dnsmasq) refuses more than 150, and with 200 some are lost
in the receive buffer of a slow resolver."""
MAX_REMEMBERED = 16_384
"""Queries in flight or listened to at the same time: a quarter of all ids."""
MAX_SOCKET_AGE_SECONDS = 60.0
"""Age at which a socket takes no new queries: the host may have another address since, and a port that stays for hours
is easier to find for somebody who wants to forge answers."""
_RECEIVE_BUFFER_BYTES = 1 << 20
"""Room for a thousand answers while this host is busy."""
_MAX_DATAGRAM_BYTES = 2048
"""Size of a datagram that is read; what is longer than a query with EDNS asks for is cut and so malformed."""
_DATAGRAMS_PER_TURN = 256
_WITH_EDNS = struct.pack("!5H", 0x0100, 1, 0, 0, 1)
_WITHOUT_EDNS = struct.pack("!5H", 0x0100, 1, 0, 0, 0)
"""A query's header after its id: recursion desired, one question."""
_LABEL_LENGTHS = {length: bytes((length,)) for length in range(1, 64)}
_MAX_NAME_CHARACTERS = 253
_TYPE_AND_CLASS = {rrtype: b"\0" + struct.pack("!HH", number, 1) for rrtype, number in TYPES.items()}
_TOO_LONG = FailureInfo(Failure.TOO_MUCH, "the answer does not fit into a datagram")


class NameAsker(Protocol):
    """Who asked for a name."""

    def resolved(self, first: str, addresses: tuple[str, ...], octets: int) -> None:
        """Take in the first address of the answer, all of them sorted, and the bytes of the query and the answer."""

    def unresolved(self, failed: FailureInfo, octets: int) -> None:
        """Take in that there are none; nothing is listened for then."""

    def contradicted(self) -> None:
        """Take in that a second answer to the same query contradicts the first."""

    def listened(self) -> None:
        """Take in that no further answer is waited for."""

    def broken(self, error: Exception) -> None:
        """Take in that this program has a fault; the query is forgotten."""


@lru_cache(maxsize=4096)
def question_section(name: str, rrtype: str) -> bytes:
    """Return the encoded question for the `A` or `AAAA` records of a name in A-labels.

    Remembered, since every round asks the same questions.

    Raises:
        ValueError: the name cannot be encoded.
    """
    try:
        labels = [_LABEL_LENGTHS[len(label)] + label for label in name.encode("ascii").split(b".")]
    except KeyError:
        labels = []
    if not labels or len(name) > _MAX_NAME_CHARACTERS:
        raise ValueError(f"{name[:100]!r} cannot be asked about")
    return b"".join(labels) + _TYPE_AND_CLASS[rrtype]


class NameQuery:
    """One name that is asked for, up to three times.

    Attributes:
        asked_at: on the clock of the deadlines.
        ids: of the messages that may still be answered.
        first: the addresses of the first answer, sorted; None before it.
        tries: messages sent.
        octets: bytes sent and received.
        malformed: a message came under one of the ids that cannot be decoded.
    """

    __slots__ = (
        "asked_at",
        "asker",
        "first",
        "ids",
        "malformed",
        "name",
        "octets",
        "question",
        "resolver",
        "rrtype",
        "tries",
    )

    def __init__(self, resolver: SharedResolver, name: str, rrtype: str, asker: NameAsker) -> None:
        self.resolver = resolver
        self.name = name
        self.rrtype = rrtype
        self.asker = asker
        self.asked_at = 0.0
        self.question = question_section(name, rrtype)
        self.ids: list[int] = []
        self.first: tuple[str, ...] | None = None
        self.tries = 0
        self.octets = 0
        self.malformed = False

    def expire(self) -> None:
        """Ask again, or end: nothing came, or nothing more did."""
        self.resolver.expired(self)


class SharedResolver:
    """One resolver and the queries that it is asked.

    Args:
        server: over UDP.
        poller: watches the socket.
        deadlines: of queries.
        seconds: time limit of all tries for a name together.
        listen_seconds: how long to listen for a second answer after the first; 0 for not at all.

    Attributes:
        in_flight: queries without an answer.

    Raises:
        OSError: this host cannot send to there.
    """

    def __init__(
        self,
        server: PlainResolver,
        poller: Poller,
        deadlines: Deadlines,
        seconds: float,
        listen_seconds: float = LATE_ANSWER_SECONDS,
    ) -> None:
        self.in_flight = 0
        self._poller = poller
        self._deadlines = deadlines
        self._schedule = try_schedule(seconds)
        self._listen_seconds = listen_seconds
        self._queries: dict[int, NameQuery] = {}
        self._random_ids: list[int] = []
        self._refused_at = float("-inf")
        self._retired = False
        self._opened_at = deadlines.now
        self._sock = socket.socket(socket.AF_INET6 if ":" in server.address else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._sock.setblocking(False)
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
            self._sock.connect(socket_address(server.address, server.port))
            poller.watch_reading(self._sock, self)
        except BaseException:
            self._sock.close()
            raise

    @property
    def has_room(self) -> bool:
        """Whether one more name may be asked for now."""
        return self.in_flight < MAX_IN_FLIGHT and len(self._queries) < MAX_REMEMBERED

    @property
    def is_old(self) -> bool:
        """Whether the socket is to be replaced."""
        return self._deadlines.now - self._opened_at > MAX_SOCKET_AGE_SECONDS

    @property
    def is_closed(self) -> bool:
        """Whether the socket is closed."""
        return self._sock.fileno() < 0

    def ask(self, name: str, rrtype: str, asker: NameAsker) -> NameQuery:
        """Ask for the `A` or `AAAA` records of a name. The answer never comes before this returns.

        Raises:
            ValueError: the name cannot be encoded.
            OSError: this host cannot send.
        """
        query = NameQuery(self, name, rrtype, asker)
        query.asked_at = self._deadlines.now
        try:
            self._send(query)
        except OSError:
            self._opened_at = float("-inf")  # this host may have another address or network by now
            raise
        self.in_flight += 1
        self._deadlines.set(query, self._schedule[0])
        return query

    def drop(self, query: NameQuery) -> None:
        """Forget a query; nobody wants its answer any more."""
        if query.ids:
            self._stop_waiting(query)
            self._forget(query)

    def retire(self) -> None:
        """Close the socket as soon as no query needs it."""
        self._retired = True
        self._close_if_unused()

    def close(self) -> None:
        """Close the socket."""
        if self._sock.fileno() >= 0:
            self._poller.forget(self._sock)
            self._sock.close()

    def ready(self, events: int) -> None:
        """Read answers, as many as one turn of the event loop may take."""
        del events
        queries = self._queries
        for _ in range(_DATAGRAMS_PER_TURN):
            try:
                data = self._sock.recv(_MAX_DATAGRAM_BYTES)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:  # ICMP: of whose query is not known. Each is sent again, as to a resolver that restarts.
                self._refused_at = self._deadlines.now
                return
            query = queries.get(data[0] << 8 | data[1]) if len(data) > 1 else None
            if query is not None:
                try:
                    self._answered(query, data)
                except Exception as error:  # noqa: BLE001 - a fault of ours ends one glance, not all
                    self.drop(query)
                    query.asker.broken(error)
                if self._sock.fileno() < 0:
                    return

    def expired(self, query: NameQuery) -> None:
        """Ask again, or end: nothing came, or nothing more did."""
        if query.first is not None:
            self._forget(query)
            query.asker.listened()
            return
        if query.tries < len(self._schedule):
            try:
                self._send(query)
            except OSError as error:
                self._fail(query, classify(error, Operation.DATAGRAM, at_once=True))
            else:
                self._deadlines.set(query, self._schedule[query.tries - 1])
            return
        if query.malformed:
            self._fail(query, FailureInfo(Failure.GARBAGE, "malformed DNS"))
        elif self._refused_at >= query.asked_at:
            self._fail(query, FailureInfo(Failure.UNREACHABLE, "ICMP"))
        else:
            self._fail(query, FailureInfo(Failure.TIMEOUT))

    def _send(self, query: NameQuery) -> None:
        demand(QUERY_TRAFFIC)
        ident = self._free_id()
        header = _WITHOUT_EDNS + query.question if query.tries else _WITH_EDNS + query.question + EDNS_RECORD
        message = ident.to_bytes(2, "big") + header
        try:
            self._sock.send(message)
        except (BlockingIOError, InterruptedError):
            pass  # as good as lost: it is sent again
        except ConnectionRefusedError:  # ICMP about an earlier query, which the kernel tells the next one to come
            self._refused_at = self._deadlines.now
        query.ids.append(ident)
        self._queries[ident] = query
        query.tries += 1
        query.octets += len(message)

    def _free_id(self) -> int:
        while True:
            if not self._random_ids:
                self._random_ids = list(struct.unpack("256H", os.urandom(512)))
            ident = self._random_ids.pop()
            if ident not in self._queries:
                return ident

    def _answered(self, query: NameQuery, data: bytes) -> None:
        found = common_addresses(data, query.question)
        failed = None
        if found is None:
            answer = _decoded(query, data)
            if answer is None:
                return
            found = list(answer.addresses)
            if answer.rejects_edns and query.tries == 1 < len(self._schedule):
                self._ask_without_edns(query)
                return
            if answer.truncated:
                if query.first is not None:
                    return  # incomplete, so it contradicts nothing
                failed = _TOO_LONG
            elif answer.failure is not None:
                failed = FailureInfo(answer.failure)
        if query.first is not None:
            if failed is not None or tuple(sorted(found)) != query.first:
                query.asker.contradicted()
            return
        query.octets += len(data)
        note_answer(len(data))
        if failed is not None:
            self._fail(query, failed)
        else:
            self._resolve(query, found, data[0] << 8 | data[1])

    def _ask_without_edns(self, query: NameQuery) -> None:
        """Ask a resolver again that does not understand EDNS, as the full look does (RFC 6891 section 7)."""
        self._deadlines.clear(query, self._schedule[0])
        try:
            self._send(query)
        except OSError as error:
            self._fail(query, classify(error, Operation.DATAGRAM, at_once=True))
        else:
            self._deadlines.set(query, self._schedule[query.tries - 1])

    def _resolve(self, query: NameQuery, found: list[str], ident: int) -> None:
        self._stop_waiting(query)
        query.first = tuple(found) if len(found) == 1 else tuple(sorted(found))
        if self._listen_seconds:
            for other in query.ids:
                if other != ident:
                    del self._queries[other]
            query.ids = [ident]
            self._deadlines.set(query, self._listen_seconds)
        else:
            self._forget(query)
            query.asker.listened()
        query.asker.resolved(found[0], query.first, query.octets)

    def _fail(self, query: NameQuery, failed: FailureInfo) -> None:
        self._stop_waiting(query)
        self._forget(query)
        query.asker.unresolved(failed, query.octets)

    def _stop_waiting(self, query: NameQuery) -> None:
        """Take the query out of those that wait for an answer, or for a second one."""
        if query.first is not None:
            self._deadlines.clear(query, self._listen_seconds)
        else:
            self.in_flight -= 1
            self._deadlines.clear(query, self._schedule[query.tries - 1])

    def _forget(self, query: NameQuery) -> None:
        for ident in query.ids:
            del self._queries[ident]
        query.ids = []
        self._close_if_unused()

    def _close_if_unused(self) -> None:
        if self._retired and not self._queries:
            self.close()


def try_schedule(seconds: float) -> tuple[float, ...]:
    """Return how long to wait after each datagram that may be lost, all of them together `seconds`."""
    waits: list[float] = []
    rest = seconds
    for wait in RESEND_SECONDS:
        if rest <= wait:
            break
        waits.append(wait)
        rest -= wait
    return (*waits, rest)


def _decoded(query: NameQuery, data: bytes) -> DnsAnswer | None:
    """Decode any answer; None where it is malformed or answers another question."""
    try:
        return dns_question(query.name, query.rrtype).parse(data, data[0] << 8 | data[1])
    except MalformedDnsError:
        query.malformed = True
        return None
