"""TLS handshakes with real servers: every way one can end, kept apart."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
import sys

import pytest
import trustme

from probe.measure.handshake import handshake
from probe.measure.pace import PaceLimiter
from probe.measure.tools import Timestamps, Tools
from probe.model.failure import Failure
from probe.model.observation import Observation, TlsHandshake
from probe.model.step import Handshake
from tests.loopback.tiny_servers import Talk, abort, server_context, serving, silent

ALERT = bytes.fromhex("15030300020228")  # fatal, handshake_failure (40)
UNRECOGNIZED_NAME = bytes.fromhex("15030300020270")  # fatal (112)


async def shake(port: int, tools: Tools, sni: str = "lab.example", *, verify: bool = True) -> TlsHandshake:
    """One handshake."""
    seen: list[Observation] = []
    step = Handshake(address="127.0.0.1", port=port, sni=sni, verify=verify)
    await handshake(step, tools, Timestamps(asyncio.get_running_loop().time(), step.position), seen.append)
    last = seen[-1]
    assert isinstance(last, TlsHandshake)
    return last


def after_hello(data: bytes, *, reset: bool = False, wait: bool = False) -> Talk:
    """A server that reads the ClientHello, says this, and closes, resets or waits."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(data)
        await writer.drain()
        if reset:
            await asyncio.sleep(0.02)
            abort(writer)
        elif wait:
            await silent(reader, writer)

    return talk


@pytest.mark.parametrize(
    "data, how, failure, alert",
    [
        (b"", {"reset": True}, Failure.RESET, ""),
        (b"", {}, Failure.EOF, ""),
        (b"", {"wait": True}, Failure.TIMEOUT, ""),
        (ALERT, {"wait": True}, Failure.ALERT, "handshake_failure"),
        (UNRECOGNIZED_NAME, {}, Failure.ALERT, "unrecognized_name"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", {}, Failure.GARBAGE, ""),
        (b"\x16\x03\x03\x00\x05\xff\xff\xff\xff\xff", {}, Failure.GARBAGE, ""),
        (b"\x16\x03\x03\x40\x00\x02", {"wait": True}, Failure.TIMEOUT, ""),
    ],
    ids=["RST", "FIN", "silence", "alert", "alert by name", "HTTP", "garbage", "half a record"],
)
async def test_every_end_of_a_handshake_has_its_word(
    tools: Tools, data: bytes, how: dict[str, bool], failure: Failure, alert: str
) -> None:
    """RST, FIN, silence, alert, and bytes that are not TLS."""
    async with serving(after_hello(data, **how)) as port:
        seen = await shake(port, tools)

    assert (seen.failure, seen.alert, seen.answered) == (failure, alert, bool(data))
    assert not seen.verified


@pytest.mark.skipif(sys.platform != "linux", reason="TCP_INFO is Linux'")
async def test_a_hello_that_was_acknowledged_and_then_ignored_is_marked(tools: Tools) -> None:
    """Silence from a server whose kernel took the ClientHello."""
    async with serving(after_hello(b"", wait=True)) as port:
        assert (await shake(port, tools)).acked is True


async def test_a_certificate_that_does_not_verify_says_why(tools: Tools, ca: trustme.CA) -> None:
    """Another name, another authority, an expired one: each in OpenSSL's words."""
    past = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    expired = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("lab.example", not_before=past, not_after=past + dt.timedelta(1)).configure_cert(expired)
    cases = {
        "Hostname mismatch": server_context(ca, "other.example"),
        "unable to get local issuer certificate": server_context(trustme.CA(), "lab.example"),
        "certificate has expired": expired,
    }
    for error, context in cases.items():
        async with serving(silent, context) as port:
            seen = await shake(port, tools)
            peek = await shake(port, tools, verify=False)

        assert (seen.failure, seen.certificate and seen.certificate.error) == (Failure.CERTIFICATE, error)
        assert (peek.failure, peek.verified) == (None, False)
        assert peek.certificate is not None
        assert len(peek.certificate.sha256) == 64
        if "issuer" not in error:  # that only the chain can tell
            assert peek.certificate.error == error


async def test_a_server_without_a_name_is_verified_by_its_address(tools: Tools, ca: trustme.CA) -> None:
    """For an IP literal no server name is sent, and the certificate must be for the address."""
    names: list[str | None] = []
    context = server_context(ca, "127.0.0.1")
    context.sni_callback = lambda _tls, name, _context: names.append(name)
    async with serving(silent, context) as port:
        seen = await shake(port, tools, "127.0.0.1")

    assert (seen.failure, seen.verified, names) == (None, True, [None])


async def test_a_giant_chain_ends_in_too_much(tools: Tools) -> None:
    """A server that goes on and on before its handshake is over."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        # A ServerHello of 16 MiB, in records of 16 KiB that never complete it.
        record = b"\x16\x03\x03\x40\x00"
        writer.write(record + b"\x02\xff\xff\xff" + bytes(16380))
        while not writer.is_closing():
            writer.write(record + bytes(16384))
            await writer.drain()

    async with serving(talk) as port:
        assert (await shake(port, tools)).failure in {Failure.TOO_MUCH, Failure.GARBAGE}


async def test_silent_servers_do_not_hold_the_others_up(believed: trustme.CA) -> None:
    """Two places at work and ten silent servers: a healthy one is still reached in its time."""
    async with Tools(2.0, PaceLimiter(0), handshakes=2) as tools:
        context = server_context(believed, "lab.example")
        async with serving(silent) as dumb, serving(silent, context) as healthy, asyncio.TaskGroup() as group:
            waiting = [group.create_task(shake(dumb, tools)) for _ in range(10)]
            await asyncio.sleep(0.05)
            seen = await shake(healthy, tools)

    assert seen.verified
    assert {task.result().failure for task in waiting} == {Failure.TIMEOUT}
