"""The log over HTTP: what is served, and what is not."""

from __future__ import annotations

import gzip

import pytest

from probe.collector.log.own_log import OwnLog, own_key
from probe.fuse.revision import RevisionKind
from tests.loopback.collector.conftest import Server
from tests.loopback.collector.log.independent_client import IndependentClient, check_proof
from tests.loopback.collector.log.published import MAY, publish, publish_many

NOW = MAY


async def logged(server: Server, count: int) -> str:
    """Publish that many events, append them, and return the log's key."""
    await publish_many(server.collector, count)
    await OwnLog(server.collector, None).append_all()
    return str(await own_key(server.collector.store, server.collector.origin))


async def test_a_proof_of_each_revision_of_an_event_is_served_and_verifies(server: Server) -> None:
    """The newest one unless another is asked for; an independent client computes it anew from the entries."""
    await publish_many(server.collector, 300)
    await publish(server.collector)
    await publish(server.collector, RevisionKind.LIFTED, revision=2, lifted=MAY)
    key = await logged(server, 0)
    _, entries = await IndependentClient(server.http, f"{server.page}/log", key).verify_all()
    path = f"/api/v1/events/{'a' * 16}/proof"

    newest = (await server.get(path))[1]
    first = (await server.get(f"{path}?revision=1"))[1]

    assert check_proof(newest, key, entries)[0] == 301
    index, entry = check_proof(first, key, entries)
    assert (index, b'"kind":"began"' in entry) == (300, True)


async def test_the_page_of_an_event_links_its_proof_and_says_how_to_verify(server: Server) -> None:
    await publish(server.collector)
    fresh = (await server.get(f"/e/{'a' * 16}"))[1]
    await logged(server, 0)

    page = (await server.get(f"/e/{'a' * 16}"))[1]

    assert f"/api/v1/events/{'a' * 16}/proof" not in fresh
    assert f'href="/api/v1/events/{"a" * 16}/proof"' in page
    assert f"probe verify http://collector.test/e/{'a' * 16}" in page
    assert "entry 0 of the" in page


@pytest.mark.parametrize(
    "path",
    [
        "/log/tile/0/001",
        "/log/tile/0/000.p/4",
        "/log/tile/0/000",
        "/log/tile/1/000.p/1",
        "/log/tile/00/000.p/3",
        "/log/tile/64/000.p/1",
        "/log/tile/0/0",
        "/log/tile/0/x000/000.p/1",
        "/log/tile/entries/000.p/0",
        "/log/tile/entries/000.p/03",
        "/log/tile/entries/000.p/4",
        "/log/tile/entries/../../etc/passwd",
        "/following/00000000/log/checkpoint",
        "/following/00000000/log/key",
        "/following/00000000/log/tile/0/000.p/1",
        "/following/xyz/log/checkpoint",
        f"/api/v1/events/{'f' * 16}/proof",
        f"/api/v1/events/{0:016x}/proof?revision=2",
    ],
)
async def test_what_the_log_does_not_have_is_not_there(server: Server, path: str) -> None:
    await logged(server, 3)

    assert (await server.get(path))[0] == 404


async def test_a_revision_that_is_no_number_is_refused(server: Server) -> None:
    assert (await server.get(f"/api/v1/events/{'a' * 16}/proof?revision=x"))[0] == 400
    assert (await server.get("/api/v1/events/x/proof"))[0] == 400


async def test_older_partial_tiles_stay_where_they_were(server: Server) -> None:
    """A checkpoint of then is verified with the tiles of then."""
    await logged(server, 3)
    before = (await server.http.get(f"{server.page}/log/tile/0/000.p/3")).read()
    first = await before
    await publish_many(server.collector, 300, first=3)
    await OwnLog(server.collector, None).append_all()

    async with server.http.get(f"{server.page}/log/tile/0/000.p/3") as answer:
        assert await answer.read() == first
    async with server.http.get(f"{server.page}/log/tile/0/000") as answer:
        assert (await answer.read())[:96] == first


async def test_bundles_are_compressed_for_who_asks(server: Server) -> None:
    await logged(server, 50)
    url = f"{server.page}/log/tile/entries/000.p/50"

    async with server.http.get(url, headers={"Accept-Encoding": "gzip"}) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        body = await answer.read()
    async with server.http.get(url, headers={"Accept-Encoding": "identity"}) as answer:
        assert "Content-Encoding" not in answer.headers
        assert await answer.read() == body

    assert len(gzip.compress(body)) < len(body)


async def test_the_log_of_a_new_collector_is_empty_and_signed(server: Server) -> None:
    key = str(await own_key(server.collector.store, server.collector.origin))

    head, entries = await IndependentClient(server.http, f"{server.page}/log", key).verify_all()

    assert (head.size, entries) == (0, [])
