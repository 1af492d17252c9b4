"""`/alerts`: the messages that were sent to subscribers, without who they are."""

from __future__ import annotations

from datetime import datetime

import msgspec
from aiohttp import web

from probe.collector.notify.alert import AlertKind, AlertMessage
from probe.collector.state import STATE
from probe.collector.store import StoreSession, deliveries, from_ms
from probe.collector.store.deliveries import Delivery
from probe.collector.web.html_pages import render

MAX_SHOWN = 100
_MESSAGE = msgspec.json.Decoder(AlertMessage)
STATES = {
    deliveries.HELD: "held for the next digest",
    deliveries.WAITING: "waiting",
    deliveries.SENT: "sent",
    deliveries.FAILED: "given up",
}
"""State of a message -> words for it."""


class SentAlert(msgspec.Struct, frozen=True, kw_only=True):
    """A message as it is published: its receiver by the kind of channel and the subscription's id alone.

    Attributes:
        state: `held`, `waiting`, `sent` or `failed`.
        reason: of the last failed attempt; empty when there was none.
        finished: when it was sent or given up.
    """

    id: str
    subscription: str
    channel: str
    created: datetime
    state: str
    tries: int
    reason: str
    finished: datetime | None
    title: str
    text: str
    kinds: tuple[AlertKind, ...]
    test: bool
    digest: bool


def sent_alerts(session: StoreSession, limit: int) -> list[SentAlert]:
    """The newest messages, whatever became of them."""
    return [_sent(each) for each in deliveries.recent(session, limit)]


def _sent(each: Delivery) -> SentAlert:
    message = _MESSAGE.decode(each.body)
    return SentAlert(
        id=each.id,
        subscription=each.subscription,
        channel=each.channel,
        created=from_ms(each.created),
        state=each.state,
        tries=each.tries,
        reason="" if each.state == deliveries.SENT else each.reason,
        finished=None if each.finished is None else from_ms(each.finished),
        title=message.title,
        text=message.text,
        kinds=tuple(sorted({kind for alert in message.alerts for kind in alert.kinds})),
        test=message.test,
        digest=message.digest,
    )


async def get_alerts(request: web.Request) -> web.Response:
    """`/alerts`: what subscribers were told, newest first; each by the kind of channel and an id, not by address."""
    collector = request.app[STATE]
    found = await collector.store.read(lambda session: sent_alerts(session, MAX_SHOWN))
    now = collector.clock.now().replace(microsecond=0)
    return render(request, "alerts.html", sent=found, states=STATES, now=now)
