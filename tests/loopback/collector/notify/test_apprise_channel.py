"""Channels of apprise, with its own JSON channel and a mail server on loopback."""

from __future__ import annotations

import asyncio
import builtins
import logging
from typing import Any

import pytest

from probe.collector.notify import apprise_channel
from probe.collector.notify.attempts import Outcome
from probe.collector.notify.subscription import Subscription
from probe.errors import UsageError
from tests.loopback.collector.notify.receiver import Receiver

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
"""apprise imports modules that Python is about to remove."""


def to(url: str) -> Subscription:
    """A subscription to a URL of apprise."""
    return Subscription(id="0" * 8, channel="json", url=url)


def test_the_channel_is_named_without_its_url() -> None:
    assert apprise_channel.check_url("json://127.0.0.1/x") == "json"
    assert apprise_channel.check_url("tgram://123456789:abcdefg_hijklmnop/12315544/") == "telegram"
    with pytest.raises(UsageError, match="known channel") as caught:
        apprise_channel.check_url("nothing://t0ken@x")
    assert "t0ken" not in str(caught.value)


async def test_a_message_is_delivered_by_apprise(receiver: Receiver) -> None:
    url = receiver.url.replace("http://", "json://")

    assert (await apprise_channel.deliver(to(url), "WeChat blocked", "A sentence.")).outcome is Outcome.SENT
    (message,) = receiver.messages()
    assert (message["title"], message["message"]) == ("WeChat blocked", "A sentence.")


async def test_a_failure_is_tried_again_and_says_nothing_of_the_url(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.status = 500
    with caplog.at_level(logging.DEBUG):
        result = await apprise_channel.deliver(to(receiver.url.replace("http://", "json://")), "t", "x")

    assert (result.outcome, result.reason) == (Outcome.RETRY, "the channel did not take it")
    assert "s3cret" not in caplog.text


async def test_a_long_text_is_cut_rather_than_divided(receiver: Receiver) -> None:
    """A message in parts could fail between them and be repeated."""
    await apprise_channel.deliver(to(receiver.url.replace("http://", "json://")), "t", "x" * 9000)

    (message,) = receiver.messages()
    assert len(message["message"]) == apprise_channel.MAX_TEXT_CHARACTERS + 1


async def test_without_the_library_the_operator_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "apprise":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageError, match=r"reachability-probe\[alerts\]"):
        apprise_channel.check_url("json://127.0.0.1/x")
    result = await apprise_channel.deliver(to("json://127.0.0.1/x"), "t", "x")
    assert result.outcome is Outcome.RETRY


async def mail_server(mails: list[str]) -> asyncio.Server:
    """A server that speaks just enough SMTP to take a mail."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 test\r\n")
        while line := await reader.readline():
            word = line[:4].upper().strip()
            if word == b"DATA":
                writer.write(b"354 go\r\n")
                mails.append((await reader.readuntil(b"\r\n.\r\n")).decode())
            writer.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
            if word == b"QUIT":
                break
        writer.close()

    return await asyncio.start_server(talk, "127.0.0.1", 0)


async def test_a_mail_arrives() -> None:
    mails: list[str] = []
    server = await mail_server(mails)
    async with server:
        port = server.sockets[0].getsockname()[1]
        url = f"mailto://127.0.0.1:{port}/?from=probe@example.org&to=reader@example.org&smtp=127.0.0.1&mode=insecure"
        result = await apprise_channel.deliver(to(url), "WeChat blocked in Russia", "WeChat is blocked.")

    assert result.outcome is Outcome.SENT
    (mail,) = mails
    assert "Subject: WeChat blocked in Russia" in mail
    assert "reader@example.org" in mail
