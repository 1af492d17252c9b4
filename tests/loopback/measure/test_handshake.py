"""TLS handshakes with real servers: each way they end is classified, and every layer is observed."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import ssl
import sys
from pathlib import Path

import pytest
import trustme

from probe.measure.handshake import handshake
from probe.measure.pace import PaceLimiter
from probe.measure.tls_alerts import ALERTS
from probe.measure.tools import Timestamps, Tools
from probe.model.failure import Failure
from probe.model.observation import Connection, Observation, TlsHandshake
from probe.model.step import Handshake
from tests.loopback.tiny_servers import Talk, abort, closed_port, server_context, serving, shaking_hands, silent

ALERT = bytes.fromhex("15030300020232")  # fatal, decode_error (50)
OAKLEY_2 = bytes.fromhex(
    "30818702818100FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5"
    "AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF020102"
)
"""Parameters of Diffie-Hellman with 1,024 bits, DER: RFC 2409 section 6.2, the second Oakley group."""
UNRECOGNIZED_NAME = bytes.fromhex("15030300020270")  # fatal (112)


async def observations(
    port: int, tools: Tools, sni: str = "lab.example", *, verify: bool = True, segment: int = 0
) -> list[Observation]:
    """Return the observations of one step."""
    seen: list[Observation] = []
    step = Handshake(address="127.0.0.1", port=port, sni=sni, verify=verify, segment=segment)
    await handshake(step, tools, Timestamps(asyncio.get_running_loop().time(), step.position), seen.append)
    return seen


async def shake(port: int, tools: Tools, sni: str = "lab.example", *, verify: bool = True) -> TlsHandshake:
    """Return the TLS observation of a step whose connection succeeds."""
    connection, seen = await observations(port, tools, sni, verify=verify)
    assert isinstance(connection, Connection)
    assert connection.failure is None
    assert isinstance(seen, TlsHandshake)
    assert (seen.address, seen.port, seen.sni) == ("127.0.0.1", port, sni)
    return seen


async def test_a_connection_that_fails_is_the_only_observation(tools: Tools) -> None:
    """There is no handshake to observe."""
    port = closed_port()
    (only,) = await observations(port, tools, segment=1000)

    assert isinstance(only, Connection)
    assert (only.address, only.port, only.segment, only.failure) == ("127.0.0.1", port, 1000, Failure.RESET)


async def test_a_time_out_makes_the_pace_limiter_back_off_and_other_failures_do_not(
    tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that freezes new handshakes is left alone for longer."""
    spared: list[str] = []
    monkeypatch.setattr(tools.pace, "back_off", spared.append)
    async with serving(after_hello(b"")) as port:
        await shake(port, tools)
    assert spared == []
    async with serving(after_hello(b"", wait=True)) as port:
        await shake(port, tools)
    assert spared == ["127.0.0.1"]


def after_hello(data: bytes, *, reset: bool = False, wait: bool = False) -> Talk:
    """Return a server that reads the ClientHello, sends these bytes, and closes, resets or waits."""

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
        (ALERT, {"wait": True}, Failure.ALERT, "decode_error"),
        (UNRECOGNIZED_NAME, {}, Failure.ALERT, "unrecognized_name"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", {}, Failure.GARBAGE, ""),
        (b"\x16\x03\x03\x00\x05\xff\xff\xff\xff\xff", {}, Failure.GARBAGE, ""),
        (b"\x16\x03\x03\x40\x00\x02", {"wait": True}, Failure.TIMEOUT, ""),
    ],
    ids=["RST", "FIN", "silence", "alert", "alert by name", "HTTP", "garbage", "half a record"],
)
async def test_each_end_of_a_handshake_is_classified(
    tools: Tools, data: bytes, how: dict[str, bool], failure: Failure, alert: str
) -> None:
    """An RST, a FIN, silence, an alert, and bytes that are not TLS."""
    async with serving(after_hello(data, **how)) as port:
        seen = await shake(port, tools)

    assert (seen.failure, seen.alert, seen.answered) == (failure, alert, bool(data))
    assert not seen.verified


@pytest.mark.skipif(sys.platform != "linux", reason="TCP_INFO is Linux'")
async def test_a_hello_that_was_acknowledged_and_then_ignored_is_observed_so(tools: Tools) -> None:
    """The server's kernel took the ClientHello, and the server stays silent."""
    async with serving(after_hello(b"", wait=True)) as port:
        assert (await shake(port, tools)).acked is True


async def test_the_reason_is_kept_where_a_certificate_does_not_verify(tools: Tools, ca: trustme.CA) -> None:
    """Another name, another authority, expired: in OpenSSL's words, also where verification is off."""
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
        if "issuer" not in error:  # only the chain shows that
            assert peek.certificate.error == error


async def test_the_certificate_of_an_ip_literal_is_verified_for_the_address(tools: Tools, ca: trustme.CA) -> None:
    """No server name is sent."""
    names: list[str | None] = []
    context = server_context(ca, "127.0.0.1")
    context.sni_callback = lambda _tls, name, _context: names.append(name)
    async with serving(silent, context) as port:
        seen = await shake(port, tools, "127.0.0.1")

    assert (seen.failure, seen.verified, names) == (None, True, [None])


async def test_an_endless_handshake_is_cut_off(tools: Tools) -> None:
    """The server sends parts of one ServerHello without an end."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        # A ServerHello of 16 MiB in records of 16 KiB.
        record = b"\x16\x03\x03\x40\x00"
        writer.write(record + b"\x02\xff\xff\xff" + bytes(16380))
        while not writer.is_closing():
            writer.write(record + bytes(16384))
            await writer.drain()

    async with serving(talk) as port:
        assert (await shake(port, tools)).failure in {Failure.TOO_MUCH, Failure.GARBAGE}


async def test_silent_servers_do_not_delay_the_others(believed: trustme.CA) -> None:
    """With two handshake slots and ten silent servers, a healthy one is still reached in time."""
    async with Tools(2.0, PaceLimiter(0), handshakes=2) as tools:
        context = server_context(believed, "lab.example")
        async with serving(silent) as silent_port, serving(silent, context) as healthy, asyncio.TaskGroup() as group:
            waiting = [group.create_task(shake(silent_port, tools)) for _ in range(10)]
            await asyncio.sleep(0.05)
            seen = await shake(healthy, tools)

    assert seen.verified
    assert {task.result().failure for task in waiting} == {Failure.TIMEOUT}


@pytest.mark.parametrize("number", sorted(set(ALERTS) - {0}))
async def test_every_alert_is_named(tools: Tools, number: int) -> None:
    """Also those that OpenSSL has no name for."""
    async with serving(after_hello(bytes([21, 3, 3, 0, 2, 2, number]))) as port:
        seen = (await observations(port, tools))[1]

    assert isinstance(seen, TlsHandshake)
    assert (seen.failure, seen.alert) == (Failure.ALERT, ALERTS[number])


def old_context(ca: trustme.CA, ciphers: str) -> ssl.SSLContext:
    """A server of TLS 1.2 with an RSA key and these cipher suites."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    ca.issue_cert("lab.example", key_type=trustme.KeyType.RSA).configure_cert(context)
    return context


@pytest.mark.parametrize("ciphers", ["AES128-GCM-SHA256", "AES256-SHA", "ECDHE-RSA-AES128-SHA"])
async def test_a_server_with_cipher_suites_that_only_browsers_offer_is_reached(
    tools: Tools, ca: trustme.CA, ciphers: str
) -> None:
    """Its refusal stays in evidence; the second handshake offers what browsers offer."""
    with shaking_hands(old_context(ca, ciphers)) as port:
        seen = [one for one in await observations(port, tools) if isinstance(one, TlsHandshake)]

    assert [(one.alert, one.verified) for one in seen] == [("handshake_failure", False), ("", True)]


async def test_a_server_with_a_small_diffie_hellman_group_is_reached(
    tools: Tools, ca: trustme.CA, tmp_path: Path
) -> None:
    """1,024 bits, the least that browsers accepted."""
    context = old_context(ca, "DHE-RSA-AES128-GCM-SHA256")
    path = tmp_path / "dh.pem"
    body = base64.encodebytes(OAKLEY_2).decode()
    path.write_text(f"-----BEGIN DH PARAMETERS-----\n{body}-----END DH PARAMETERS-----\n")
    context.load_dh_params(path)
    with shaking_hands(context) as port:
        seen = [one for one in await observations(port, tools) if isinstance(one, TlsHandshake)]

    assert [one.verified for one in seen] == [False, True]
    assert seen[0].failure is Failure.GARBAGE


async def test_a_server_without_secure_renegotiation_is_asked_again(tools: Tools) -> None:
    """It sends a ServerHello without the extension of RFC 5746, which OpenSSL alone refuses."""
    body = b"\x03\x03" + bytes(range(32)) + b"\0" + b"\xc0\x2f" + b"\0"
    hello = b"\x02" + len(body).to_bytes(3, "big") + body
    async with serving(after_hello(b"\x16\x03\x03" + len(hello).to_bytes(2, "big") + hello, wait=True)) as port:
        first, second = (one for one in await observations(port, tools) if isinstance(one, TlsHandshake))

    assert "LEGACY" in first.detail
    assert second.failure is Failure.TIMEOUT


async def test_a_server_of_another_protocol_is_asked_without_a_protocol(tools: Tools) -> None:
    """A resolver over TLS may know `dot` alone."""
    hellos: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hellos.append(await reader.read(65536))
        writer.write(bytes.fromhex("15030300020278"))

    async with serving(talk) as port:
        seen = await observations(port, tools)

    assert [b"http/1.1" in hello for hello in hellos] == [True, False]
    assert [one.alert for one in seen if isinstance(one, TlsHandshake)] == ["no_application_protocol"] * 2
