"""The roles of a collector process."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from probe.clock import Clock
from probe.collector.roles import ALL_ROLES, ProcessRole, parse_roles
from probe.collector.server import running
from probe.errors import StorageError, UsageError
from probe.model.verdict import Cause, Status
from tests.e2e.batch_load import enrol_agents
from tests.loopback.collector.vantages import change, rounds

ORIGIN = "http://collector.test"


@pytest.mark.parametrize(
    "text, roles",
    [
        ("intake", {ProcessRole.INTAKE}),
        ("fuse, web", {ProcessRole.FUSE, ProcessRole.WEB}),
        ("intake,fuse,notify,web", ALL_ROLES),
    ],
)
def test_roles_are_named_with_commas(text: str, roles: set[ProcessRole]) -> None:
    """Spaces do not count."""
    assert parse_roles(text) == roles


@pytest.mark.parametrize("text", ["", " , ", "intake,ingest"])
def test_an_unknown_role_is_named_with_the_known_ones(text: str) -> None:
    """An empty list is an error too: such a process would do nothing."""
    with pytest.raises(UsageError) as caught:
        parse_roles(text)

    assert "intake, fuse, notify, web" in str(caught.value)


async def test_two_processes_share_the_work_on_one_database(tmp_path: Path) -> None:
    """What one takes in, the other fuses and shows; each answers 503 for the work of the other."""
    db = tmp_path / "c.sqlite"
    intake, others = frozenset({ProcessRole.INTAKE}), ALL_ROLES - {ProcessRole.INTAKE}
    at = datetime.now(UTC) - timedelta(minutes=10)
    async with (
        running(db, "127.0.0.1:0", ORIGIN, Clock(), roles=intake) as (_, taking),
        running(db, "127.0.0.1:0", ORIGIN, Clock(), roles=others) as (_, showing),
        aiohttp.ClientSession() as http,
    ):
        (agent,) = await enrol_agents(str(db), taking.rstrip("/"), 1, http, ORIGIN)
        flip = change("https://a.example/", Status.BLOCKED, at, Cause.TCP_RESET)
        assert (await agent.post(http, agent.batch(rounds=rounds(at, 1), changes=(flip,))))[0] == 200

        while "a.example" not in await (await http.get(f"{showing}api/v1/events")).text():  # noqa: ASYNC110
            await asyncio.sleep(0.05)

        assert (await http.get(taking)).status == 503
        assert (await http.post(f"{showing}api/v1/batches")).status == 503
        for page in (taking, showing):
            assert (await http.get(f"{page}readyz")).status == 200


async def test_a_fuser_that_fails_is_visible_where_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`/readyz` of its process names it; that of a process without the role stays 200."""

    async def broken(collector: object) -> bool:
        raise StorageError("cannot be read", where="database")

    monkeypatch.setattr("probe.collector.fusing.fuser.fuse_some", broken)
    db = tmp_path / "c.sqlite"
    async with (
        running(db, "127.0.0.1:0", ORIGIN, Clock(), roles=frozenset({ProcessRole.FUSE})) as (_, fusing),
        running(db, "127.0.0.1:0", ORIGIN, Clock(), roles=frozenset({ProcessRole.WEB})) as (_, showing),
        aiohttp.ClientSession() as http,
    ):
        while (answer := await http.get(f"{fusing}readyz")).status == 200:  # noqa: ASYNC110 no event of ours
            await asyncio.sleep(0.05)

        assert "fuser" in await answer.text()
        assert (await http.get(f"{showing}readyz")).status == 200
