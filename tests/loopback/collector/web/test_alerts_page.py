"""The page of what subscribers were told."""

from __future__ import annotations

import msgspec

from probe.collector.notify import texts
from probe.collector.notify.alert import AlertKind, MarkedEvent
from probe.collector.notify.grouping import changes_of
from probe.collector.store import deliveries
from probe.collector.store.deliveries import Delivery
from probe.collector.web.alerts_page import sent_alerts
from tests.loopback.collector.conftest import Server
from tests.loopback.collector.notify.receiver import subscribe
from tests.unit.collector.notify.builders import NOW, network_event


async def tell(server: Server, key: str, state: str, reason: str = "", service: str = "wechat") -> None:
    """Store a message in a state."""
    group = changes_of(service, "RU", [MarkedEvent(event=network_event(service=service))], [])
    message = texts.message(key, "00000001", [texts.alert(group, "https://c.example")], "https://c.example", NOW)
    body = msgspec.json.encode(message)
    delivery = Delivery(key, "00000001", "webhook", 5, body, 2, state, reason, 9 if state == "sent" else None)
    await server.collector.store.write(lambda s: deliveries.add_delivery(s, delivery))


async def test_the_page_says_what_was_sent_and_not_to_whom(server: Server) -> None:
    await subscribe(server.collector.store, "https://hooks.example/?token=s3cret")
    await tell(server, "a", "sent", "it answered 503")
    await tell(server, "b", "failed", "it answered 410")
    await tell(server, "c", "waiting")

    status, page = await server.get("/alerts")

    assert status == 200
    assert "WeChat is blocked on AS64500 in Russia" in page
    assert "webhook <code>00000001</code>" in page
    assert "given up after 2 attempts: it answered 410" in page
    assert "503" not in page, "it was sent in the end"
    assert not {word for word in ("s3cret", "hooks.example") if word in page}


async def test_a_name_from_outside_is_text(server: Server) -> None:
    await tell(server, "a", "sent", service="<script>alert(1)</script>")

    assert "<script>alert" not in (await server.get("/alerts"))[1]


async def test_without_messages_the_page_says_so(server: Server) -> None:
    assert "None in the last 90 days" in (await server.get("/alerts"))[1]


async def test_the_records_have_the_kinds(server: Server) -> None:
    await tell(server, "a", "sent")

    (found,) = await server.collector.store.read(lambda s: sent_alerts(s, 9))
    assert (found.kinds, found.state, found.test) == ((AlertKind.BLOCKED,), "sent", False)
