"""The task that tells subscribers, with real receivers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from probe.clock import Clock
from probe.collector.notify.attempts import FIRST_DELAY_MS
from probe.collector.notify.notifier import Notifier, NotifyTimes, attempt, notifying
from probe.collector.state import Collector
from probe.collector.store import Store, deliveries, subscriptions
from probe.collector.store.database_url import open_store
from probe.fuse.revision import RevisionKind
from tests.loopback.collector.notify.receiver import Receiver, publish, subscribe
from tests.unit.collector.notify.builders import NOW, network_event

SOON = NotifyTimes(poll_seconds=0.01, gather_ms=0)
"""Nothing is waited for."""


class Faster(Clock):
    """A real clock of which the test can let hours pass."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead = timedelta()

    def now(self):  # noqa: ANN201 - as the class above
        """The real time, and what has passed."""
        return super().now() + self.ahead


def collector_on(store: Store) -> Collector:
    """A collector without a server, whose real time the test moves."""
    found = Collector(store, Clock(NOW), "https://c.example", b"")
    found.real = Faster()
    return found


async def ended(store: Store, count: int = 1) -> list[deliveries.Delivery]:
    """The messages once none waits."""
    async with asyncio.timeout(60):
        while True:
            found = await store.read(lambda s: deliveries.recent(s, 99))
            if len(found) >= count and all(each.state in ("sent", "failed") for each in found):
                return found
            await asyncio.sleep(0.01)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 it is another task's
            await asyncio.sleep(0.01)


async def test_a_published_event_arrives_once(store: Store, receiver: Receiver) -> None:
    wanted = await subscribe(store, receiver.url)
    event = network_event()
    collector = collector_on(store)
    async with notifying(collector, SOON):
        await publish(store, [(event, RevisionKind.BEGAN)])
        (delivery,) = await ended(store)

    (message,) = receiver.messages()
    assert delivery.state == "sent"
    assert receiver.keys() == [f"{event.id}.1.{wanted.id}"] == [message["id"]]
    assert message["text"].startswith("WeChat is blocked on AS64500 in Russia")
    assert message["alerts"][0]["events"][0]["link"] == f"https://c.example/e/{event.id}"
    assert 'alert_attempts_total{result="sent"} 1' in collector.metrics.text()


async def test_a_failed_attempt_is_repeated_with_the_same_bytes(store: Store, receiver: Receiver) -> None:
    receiver.planned = [503, 500]
    await subscribe(store, receiver.url)
    collector = collector_on(store)
    clock = collector.real
    assert isinstance(clock, Faster)
    async with notifying(collector, SOON):
        await publish(store, [(network_event(), RevisionKind.BEGAN)])
        for count in (1, 2):
            await receiver.wait_for(count)
            await until(lambda: 'result="failed"} ' + str(count) in collector.metrics.text())  # noqa: B023
            assert len(receiver.requests) == count, "not before its time"
            clock.ahead += timedelta(milliseconds=FIRST_DELAY_MS * 2 ** (count - 1))
        (delivery,) = await ended(store)

    assert (delivery.state, delivery.tries) == ("sent", 3)
    assert len({body for _, body in receiver.requests}) == 1
    assert len(set(receiver.keys())) == 1


async def test_a_refusal_is_given_up_and_the_next_message_goes_on(
    store: Store, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    """The log and the page have the reason, and nothing of the URL."""
    receiver.planned = [410]
    wanted = await subscribe(store, receiver.url)
    async with notifying(collector_on(store), SOON):
        await publish(store, [(network_event(1), RevisionKind.BEGAN)])
        await ended(store)
        await publish(store, [(network_event(2, service="line"), RevisionKind.BEGAN)])
        found = await ended(store, 2)

    assert sorted((each.state, each.reason) for each in found) == [("failed", "it answered 410"), ("sent", "")]
    assert f"subscription {wanted.id} is given up: it answered 410" in caplog.text
    ours = [record.getMessage() for record in caplog.records if record.name != "aiohttp.access"]  # the receiver's own
    assert not any("s3cret" in line for line in ours)


async def test_a_slow_receiver_delays_no_other(store: Store, receiver: Receiver) -> None:
    slow = Receiver(delay=1.0)
    await slow.start()
    await subscribe(store, slow.url, 1)
    await subscribe(store, receiver.url, 2)
    notifier = Notifier(collector_on(store), SOON)
    await publish(store, [(network_event(), RevisionKind.BEGAN)])
    await notifier.run_once()
    await receiver.wait_for(1)

    assert slow.requests == []
    await notifier.close()
    await slow.stop()


async def test_a_message_whose_subscription_is_gone_is_not_sent(store: Store, receiver: Receiver) -> None:
    wanted = await subscribe(store, receiver.url)
    left = deliveries.Delivery("k", wanted.id, "webhook", 1, b"{}")
    await store.write(lambda s: subscriptions.remove_subscription(s, wanted.id))
    await store.write(lambda s: deliveries.add_delivery(s, left))
    async with notifying(collector_on(store), SOON):
        (delivery,) = await ended(store)

    assert (delivery.state, receiver.requests) == ("failed", [])


async def test_a_message_held_by_a_process_that_died_is_sent_when_its_lease_ends(
    store: Store, receiver: Receiver
) -> None:
    await subscribe(store, receiver.url)
    await publish(store, [(network_event(), RevisionKind.BEGAN)])
    collector = collector_on(store)
    dead = Notifier(collector, SOON)
    receiver.delay = 60.0
    await dead.run_once()
    await dead.close()
    receiver.delay = 0.0
    async with notifying(collector, SOON):
        await until(lambda: "alerts_waiting 1" in collector.metrics.text())
        assert receiver.requests == []
        clock = collector.real
        assert isinstance(clock, Faster)
        clock.ahead += timedelta(milliseconds=SOON.lease_ms)
        (delivery,) = await ended(store)

    assert (delivery.state, delivery.tries) == ("sent", 2)


@pytest.fixture
async def pair(store_url: str) -> AsyncIterator[list[Store]]:
    """Two connections to one database, as of two processes."""
    opened = [open_store(store_url) for _ in range(2)]
    yield opened
    for each in opened:
        await each.close()


async def test_two_collectors_on_one_database_send_each_message_once(pair: list[Store], receiver: Receiver) -> None:
    await subscribe(pair[0], receiver.url)
    async with AsyncExitStack() as stack:
        for each in pair:
            await stack.enter_async_context(notifying(collector_on(each), SOON))
        for number in range(40):
            event = network_event(number, service=f"s{number}")
            await publish(pair[number % 2], [(event, RevisionKind.BEGAN)])
        await until(lambda: sum(len(message["alerts"]) for message in receiver.messages()) >= 40)
        await ended(pair[0])

    services = sorted(alert["service"] for message in receiver.messages() for alert in message["alerts"])
    assert services == sorted(f"s{number}" for number in range(40))
    assert len(set(receiver.keys())) == len(receiver.requests)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_other_channels_get_title_and_text(store: Store, receiver: Receiver) -> None:
    await subscribe(store, receiver.url.replace("http://", "json://"), channel="json")
    async with notifying(collector_on(store), SOON):
        await publish(store, [(network_event(), RevisionKind.BEGAN)])
        (delivery,) = await ended(store)

    (message,) = receiver.messages()
    assert delivery.state == "sent"
    assert message["title"] == "WeChat blocked on AS64500 in Russia"


async def test_one_attempt_can_be_made_by_itself(store: Store, receiver: Receiver) -> None:
    wanted = await subscribe(store, receiver.url)

    assert (await attempt(wanted, "k", b"{}", 1_800_000_000_000)).reason == ""
    assert receiver.requests[0][0]["webhook-timestamp"] == "1800000000"
