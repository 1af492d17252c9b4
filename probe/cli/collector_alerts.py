"""`probe collector subscribe`, `subscriptions`, `unsubscribe`, `notify-test`: who is told of events."""

from __future__ import annotations

import asyncio
import re
import secrets
import sys
from urllib.parse import urlsplit

import click
import msgspec

from probe.cli import examples
from probe.cli.collector_database import DB, chosen_clock, in_database, now_of
from probe.clock import Clock
from probe.collector.notify import apprise_channel, texts, webhook
from probe.collector.notify.alert import AlertKind
from probe.collector.notify.attempts import AttemptResult, Outcome
from probe.collector.notify.composing import subscription_of
from probe.collector.notify.digest import check_schedule, next_digest
from probe.collector.notify.notifier import attempt
from probe.collector.notify.subscription import WEBHOOK, Filter, Subscription
from probe.collector.store import deliveries, subscriptions, to_ms
from probe.collector.store.deliveries import Delivery
from probe.collector.store.subscriptions import MAX_SUBSCRIPTIONS, SubscriptionRow
from probe.errors import ExitStatus, UsageError

ORIGIN = "https://collector.example"
"""Stands in the test message, since only `serve` knows the collector's address."""


@click.command(
    epilog=examples(
        "probe collector subscribe --db c.sqlite https://example.org/hook --country RU --service wechat",
        "probe collector subscribe --db c.sqlite tgram://TOKEN/CHAT --kind blocked --kind unblocked --confirmed",
        "probe collector subscribe --db c.sqlite - --digest daily < url    the URL from standard input",
    )
)
@DB
@click.option("--service", "services", multiple=True, metavar="NAME", help="Only this service, as wechat; repeatable.")
@click.option("--country", "countries", multiple=True, metavar="CC", help="Only this country, as RU; repeatable.")
@click.option("--network", "networks", multiple=True, metavar="AS", help="Only this network, as AS8359; repeatable.")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice([kind.value for kind in AlertKind]),
    help="Only this; repeatable.",
)
@click.option("--confirmed", is_flag=True, help="Only what two or more independent sources report.")
@click.option(
    "--digest", default="", metavar="WHEN", help="Gather: hourly, daily, or a cron expression (UTC). Default: at once."
)
@click.option("--allow-private", is_flag=True, help="Let a webhook lead to an address that is not public.")
@click.argument("url")
def subscribe(
    db: str,
    services: tuple[str, ...],
    countries: tuple[str, ...],
    networks: tuple[str, ...],
    kinds: tuple[str, ...],
    *,
    confirmed: bool,
    digest: str,
    allow_private: bool,
    url: str,
) -> None:
    """Tell URL of what is blocked and unblocked (- reads the URL from standard input).

    http:// and https:// are webhooks: signed JSON. Any other URL is apprise's: Telegram, Matrix, e-mail and others. The
    URL is a secret and is shown nowhere. Prints the subscription's id, and the key that a webhook's messages are signed
    with. Restarting the collector is not needed.
    """
    address = sys.stdin.readline().strip() if url == "-" else url
    check_schedule(digest)
    asked = Filter(
        services=services,
        countries=tuple(_country(each) for each in countries),
        networks=tuple(_as_number(each) for each in networks),
        kinds=tuple(AlertKind(each) for each in kinds),
        confirmed=confirmed,
    )
    wanted = _subscription(address, asked, digest, allow_private=allow_private)
    now = now_of()
    due = to_ms(next_digest(digest, now)) if digest else 0
    row = SubscriptionRow(wanted.id, wanted.channel, wanted.url, msgspec.json.encode(wanted), to_ms(now), due)
    if not in_database(db, lambda session: subscriptions.add_subscription(session, row)):
        raise UsageError(f"there are {MAX_SUBSCRIPTIONS} subscriptions", where=db, mend="unsubscribe some first")
    click.echo(wanted.id)
    if wanted.channel == WEBHOOK:
        click.echo(f"signing key: {webhook.key_text(wanted.key)}")


@click.command(name="subscriptions", epilog=examples("probe collector subscriptions --db c.sqlite"))
@DB
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_subscriptions(db: str, *, as_json: bool) -> None:
    """List the subscriptions: id, channel, the host of a webhook, and what is asked for. No URL is shown."""
    for row in in_database(db, subscriptions.subscriptions):
        wanted = subscription_of(row)
        host = urlsplit(wanted.url).hostname if wanted.channel == WEBHOOK else ""
        if as_json:
            shown = {"id": wanted.id, "channel": wanted.channel, "host": host, "digest": wanted.digest}
            click.echo(msgspec.json.encode(shown | {"filter": wanted.filter}))
        else:
            click.echo(f"{wanted.id}  {wanted.channel}{f' {host}' if host else ''}  {_described(wanted)}")


@click.command(epilog=examples("probe collector unsubscribe --db c.sqlite 0a1b2c3d"))
@DB
@click.argument("subscription")
def unsubscribe(db: str, subscription: str) -> None:
    """Delete a subscription, its URL, and the messages that wait for it."""
    if not in_database(db, lambda session: subscriptions.remove_subscription(session, subscription)):
        raise UsageError(f"there is no subscription {subscription!r}", where=db)


@click.command(name="notify-test", epilog=examples("probe collector notify-test --db c.sqlite 0a1b2c3d"))
@DB
@click.argument("subscription")
def notify_test(db: str, subscription: str) -> int:
    """Send a test message to a subscription now, once. Exit status 1: it was not delivered, and the reason is named."""
    row = in_database(db, lambda session: subscriptions.subscription(session, subscription))
    if row is None:
        raise UsageError(f"there is no subscription {subscription!r}", where=db)
    wanted = subscription_of(row)
    clock = chosen_clock()
    now = to_ms(clock.now())
    message = texts.trial_message(f"test-{now}.{wanted.id}", wanted.id, ORIGIN, clock.now())
    body = msgspec.json.encode(message)
    result = asyncio.run(attempt(wanted, message.id, body, to_ms(Clock().now())))
    sent = result.outcome is Outcome.SENT
    state = deliveries.SENT if sent else deliveries.FAILED
    kept = Delivery(message.id, wanted.id, wanted.channel, now, body, 1, state, result.reason, now)
    in_database(db, lambda session: deliveries.add_delivery(session, kept))
    click.echo(_told(result))
    return ExitStatus.OK if sent else ExitStatus.NOT_ALL_WELL


COMMANDS = (subscribe, list_subscriptions, unsubscribe, notify_test)


def channel_of(url: str) -> str:
    """The public name of the channel that a URL leads to.

    Raises:
        UsageError: the URL is malformed, or none of a known channel; it is not repeated, since it may hold a token.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError("the URL is malformed", where="URL") from error
    if len(url) > webhook.MAX_URL_CHARACTERS or not url.isprintable() or not parts.scheme or port == 0:
        raise UsageError("the URL is malformed", where="URL", mend="write https://host/path, or a URL of apprise")
    if parts.scheme in ("http", "https"):
        if not parts.hostname:
            raise UsageError("the URL has no host", where="URL", mend="write https://host/path")
        return WEBHOOK
    return apprise_channel.check_url(url)


def _subscription(url: str, asked: Filter, digest: str, *, allow_private: bool) -> Subscription:
    """A new subscription, with an id and a key of its own."""
    return Subscription(
        id=secrets.token_hex(4),
        channel=channel_of(url),
        url=url,
        key=webhook.new_key(),
        filter=asked,
        digest=digest,
        allow_private=allow_private,
    )


def _country(text: str) -> str:
    if not re.fullmatch(r"[A-Z]{2}", text):
        raise UsageError(f"{text!r} is no country", where="--country", mend="write two capitals, such as RU")
    return text


def _as_number(text: str) -> int:
    found = re.fullmatch(r"(?:AS)?([0-9]{1,10})", text, re.IGNORECASE)
    if found is None or not 0 < int(found[1]) < 2**32:
        raise UsageError(f"{text!r} is no AS number", where="--network", mend="write AS8359")
    return int(found[1])


def _described(wanted: Subscription) -> str:
    """What a subscription asks for, in words."""
    asked = wanted.filter
    parts = [
        *asked.services,
        *asked.countries,
        *(f"AS{number}" for number in asked.networks),
        *asked.kinds,
        *(["confirmed only"] if asked.confirmed else []),
        *([f"digest {wanted.digest}"] if wanted.digest else []),
    ]
    return ", ".join(parts) or "everything"


def _told(result: AttemptResult) -> str:
    return "sent" if result.outcome is Outcome.SENT else f"not sent: {result.reason}"
