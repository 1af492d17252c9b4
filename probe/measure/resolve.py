"""Perform the step `Resolve`: ask one resolver for the records of one name, over the transport it has."""

from __future__ import annotations

import asyncio
from typing import Any

from probe.measure.dns_stream import ask_over_tcp
from probe.measure.dns_udp import first_answer
from probe.measure.dns_wire import DnsAnswer, DnsQuestion, dns_question
from probe.measure.failures import FailureInfo, Operation, classify, operation_error
from probe.measure.tools import Emit, Timestamps, Tools
from probe.model.failure import Failure
from probe.model.observation import LateAnswer, Resolution
from probe.model.resolver import PlainResolver, resolver_label
from probe.model.step import Resolve


async def resolve(step: Resolve, tools: Tools, timestamps: Timestamps, emit: Emit) -> None:
    """Ask and emit the first answer at once; over UDP, read on and emit later answers that differ."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    resolver = PlainResolver.parse(step.resolver)
    try:
        if resolver is not None and resolver.transport == "udp":
            await _resolve_over_udp(step, resolver, tools, timestamps, emit)
            return
        answer = await _ask(step, resolver, tools)
    except Exception as error:
        failed = classify(error, Operation.LOOKUP)
        if failed.failure is Failure.BUG:
            raise
        emit(_failure(step, failed, timestamps.fields(start, loop.time())))
    else:
        emit(_resolution(step, answer, timestamps.fields(start, loop.time())))


async def _ask(step: Resolve, resolver: PlainResolver | None, tools: Tools) -> DnsAnswer:
    """Ask the system, an encrypted resolver, or a plain one over TCP."""
    if step.resolver == "system":
        return DnsAnswer(None, await tools.lookups.addresses(step.name, step.rrtype, tools.timeout))
    question = _question(step)
    if resolver is None:
        return await tools.encrypted(step.resolver).ask(question)
    async with tools.concurrency.sockets:
        return await ask_over_tcp(resolver, question, tools.timeout)


def _question(step: Resolve) -> DnsQuestion:
    try:
        return dns_question(step.name, step.rrtype)
    except ValueError as error:
        raise operation_error(Failure.LOCAL, str(error)) from error


async def _resolve_over_udp(
    step: Resolve, resolver: PlainResolver, tools: Tools, timestamps: Timestamps, emit: Emit
) -> None:
    loop = asyncio.get_running_loop()
    question = _question(step)
    async with tools.concurrency.sockets:
        start = loop.time()
        query, answer = await first_answer(resolver.address, resolver.port, question, tools.timeout)
        try:
            if answer.truncated:  # the complete answer is available over TCP (RFC 7766 section 5)
                resolver = PlainResolver("tcp", resolver.address, resolver.port)
                answer = await ask_over_tcp(resolver, question, tools.timeout)
                emit(_resolution(step, answer, timestamps.fields(start, loop.time())))
                return
            answered_at = query.answered_at
            fields = timestamps.fields(start, loop.time())
            fields["wait"] = max(1, round((answered_at - query.asked_at) * 1e6))
            emit(_resolution(step, answer, fields))
            async for late, gap in query.late_answers(answer):
                emit(_late_answer(step, late, gap, timestamps.fields(answered_at, answered_at + gap)))
        finally:
            query.close()


def _resolution(step: Resolve, answer: DnsAnswer, fields: dict[str, Any]) -> Resolution:
    return Resolution(
        name=step.name,
        rrtype=step.rrtype,
        resolver=resolver_label(step.resolver),
        trust=step.trust,
        addresses=answer.addresses,
        aliases=answer.aliases,
        ech=answer.ech,
        failure=answer.failure,
        **fields,
    )


def _failure(step: Resolve, failed: FailureInfo, fields: dict[str, Any]) -> Resolution:
    return Resolution(
        name=step.name,
        rrtype=step.rrtype,
        resolver=resolver_label(step.resolver),
        trust=step.trust,
        failure=failed.failure,
        detail=failed.detail,
        **fields,
    )


def _late_answer(step: Resolve, answer: DnsAnswer, gap: float, fields: dict[str, Any]) -> LateAnswer:
    return LateAnswer(
        name=step.name,
        rrtype=step.rrtype,
        resolver=resolver_label(step.resolver),
        trust=step.trust,
        addresses=answer.addresses,
        failure=answer.failure,
        gap=int(gap * 1000),
        **fields,
    )
