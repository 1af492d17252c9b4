"""DNS: ask one resolver for one name and type, by whichever way the resolver is reached."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from probe.measure.connect import open_tcp
from probe.measure.datagram import first_answer
from probe.measure.dns_stream import FramedLink
from probe.measure.failures import Act, Ended, ended, fault
from probe.measure.step_timeout import Phase
from probe.measure.stream import TcpStream
from probe.measure.timing import Emit, Stamp
from probe.measure.tools import Tools
from probe.measure.wire import Answer, Question, question
from probe.model.address import is_bogon, parse_address
from probe.model.failure import Failure
from probe.model.observation import LateAnswer, Resolution
from probe.model.step import Resolve
from probe.model.target import bracketed


@dataclass(frozen=True, slots=True)
class Server:
    """A resolver asked in plain DNS.

    Attributes:
        transport: `udp` or `tcp`.
        address: an IP literal without brackets; may carry an IPv6 zone.
    """

    transport: str
    address: str
    port: int

    def __str__(self) -> str:
        return f"{self.transport}:{bracketed(self.address)}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> Server | None:
        """Read `udp:ADDRESS:PORT` or `tcp:ADDRESS:PORT` (IPv6 in brackets); None when it is neither."""
        transport, _, rest = text.partition(":")
        host, _, port = rest.rpartition(":")
        address = host.removeprefix("[").removesuffix("]")
        if transport not in ("udp", "tcp") or parse_address(address) is None or not port.isdecimal():
            return None
        return cls(transport, address, int(port))


def shown(resolver: str) -> str:
    """A resolver as evidence names it: one at a private address (the volunteer's own network) is just `network`."""
    server = Server.parse(resolver)
    if server is None or not is_bogon(server.address):
        return resolver
    return "network"


async def resolve(step: Resolve, tools: Tools, stamp: Stamp, emit: Emit) -> None:
    """Ask; hand on the first answer at once; over UDP read on for others."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    server = Server.parse(step.resolver)
    try:
        if server is not None and server.transport == "udp":
            await _datagram(step, server, tools, stamp, emit)
            return
        answer = await _otherwise(step, server, tools)
    except Exception as error:
        end = fault(error, Act.LOOKUP)
        if end.failure is Failure.BUG:
            raise
        emit(_failed(step, end.failure, end.detail, stamp, start))
    else:
        emit(_resolution(step, answer, stamp, start))


async def _otherwise(step: Resolve, server: Server | None, tools: Tools) -> Answer:
    if step.resolver == "system":
        return Answer(None, await tools.lookups.addresses(step.name, step.rrtype, tools.timeout))
    asked = _question(step)
    if server is None:
        return await tools.encrypted(step.resolver).ask(asked)
    async with tools.staging.sockets:
        return await over_tcp(server, asked, tools.timeout)


def _question(step: Resolve) -> Question:
    try:
        return question(step.name, step.rrtype)
    except ValueError as error:
        raise ended(Failure.LOCAL, str(error)) from error


async def over_tcp(server: Server, asked: Question, seconds: float) -> Answer:
    """One question over a TCP connection of its own.

    Raises:
        Ended: no connection, or no answer over it.
    """
    sock = await open_tcp(server.address, server.port, seconds)
    link = FramedLink(TcpStream(sock))
    try:
        with Phase(seconds):
            return await link.ask(asked)
    except Exception as error:
        raise Ended(fault(error, Act.STREAM)) from error
    finally:
        link.close()


async def _datagram(step: Resolve, server: Server, tools: Tools, stamp: Stamp, emit: Emit) -> None:
    asked = _question(step)
    async with tools.staging.sockets:
        start = asyncio.get_running_loop().time()
        query, answer = await first_answer(server.address, server.port, asked, tools.timeout)
        try:
            if answer.truncated:  # RFC 7766 section 5: the rest is to be had over TCP
                answer = await over_tcp(Server("tcp", server.address, server.port), asked, tools.timeout)
                emit(_resolution(step, answer, stamp, start))
                return
            emit(_resolution(step, answer, stamp, start))
            heard = query.heard
            async for late, gap in query.late(answer):
                emit(_late(step, late, stamp, heard, gap))
        finally:
            query.close()


def _resolution(step: Resolve, answer: Answer, stamp: Stamp, start: float) -> Resolution:
    return Resolution(
        name=step.name,
        rrtype=step.rrtype,
        resolver=shown(step.resolver),
        trust=step.trust,
        addresses=answer.addresses,
        aliases=answer.aliases,
        ech=answer.ech,
        failure=answer.failure,
        **stamp.fields(start, asyncio.get_running_loop().time()),
    )


def _failed(step: Resolve, failure: Failure, detail: str, stamp: Stamp, start: float) -> Resolution:
    return Resolution(
        name=step.name,
        rrtype=step.rrtype,
        resolver=shown(step.resolver),
        trust=step.trust,
        failure=failure,
        detail=detail,
        **stamp.fields(start, asyncio.get_running_loop().time()),
    )


def _late(step: Resolve, answer: Answer, stamp: Stamp, heard: float, gap: float) -> LateAnswer:
    return LateAnswer(
        name=step.name,
        rrtype=step.rrtype,
        resolver=shown(step.resolver),
        trust=step.trust,
        addresses=answer.addresses,
        failure=answer.failure,
        gap=int(gap * 1000),
        **stamp.fields(heard, heard + gap),
    )
