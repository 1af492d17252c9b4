"""The OpenAPI document of a running collector: complete, true, and tried with generated requests (schemathesis).

`PROBE_SCHEMATHESIS=500` generates that many requests an operation instead of 8.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis
import msgspec
import pytest
import schemathesis
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS
from schemathesis.specs.openapi.checks import positive_data_acceptance

from probe.collector.store import deliveries
from probe.collector.store.deliveries import Delivery
from probe.collector.web import openapi
from probe.collector.web.openapi import OPERATIONS, query_parameters
from probe.model.verdict import Cause, Status, Verdict
from tests.loopback.collector.conftest import Server
from tests.loopback.collector.fusing.test_fuser import T, fused, report
from tests.loopback.collector.vantages import FakeAgent, blocked_verdict, change
from tests.loopback.collector.web.test_api import got

Enrolled = Callable[..., Awaitable[FakeAgent]]
EXAMPLES = int(os.environ.get("PROBE_SCHEMATHESIS", "8"))
NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
async def filled(server: Server, enrolled: Enrolled) -> Server:
    """A collector with events, evidence and messages."""
    server.collector.refusal_seconds = 0.0
    for asn in (64500, 64501, 64502):
        verdict = blocked_verdict(T, "wechat.example", NOW - HOUR)
        await report(
            server, await enrolled(asn), change(T, Status.BLOCKED, NOW - HOUR, Cause.DNS_SPOOFED, verdict=verdict)
        )
    await fused(server)
    body = b'{"id":"k","subscription":"s","time":"2026-05-04T04:10:00Z","title":"t","text":"x"}'
    told = Delivery("k", "s", "webhook", 1, body, state="sent")
    await server.collector.store.write(lambda session: deliveries.add_delivery(session, told))
    return server


async def test_every_route_of_the_api_is_documented_and_nothing_else(server: Server) -> None:
    """With every parameter of its path and a summary."""
    document = await got(server, "/api/v1/openapi.json")
    documented = {(method.upper(), path) for path, item in document["paths"].items() for method in item}

    assert documented == set(OPERATIONS)
    for path, item in document["paths"].items():
        for operation in item.values():
            assert operation["summary"]
            inside = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
            assert inside == set(re.findall(r"{(\w+)}", path))


def test_the_documented_parameters_are_those_that_are_read() -> None:
    """A query that notes what is asked of it shows the names."""

    class Noting:
        def __init__(self) -> None:
            self.names: set[str] = set()

        def getall(self, key: str, default: list[str]) -> list[str]:
            self.names.add(key)
            return default

    for operation in OPERATIONS.values():
        if operation.query is not None:
            noting = Noting()
            operation.query.of(noting)  # type: ignore[attr-defined]
            assert set(query_parameters(operation.query)) == noting.names


async def test_answers_are_of_the_documented_records(filled: Server) -> None:
    """Decoding is strict, and what is decoded encodes to the same again: nothing is undocumented."""
    (event, *_) = (await got(filled, "/api/v1/events"))["events"]
    digest = (await got(filled, f"/api/v1/events/{event['id']}"))["vantages"][0]["evidence"]
    for (method, path), operation in OPERATIONS.items():
        if operation.answer is None or method != "GET":
            continue
        status, text = await filled.get(path.format(id=event["id"], digest=digest))
        assert status == 200, path
        decoded: Any = msgspec.json.decode(text, type=operation.answer)
        if operation.answer is not Verdict:
            assert msgspec.json.decode(msgspec.json.encode(decoded)) == msgspec.json.decode(text)


def attack_operation(operation: Any, mode: GenerationMode, page: str) -> int:
    """Send generated requests and check the answers; how many were sent.

    That well-formed values are accepted is not checked: of cursors, keys and names only those that exist are.
    """
    count = 0

    @hypothesis.settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: schemathesis.Case) -> None:
        nonlocal count
        count += 1
        case.call_and_validate(base_url=page, excluded_checks=[positive_data_acceptance])

    with contextlib.suppress(hypothesis.errors.Unsatisfiable):  # there is no wrong value where nothing is read
        ask()
    return count


async def test_generated_requests_find_no_fault(filled: Server) -> None:
    """No 5xx, no undocumented status, type or content; malformed values are refused."""
    document = await got(filled, openapi.PATH)
    document["servers"] = [{"url": filled.page}]

    def attack() -> int:
        schema = schemathesis.openapi.from_dict(document)
        count = 0
        for result in schema.get_all_operations():
            operation = result.ok()

            for mode in GenerationMode:
                count += attack_operation(operation, mode, filled.page)
        return count

    count = await asyncio.to_thread(attack)
    print(f"\n{count} requests to {len(OPERATIONS)} operations, {len(CHECKS.get_all_names())} checks: 0 failures")  # noqa: T201
    assert count >= len(OPERATIONS)
