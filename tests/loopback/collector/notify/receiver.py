"""A webhook's receiver on 127.0.0.1, and events published into a collector's database by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import web

from probe.collector.notify.subscription import Filter, Subscription
from probe.collector.notify.webhook import new_key
from probe.collector.store import Store, StoreSession, alert_marks, events, subscriptions, to_ms
from probe.collector.store.subscriptions import SubscriptionRow
from probe.fuse.revision import NewRevision, RevisionKind
from probe.model.event import Event
from tests.unit.collector.notify.builders import NOW


@dataclass
class Receiver:
    """Keeps every request; answers with `status`, or with the statuses of `planned` first."""

    status: int = 200
    planned: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    delay: float = 0.0
    url: str = ""
    runner: web.AppRunner | None = None
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self, host: str = "127.0.0.1") -> None:
        """Listen on a free port."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._take)
        self.runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self.runner.setup()
        site = web.TCPSite(self.runner, host, 0)
        await site.start()
        port = self.runner.addresses[0][1]
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{port}/hook?token=s3cret"

    async def stop(self) -> None:
        """Close the port."""
        assert self.runner is not None
        await self.runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        await asyncio.sleep(self.delay)
        self.requests.append(({key.lower(): value for key, value in request.headers.items()}, await request.read()))
        self.arrived.set()
        return web.Response(status=self.planned.pop(0) if self.planned else self.status, headers=self.headers)

    def messages(self) -> list[dict[str, Any]]:
        """The bodies, decoded."""
        return [json.loads(body) for _, body in self.requests]

    def keys(self) -> list[str]:
        """The idempotency keys in the order of arrival."""
        return [headers["idempotency-key"] for headers, _ in self.requests]

    async def wait_for(self, count: int) -> None:
        """Wait until a number of requests have arrived."""
        async with asyncio.timeout(60):
            while len(self.requests) < count:
                self.arrived.clear()
                await self.arrived.wait()


def row_of(wanted: Subscription) -> SubscriptionRow:
    """The row that stores a subscription."""
    due = 1 if wanted.digest else 0
    return SubscriptionRow(wanted.id, wanted.channel, wanted.url, msgspec.json.encode(wanted), 0, due)


async def subscribe(store: Store, url: str, number: int = 1, channel: str = "webhook", **wishes: Any) -> Subscription:
    """Store a subscription that may lead to this machine."""
    fields = {key: wishes.pop(key) for key in ("digest", "allow_private") if key in wishes}
    wanted = Subscription(
        id=f"{number:08x}",
        channel=channel,
        url=url,
        key=new_key(),
        filter=Filter(**wishes),
        **({"allow_private": True} | fields),
    )
    assert await store.write(lambda session: subscriptions.add_subscription(session, row_of(wanted)))
    return wanted


async def publish(
    store: Store, published: Iterable[tuple[Event, RevisionKind] | NewRevision], now: int = to_ms(NOW)
) -> None:
    """Publish revisions in one transaction, as the fuser does."""
    found = [each if isinstance(each, NewRevision) else NewRevision(event=each[0], kind=each[1]) for each in published]

    def write(session: StoreSession) -> None:
        for each in found:
            events.publish(session, each, now)
            alert_marks.mark_revision(session, each, now)

    await store.write(write)
