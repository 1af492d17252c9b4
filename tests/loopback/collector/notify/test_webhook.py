"""Webhooks: signature, addresses, redirects, bounds."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import AsyncIterator

import pytest

from probe.collector.notify import webhook
from probe.collector.notify.attempts import Outcome
from probe.collector.notify.subscription import Subscription
from tests.loopback.collector.notify.receiver import Receiver

BODY = b'{"text":"x"}'


def to(url: str, *, allow_private: bool = True) -> Subscription:
    """A subscription to a URL."""
    return Subscription(id="0" * 8, channel="webhook", url=url, key=b"k" * 24, allow_private=allow_private)


async def sent(url: str, *, allow_private: bool = True) -> tuple[Outcome, str]:
    """The outcome of one attempt."""
    result = await webhook.deliver(to(url, allow_private=allow_private), "k.1.s", BODY, 1_800_000_000)
    return result.outcome, result.reason


async def test_a_message_is_signed_and_has_an_idempotency_key(receiver: Receiver) -> None:
    """The signature is computed here anew, from the Standard Webhooks specification."""
    assert await sent(receiver.url) == (Outcome.SENT, "")

    ((headers, body),) = receiver.requests
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(b"k" * 24, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert headers["idempotency-key"] == headers["webhook-id"] == "k.1.s"
    assert (body, headers["content-type"]) == (BODY, "application/json")
    assert webhook.key_text(b"k" * 24) == "whsec_" + base64.b64encode(b"k" * 24).decode()
    assert webhook.new_key() != webhook.new_key()


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (204, Outcome.SENT),
        (301, Outcome.REFUSED),
        (307, Outcome.REFUSED),
        (400, Outcome.REFUSED),
        (410, Outcome.REFUSED),
        (429, Outcome.RETRY),
        (500, Outcome.RETRY),
        (503, Outcome.RETRY),
    ],
)
async def test_the_status_decides_and_no_redirect_is_followed(
    receiver: Receiver, status: int, outcome: Outcome
) -> None:
    receiver.status = status
    receiver.headers = {"Location": receiver.url + "&elsewhere"}

    found, reason = await sent(receiver.url)

    assert found is outcome
    assert len(receiver.requests) == 1
    assert "s3cret" not in reason


async def test_the_receiver_may_ask_to_wait(receiver: Receiver) -> None:
    receiver.status, receiver.headers = 503, {"Retry-After": "7"}
    assert (await webhook.deliver(to(receiver.url), "k", BODY, 1)).wait_ms == 7000
    receiver.headers = {"Retry-After": "9" * 400}
    assert (await webhook.deliver(to(receiver.url), "k", BODY, 1)).wait_ms == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "localhost"])
async def test_an_address_that_is_not_public_is_not_connected_to(receiver: Receiver, host: str) -> None:
    """However it is written; the name is resolved first and only the checked addresses are used."""
    url = receiver.url.replace("127.0.0.1", host)

    outcome, reason = await sent(url, allow_private=False)

    assert outcome is Outcome.REFUSED
    assert "--allow-private" in reason
    assert receiver.requests == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2001:4860:4860::8888", True),
        ("10.0.0.1", False),
        ("100.100.100.200", False),
        ("169.254.169.254", False),
        ("168.63.129.16", False),
        ("192.0.0.192", False),
        ("224.0.0.1", False),
        ("0.0.0.0", False),
        ("fd00:ec2::254", False),
        ("fe80::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::a00:1", False),
        ("64:ff9b::808:808", True),
        ("2002:a00:1::1", False),
        ("::", False),
    ],
)
def test_addresses_inside_addresses_are_checked_too(address: str, *, public: bool) -> None:
    assert webhook.is_public(address) is public


@pytest.fixture
async def mute() -> AsyncIterator[str]:
    """The URL of a server that accepts and says nothing."""
    held: list[asyncio.StreamWriter] = []

    def keep(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    server = await asyncio.start_server(keep, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    server.close()
    for writer in held:
        writer.close()
        await writer.wait_closed()


async def test_a_silent_receiver_costs_bounded_time(mute: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "TIMEOUT_SECONDS", 0.2)

    outcome, reason = await sent(mute)

    assert outcome is Outcome.RETRY
    assert reason.startswith("no answer within")


@pytest.mark.parametrize(
    "answer",
    [b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 100_000 + b"\r\n\r\n", b""],
)
async def test_a_receiver_that_does_not_speak_http_is_tried_again(answer: bytes) -> None:
    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(reply, "127.0.0.1", 0)
    async with server:
        outcome, reason = await sent(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")

    assert outcome is Outcome.RETRY
    assert reason


async def test_a_closed_port_an_unknown_name_and_plain_tcp_behind_https_are_tried_again(receiver: Receiver) -> None:
    await receiver.stop()
    assert await sent(receiver.url) == (Outcome.RETRY, "it cannot be connected to")
    await receiver.start()
    outcome, reason = await sent(receiver.url.replace("http:", "https:"))
    assert (outcome, reason.split(":")[0]) == (Outcome.RETRY, "TLS failed")
    assert (await sent("http://" + "a" * 300 + "/"))[0] is Outcome.RETRY


async def test_both_families_are_reached() -> None:
    six = Receiver()
    await six.start("::1")
    assert await sent(six.url) == (Outcome.SENT, "")
    await six.stop()


async def test_a_message_beyond_all_bounds_is_not_sent(receiver: Receiver) -> None:
    result = await webhook.deliver(to(receiver.url), "k", b"x" * (webhook.MAX_BODY_BYTES + 1), 1)

    assert result.outcome is Outcome.REFUSED
    assert receiver.requests == []
