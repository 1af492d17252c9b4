"""Perform the step `Resolve`: ask one resolver for the records of one name, over the transport it has."""

from __future__ import annotations

import asyncio
from typing import Any

from msgspec.structs import replace

from probe.measure.dns_stream import ask_over_tcp
from probe.measure.dns_udp import UdpQuery, first_answer
from probe.measure.dns_wire import DnsAnswer, DnsQuestion, dns_question
from probe.measure.failures import FailureInfo, Operation, OperationError, classify, operation_error
from probe.measure.tools import Emit, Timestamps, Tools
from probe.model.failure import Failure
from probe.model.observation import LateAnswer, Resolution
from probe.model.resolver import PlainResolver, resolver_label
from probe.model.step import Resolve

COMPLETION_SECONDS = 3.0
"""Time limit of TCP where a truncated answer has addresses already: a SYN and two retransmissions."""


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
        emit(resolution(step, answer, timestamps.fields(start, loop.time())))


async def _ask(step: Resolve, resolver: PlainResolver | None, tools: Tools) -> DnsAnswer:
    """Ask the system, an encrypted resolver, or a plain one over TCP."""
    if step.resolver == "system":
        return DnsAnswer(None, await _system_addresses(step, tools))
    question = _question(step)
    if resolver is None:
        return await tools.encrypted(step.resolver).ask(question)
    async with tools.concurrency.sockets:
        return await ask_over_tcp(resolver, question, tools.timeout)


async def _system_addresses(step: Resolve, tools: Tools) -> tuple[str, ...]:
    """The system's addresses. That the system was still asking when our time ended is no silence: it asks the next."""
    try:
        return await tools.lookups.addresses(step.name, step.rrtype, tools.timeout)
    except OperationError as error:
        own_limit = error.info.failure is Failure.TIMEOUT and not error.info.detail
        if own_limit and tools.timeout < tools.lookups.patience_seconds:
            raise operation_error(Failure.LOCAL, "the system was still asking its resolvers") from error
        raise


def _question(step: Resolve) -> DnsQuestion:
    try:
        return dns_question(step.name, step.rrtype)
    except ValueError as error:
        raise operation_error(Failure.LOCAL, str(error)) from error


async def _resolve_over_udp(
    step: Resolve, resolver: PlainResolver, tools: Tools, timestamps: Timestamps, emit: Emit
) -> None:
    question = _question(step)
    async with tools.concurrency.sockets:
        start = asyncio.get_running_loop().time()
        answered = await first_answer(resolver.address, resolver.port, question, tools.timeout)
        await _emit_answers(step, answered, question, start, tools, timestamps, emit)


async def resume_over_udp(  # noqa: PLR0917 - a step's four arguments and its query
    step: Resolve, query: UdpQuery, question: DnsQuestion, tools: Tools, timestamps: Timestamps, emit: Emit
) -> None:
    """Go on with a query whose first try is in flight; the caller has its slot of the sockets."""
    resolver = PlainResolver.parse(step.resolver)
    assert resolver is not None  # noqa: S101 - the query was sent to it
    try:
        answered = await first_answer(resolver.address, resolver.port, question, tools.timeout, begun=query)
        await _emit_answers(step, answered, question, query.asked_at, tools, timestamps, emit)
    except Exception as error:
        failed = classify(error, Operation.LOOKUP)
        if failed.failure is Failure.BUG:
            raise
        emit(_failure(step, failed, timestamps.fields(query.asked_at, asyncio.get_running_loop().time())))


async def _emit_answers(  # noqa: PLR0917 - a step's four arguments and its answer
    step: Resolve,
    answered: tuple[UdpQuery, DnsAnswer],
    question: DnsQuestion,
    start: float,
    tools: Tools,
    timestamps: Timestamps,
    emit: Emit,
) -> None:
    """Emit the first answer, completed where it was cut, and later ones that differ; close the query."""
    loop = asyncio.get_running_loop()
    query, answer = answered
    tools.resolvers.answered(step.resolver)
    try:
        wait = max(1, round((query.answered_at - query.asked_at) * 1e6))
        if answer.truncated:
            answer, detail = await _completed(step.resolver, question, answer, tools.timeout)
            fields = timestamps.fields(start, loop.time())
            emit(resolution(step, answer, {**fields, "detail": detail, "wait": wait if answer.truncated else 0}))
            return
        emit(resolution(step, answer, {**timestamps.fields(start, loop.time()), "wait": wait}))
        answered_at = query.answered_at
        async for late, gap in query.late_answers(answer):
            emit(late_answer(step, late, gap, timestamps.fields(answered_at, answered_at + gap)))
    finally:
        query.close()


async def _completed(resolver: str, question: DnsQuestion, cut: DnsAnswer, seconds: float) -> tuple[DnsAnswer, str]:
    """The complete answer over TCP (RFC 7766 section 5), or else what the truncated one has; and a detail.

    The resolver has answered, so a failure of TCP is no silence about the name: many networks close port 53 for TCP.
    """
    over_udp = PlainResolver.parse(resolver)
    assert over_udp is not None  # noqa: S101 - it answered
    over_tcp = PlainResolver("tcp", over_udp.address, over_udp.port)
    try:
        answer = await ask_over_tcp(over_tcp, question, min(seconds, COMPLETION_SECONDS) if cut.addresses else seconds)
    except OperationError as error:
        if cut.addresses:
            return cut, ""
        return replace(cut, failure=error.info.failure), error.info.detail
    return replace(answer, truncated=False), ""


def _asked(step: Resolve, fields: dict[str, Any]) -> dict[str, Any]:
    """The fields that say what was asked, of whom and when."""
    return {
        "name": step.name,
        "rrtype": step.rrtype,
        "resolver": resolver_label(step.resolver),
        "trust": step.trust,
        "rank": step.rank,
        "rotates": step.rotates,
        **fields,
    }


def resolution(step: Resolve, answer: DnsAnswer, fields: dict[str, Any]) -> Resolution:
    """The observation of the first answer."""
    return Resolution(
        addresses=answer.addresses,
        aliases=answer.aliases,
        ech=answer.ech,
        failure=answer.failure,
        truncated=answer.truncated,
        recursion=answer.recursion,
        errors=answer.errors,
        **_asked(step, fields),
    )


def _failure(step: Resolve, failed: FailureInfo, fields: dict[str, Any]) -> Resolution:
    return Resolution(failure=failed.failure, detail=failed.detail, **_asked(step, fields))


def late_answer(step: Resolve, answer: DnsAnswer, gap: float, fields: dict[str, Any]) -> LateAnswer:
    """The observation of another answer, so many seconds after the first."""
    return LateAnswer(addresses=answer.addresses, failure=answer.failure, gap=int(gap * 1000), **_asked(step, fields))
