"""The background task that tells: it makes messages of what was published, and delivers them.

Several processes may run it on one database. A message is stored in the transaction that deletes the marks it tells of,
and delivered under a lease. After a crash it is sent again, with the same bytes and the same idempotency key.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator

import msgspec

from probe.collector.notify import apprise_channel, webhook
from probe.collector.notify.alert import AlertMessage
from probe.collector.notify.attempts import AttemptResult, Outcome, next_attempt, refused
from probe.collector.notify.composing import read_due, store_digests, store_messages, subscription_of
from probe.collector.notify.grouping import GATHER_MS
from probe.collector.notify.subscription import WEBHOOK, Subscription
from probe.collector.state import Collector
from probe.collector.store import StoreSession, deliveries, subscriptions, to_ms
from probe.collector.store.deliveries import Delivery

LOG = logging.getLogger("probe.collector.notify")
TASK = "notify"
POLL_SECONDS = 1.0
"""Real seconds between two looks at what is due."""
LEASE_MS = 90_000
"""How long a message is held by the process that delivers it: longer than any attempt takes."""
MAX_SENDING = 32
"""Messages on their way at once, of as many subscriptions."""
KEEP_MS = 90 * 86_400_000
"""Age at which delivered messages are deleted."""
_MESSAGE = msgspec.json.Decoder(AlertMessage)


class NotifyTimes(msgspec.Struct, frozen=True):
    """Real times of a notifier; tests shorten them."""

    poll_seconds: float = POLL_SECONDS
    gather_ms: int = GATHER_MS
    lease_ms: int = LEASE_MS


class Notifier:
    """The background task; one instance a process, run by the supervisor."""

    def __init__(self, collector: Collector, times: NotifyTimes | None = None) -> None:
        self._collector = collector
        self._times = times or NotifyTimes()
        self._sending: dict[str, asyncio.Task[None]] = {}

    async def run_once(self) -> None:
        """Wait a moment, then store the messages that are due and start their deliveries.

        Raises:
            StorageError: the store cannot be read or written. Nothing is lost.
        """
        await self._collector.real.sleep(self._times.poll_seconds)
        await self._compose()
        await self._deliver()

    async def close(self) -> None:
        """Stop the deliveries under way; whoever runs next sends them again under their key."""
        for task in self._sending.values():
            task.cancel()
        if self._sending:
            await asyncio.wait(self._sending.values())

    async def _compose(self) -> None:
        collector = self._collector
        now, origin = to_ms(collector.clock.now()), collector.origin
        due = await collector.store.read(lambda session: read_due(session, now, self._times.gather_ms))
        if due.groups:
            await collector.store.write(lambda session: store_messages(session, due, origin, now))
        if await collector.store.read(lambda session: bool(subscriptions.due_digests(session, now))):
            await collector.store.write(lambda session: store_digests(session, origin, now))

    async def _deliver(self) -> None:
        """Start to deliver what is due, one message a subscription, and count what waits."""
        collector, moment = self._collector, to_ms(self._collector.real.now())
        self._sending = {key: task for key, task in self._sending.items() if not task.done()}
        room = MAX_SENDING - len(self._sending)
        found = await collector.store.read(lambda session: deliveries.claimable(session, moment, MAX_SENDING))
        ready = [each for each in found if each.subscription not in self._sending][:room]
        lease = moment + self._times.lease_ms
        if ready:
            claimed = await collector.store.write(
                lambda session: [each for each in ready if deliveries.claim(session, each, lease)]
            )
            for each in claimed:
                self._sending[each.subscription] = asyncio.create_task(self._send(each, lease))
        count, oldest = await collector.store.read(deliveries.backlog)
        collector.metrics.set("alerts_waiting", count)
        age = (to_ms(collector.clock.now()) - oldest) / 1000 if count else 0.0
        collector.metrics.set("alert_age_seconds", max(0.0, age))

    async def _send(self, delivery: Delivery, lease: int) -> None:
        """Deliver a message once and record the end of it."""
        collector = self._collector
        row = await collector.store.read(lambda session: subscriptions.subscription(session, delivery.subscription))
        wanted = subscription_of(row) if row is not None else None
        result = refused("its subscription was removed")
        if wanted is not None:
            result = await attempt(wanted, delivery.id, delivery.body, to_ms(collector.real.now()))
        await self._record(delivery, lease, result)

    async def _record(self, delivery: Delivery, lease: int, result: AttemptResult) -> None:
        """Record the end of an attempt: delivered, to be tried again, or given up."""
        collector = self._collector
        now, moment = to_ms(collector.clock.now()), to_ms(collector.real.now())
        state, due = deliveries.SENT, None
        if result.outcome is not Outcome.SENT:
            age = now - delivery.created
            due = next_attempt(result, delivery.tries + 1, age, moment, random.random())  # noqa: S311
            state = deliveries.FAILED

        def record(session: StoreSession) -> bool:
            deliveries.forget_deliveries(session, now - KEEP_MS)
            if due is not None:
                return deliveries.postpone(session, delivery.id, lease, result.reason, due)
            return deliveries.finish(session, delivery.id, lease, state, result.reason, now)

        if await collector.store.write(record):
            ended = {deliveries.SENT: "sent", deliveries.FAILED: "given_up"}[state] if due is None else "failed"
            collector.metrics.add("alert_attempts_total", result=ended)
            if ended == "given_up":
                LOG.error("a message to subscription %s is given up: %s", delivery.subscription, result.reason)


async def attempt(wanted: Subscription, key: str, body: bytes, moment: int) -> AttemptResult:
    """Send a message to a subscription once.

    Args:
        wanted: the subscription.
        key: the idempotency key.
        body: the message as JSON.
        moment: now, in milliseconds.
    """
    if wanted.channel == WEBHOOK:
        return await webhook.deliver(wanted, key, body, moment // 1000)
    message = _MESSAGE.decode(body)
    return await apprise_channel.deliver(wanted, message.title, message.text)


@contextlib.asynccontextmanager
async def notifying(collector: Collector, times: NotifyTimes | None = None) -> AsyncIterator[None]:
    """Tell subscribers in the background while the block runs."""
    notifier = Notifier(collector, times)
    try:
        async with collector.supervisor.supervise(TASK, notifier.run_once, essential=False):
            yield
    finally:
        await notifier.close()
