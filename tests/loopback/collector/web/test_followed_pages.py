"""Pages of followed collectors' events: text of strangers is text, and what is not there is not there."""

from __future__ import annotations

import json

import feedparser

from tests.loopback.collector.conftest import Server
from tests.loopback.collector.log.hostile_log import HostileLog, entry
from tests.loopback.collector.log.published import MAY
from tests.loopback.collector.log.test_following import follow, read

NOW = MAY
ID = "a" * 16


async def followed_by(server: Server, *bodies: bytes, name: str = "hostile.example/log") -> str:
    """Have the server read a log of these entries; the log's name in addresses."""
    log = HostileLog(*bodies)
    log.name = name
    async with log.served() as url:
        head = await follow(server, url)
        assert (await read(server, head))[0] == ""
    return head.source


async def test_text_of_followed_collectors_is_escaped(server: Server) -> None:
    """Service, target, reason and the collector's own name come from strangers."""
    evil = "<script>alert(1)</script>"
    source = await followed_by(server, entry(service=evil, lifted=None), name="<img>/log")

    for path in ("/", "/following", f"/following/{source}/e/{ID}"):
        status, page = await server.get(path)
        assert status == 200, path
        assert "<script>alert" not in page
        assert "<img>" not in page
        assert "&lt;script&gt;alert" in page


async def test_the_page_of_an_event_has_every_revision_and_the_line_that_verifies_it(server: Server) -> None:
    bodies = (entry(lifted=None), entry("lifted", revision=2), entry("futuristic", revision=3))
    source = await followed_by(server, *bodies)

    page = (await server.get(f"/following/{source}/e/{ID}"))[1]

    for number in (1, 2, 3):
        assert f"revision {number}, published" in page
    assert f"probe verify http://collector.test/following/{source}/e/{ID} --key hostile.example/log+" in page


async def test_an_event_that_no_followed_collector_published_is_not_there(server: Server) -> None:
    source = await followed_by(server, entry("began", id="b" * 16))

    assert (await server.get(f"/following/{source}/e/{'b' * 16}"))[0] == 200
    assert (await server.get(f"/following/{source}/e/{ID}"))[0] == 404
    assert (await server.get(f"/following/00000000/e/{ID}"))[0] == 404
    assert (await server.get(f"/api/v1/following/{source}/events/{ID}"))[0] == 404
    assert (await server.get(f"/api/v1/following/{source}/events/x"))[0] == 400


async def test_the_service_page_lists_what_others_report(server: Server, enrolled: object) -> None:
    from tests.loopback.collector.vantages import rounds, settled  # noqa: PLC0415 - of this test alone

    agent = await enrolled()  # type: ignore[operator]
    target = "https://www.wechat.com/"
    batch = agent.batch(rounds=rounds(NOW, 1), settled=(settled(target, NOW),), services={target: "WeChat"})
    await agent.post(server.http, batch)
    source = await followed_by(server, entry(lifted=None))

    page = (await server.get("/s/WeChat"))[1]

    assert f'href="/following/{source}/e/{ID}"' in page
    assert "reported by the collector hostile.example, verified by its log" in page


async def test_the_feed_is_read_and_names_the_source(server: Server) -> None:
    await followed_by(server, entry(lifted=None))

    feed = feedparser.parse((await server.get("/following.atom"))[1])

    assert not feed.bozo
    (one,) = feed.entries
    assert "reported by the collector hostile.example, verified by its log" in one.title


async def test_nothing_is_said_of_others_where_none_is_followed(server: Server) -> None:
    assert "Reported by other collectors" not in (await server.get("/"))[1]
    assert "This collector follows no other." in (await server.get("/following"))[1]
    assert json.loads((await server.get("/api/v1/following"))[1])["following"] == []
