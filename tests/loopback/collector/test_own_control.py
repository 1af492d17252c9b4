"""The collector's own control: its identity in the database, and what its batches become."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta

import msgspec
import pytest

from probe.collector.own_control import SPONSOR, own_control, own_id
from probe.collector.store import agents
from probe.errors import StateError
from probe.formats.batch import Batch, encode
from probe.model.event import Network
from probe.model.verdict import Evidence, Status, Vantage, VantageState, Verdict
from tests.loopback.collector.conftest import Server
from tests.loopback.collector.vantages import rounds

HERE = Network(asn=64500, country="NL")


def batch(server: Server, agent: str, seq: int = 1) -> bytes:
    """A control's batch with one verdict, compressed."""
    now = server.collector.clock.now()
    verdict = Verdict(
        time=now,
        target="https://a.example/",
        status=Status.REACHABLE,
        causes=(),
        rule="http.reached",
        evidence=Evidence(observations=(), rules=1),
        vantage=Vantage(state=VantageState.ONLINE),
    )
    whole = Batch(
        agent=agent,
        epoch="e1",
        seq=seq,
        sent=now,
        interval=300.0,
        network=HERE,
        rounds=rounds(now - timedelta(seconds=30), 1),
        control=(verdict,),
    )
    return gzip.compress(encode(whole))


async def test_its_verdicts_are_served_and_it_is_counted_as_a_control(server: Server) -> None:
    control = await own_control(server.collector, HERE)

    status, body = await control.take(batch(server, control.agent_id))

    assert (status, msgspec.json.decode(body)) == (200, {"acked": 1})
    _, lines = await server.get("/api/v1/control")
    assert [json.loads(line)["target"] for line in lines.splitlines()] == ["https://a.example/"]
    board = json.loads((await server.get("/api/v1/board"))[1])
    assert (board["control"], board["networks"]) == ({"present": 1, "own": True}, [])


async def test_its_identity_outlives_the_process_and_is_marked_as_the_collectors(server: Server) -> None:
    first = await own_control(server.collector, HERE)
    again = await own_control(server.collector, HERE)

    assert first.agent_id == again.agent_id == await server.collector.store.read(own_id)
    row = await server.collector.agent(first.agent_id)
    assert row is not None
    assert (row.role, row.sponsor, row.asn, row.cc) == ("control", SPONSOR, 64500, "NL")
    assert (await again.take(batch(server, first.agent_id)))[0] == 200  # it still has the key


async def test_batches_out_of_order_and_of_another_agent_are_refused_as_over_the_network(server: Server) -> None:
    control = await own_control(server.collector, HERE)

    gap, body = await control.take(batch(server, control.agent_id, seq=3))
    assert (gap, msgspec.json.decode(body)["expected"]) == (409, 1)
    assert (await control.take(batch(server, "somebody")))[0] == 400
    assert (await control.take(b"no gzip"))[0] == 400


async def test_nobody_else_can_report_under_its_id(server: Server) -> None:
    """Its key never leaves the database, so no signature over the network fits."""
    control = await own_control(server.collector, HERE)
    headers = {"Probe-Agent": control.agent_id, "Probe-Signature": "A" * 86 + "==", "Content-Encoding": "gzip"}
    body = batch(server, control.agent_id)

    async with server.http.post(server.page + "/api/v1/batches", data=body, headers=headers) as answer:
        assert answer.status == 401


async def test_a_revoked_control_does_not_start(server: Server) -> None:
    control = await own_control(server.collector, HERE)
    await server.collector.store.write(lambda session: agents.revoke(session, control.agent_id))

    with pytest.raises(StateError, match="revoked"):
        await own_control(server.collector, HERE)
