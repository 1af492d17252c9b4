"""DNS: ask one resolver for one name and type, by whichever way the resolver is reached."""

from __future__ import annotations

import asyncio

from probe.measure.dns_stream import ask_over_tcp
from probe.measure.dns_udp import first_answer
from probe.measure.dns_wire import DnsAnswer, DnsQuestion, dns_question
from probe.measure.failures import Operation, classify, operation_error
from probe.measure.tools import Emit, Timestamps, Tools
from probe.model.failure import Failure
from probe.model.observation import LateAnswer, Resolution
from probe.model.resolver import PlainResolver, resolver_label
from probe.model.step import Resolve


async def resolve(step: Resolve, tools: Tools, timestamps: Timestamps, emit: Emit) -> None:
    """Ask; hand on the first answer at once; over UDP read on for others."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    server = PlainResolver.parse(step.resolver)
    try:
        if server is not None and server.transport == "udp":
            await _over_udp(step, server, tools, timestamps, emit)
            return
        answer = await _single_answer(step, server, tools)
    except Exception as error:
        end = classify(error, Operation.LOOKUP)
        if end.failure is Failure.BUG:
            raise
        emit(_failed(step, end.failure, end.detail, timestamps, start))
    else:
        emit(_resolution(step, answer, timestamps, start))


async def _single_answer(step: Resolve, server: PlainResolver | None, tools: Tools) -> DnsAnswer:
    if step.resolver == "system":
        return DnsAnswer(None, await tools.lookups.addresses(step.name, step.rrtype, tools.timeout))
    asked = _question(step)
    if server is None:
        return await tools.encrypted(step.resolver).ask(asked)
    async with tools.concurrency.sockets:
        return await ask_over_tcp(server, asked, tools.timeout)


def _question(step: Resolve) -> DnsQuestion:
    try:
        return dns_question(step.name, step.rrtype)
    except ValueError as error:
        raise operation_error(Failure.LOCAL, str(error)) from error


async def _over_udp(step: Resolve, server: PlainResolver, tools: Tools, timestamps: Timestamps, emit: Emit) -> None:
    asked = _question(step)
    async with tools.concurrency.sockets:
        start = asyncio.get_running_loop().time()
        query, answer = await first_answer(server.address, server.port, asked, tools.timeout)
        try:
            if answer.truncated:  # RFC 7766 section 5: the rest is to be had over TCP
                answer = await ask_over_tcp(PlainResolver("tcp", server.address, server.port), asked, tools.timeout)
                emit(_resolution(step, answer, timestamps, start))
                return
            emit(_resolution(step, answer, timestamps, start))
            heard = query.answered_at
            async for late, gap in query.late_answers(answer):
                emit(_late(step, late, timestamps, heard, gap))
        finally:
            query.close()


def _resolution(step: Resolve, answer: DnsAnswer, timestamps: Timestamps, start: float) -> Resolution:
    return Resolution(
        name=step.name,
        rrtype=step.rrtype,
        resolver=resolver_label(step.resolver),
        trust=step.trust,
        addresses=answer.addresses,
        aliases=answer.aliases,
        ech=answer.ech,
        failure=answer.failure,
        **timestamps.fields(start, asyncio.get_running_loop().time()),
    )


def _failed(step: Resolve, failure: Failure, detail: str, timestamps: Timestamps, start: float) -> Resolution:
    return Resolution(
        name=step.name,
        rrtype=step.rrtype,
        resolver=resolver_label(step.resolver),
        trust=step.trust,
        failure=failure,
        detail=detail,
        **timestamps.fields(start, asyncio.get_running_loop().time()),
    )


def _late(step: Resolve, answer: DnsAnswer, timestamps: Timestamps, heard: float, gap: float) -> LateAnswer:
    return LateAnswer(
        name=step.name,
        rrtype=step.rrtype,
        resolver=resolver_label(step.resolver),
        trust=step.trust,
        addresses=answer.addresses,
        failure=answer.failure,
        gap=int(gap * 1000),
        **timestamps.fields(heard, heard + gap),
    )
