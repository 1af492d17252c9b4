"""BoringSSL performs the first handshake with a page, and only acquits; `test_fetch.py` runs with it, too."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme

from probe.errors import ProbeError
from probe.measure.fetch import fetch
from probe.measure.pace import PaceLimiter
from probe.measure.tools import Timestamps, Tools
from probe.model.failure import Failure
from probe.model.hop import Purpose, StepPosition
from probe.model.observation import Exchange, Observation, TlsHandshake
from probe.model.step import Fetch
from tests import required
from tests.loopback.tiny_servers import (
    Talk,
    abort,
    answer,
    page_of,
    server_context,
    serving,
    shaking_hands,
    silent,
)

ITS_CIPHERS = bytes.fromhex("130113021303")
"""BoringSSL offers the suites of TLS 1.3 in this order, OpenSSL with the second first."""
BARE = StepPosition()
DAY = dt.timedelta(1)


@pytest.fixture
async def boring(believed: trustme.CA) -> AsyncIterator[Tools]:
    """Tools with BoringSSL."""
    required.package("utls")
    async with Tools(0.5, PaceLimiter(0), boringssl=True) as made:
        yield made


async def get(url: str, tools: Tools, position: StepPosition = BARE, *, verify: bool = True) -> list[Observation]:
    """Return the observations of one page."""
    seen: list[Observation] = []
    step = Fetch(url=url, address="127.0.0.1", verify=verify, position=position)
    await fetch(step, tools, Timestamps(asyncio.get_running_loop().time(), step.position), seen.append)
    return seen


async def shakes(port: int, tools: Tools, host: str = "lab.example") -> list[TlsHandshake]:
    """Return the handshakes of one page."""
    return [one for one in await get(f"https://{host}:{port}/", tools) if isinstance(one, TlsHandshake)]


def noting(hellos: list[bytes], reply: bytes = b"") -> Talk:
    """Return a server that notes each ClientHello, replies and closes."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hellos.append(await reader.read(65536))
        writer.write(reply)

    return talk


async def test_a_page_is_fetched_and_its_facts_are_those_of_openssl(
    boring: Tools, tools: Tools, ca: trustme.CA
) -> None:
    """Version, certificate and content are the same; nothing shows which library it was."""
    async with serving(page_of(answer()), server_context(ca, "lab.example")) as port:
        its, openssls = [await get(f"https://lab.example:{port}/", each) for each in (boring, tools)]

    (tls, page), (same_tls, same_page) = its[1:], openssls[1:]
    assert isinstance(tls, TlsHandshake)
    assert isinstance(same_tls, TlsHandshake)
    assert (tls.verified, tls.version, tls.alpn, tls.certificate) == (
        True,
        same_tls.version,
        same_tls.alpn,
        same_tls.certificate,
    )
    assert isinstance(page, Exchange)
    assert isinstance(same_page, Exchange)
    assert (page.secure, page.status, page.sha256) == (True, 200, same_page.sha256)


async def test_only_the_first_attempt_at_the_subject_is_boringssls(boring: Tools) -> None:
    """So that no two attempts that fail alike are both its."""
    hellos: list[bytes] = []
    async with serving(noting(hellos)) as port:
        url = f"https://lab.example:{port}/"
        await get(url, boring)
        await get(url, boring, StepPosition(attempt=1))
        await get(url, boring, StepPosition(purpose=Purpose.NEUTRAL))
        await get(url, boring, verify=False)

    assert [ITS_CIPHERS in hello for hello in hellos] == [True, False, False, False]
    assert all(b"lab.example" in hello for hello in hellos)


async def test_the_hello_fits_into_one_packet(boring: Tools) -> None:
    """A hello in two packets passes middleboxes that read only the first."""
    hellos: list[bytes] = []
    async with serving(noting(hellos)) as port:
        await get(f"https://lab.example:{port}/", boring)

    assert len(hellos[0]) < 600


@pytest.mark.parametrize("how, failure", [("RST", Failure.RESET), ("FIN", Failure.EOF), ("", Failure.TIMEOUT)])
async def test_a_cut_is_observed_as_it_is(boring: Tools, how: str, failure: Failure) -> None:
    """The plan repeats it, with OpenSSL."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        if how == "RST":
            abort(writer)
        elif not how:
            await silent(reader, writer)

    async with serving(talk) as port:
        (only,) = await shakes(port, boring)

    assert only.failure is failure


async def test_a_certificate_that_does_not_verify_is_refused_by_openssl(boring: Tools, ca: trustme.CA) -> None:
    """Another name, another authority, expired, not yet valid: evidence has its words, after BoringSSL's refusal."""

    def dated(year: int) -> ssl.SSLContext:
        begin = dt.datetime(year, 1, 1, tzinfo=dt.UTC)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert("lab.example", not_before=begin, not_after=begin + DAY).configure_cert(context)
        return context

    cases = {
        "Hostname mismatch": server_context(ca, "other.example"),
        "unable to get local issuer certificate": server_context(trustme.CA(), "lab.example"),
        "certificate has expired": dated(2020),
        "certificate is not yet valid": dated(2090),
    }
    for error, context in cases.items():
        async with serving(silent, context) as port:
            refused, seen = await shakes(port, boring)

        assert (refused.failure, refused.verified) == (Failure.GARBAGE, False)
        assert refused.detail.startswith("BoringSSL: ")
        assert (seen.failure, seen.certificate and seen.certificate.error) == (Failure.CERTIFICATE, error)


async def test_a_certificate_that_only_openssl_takes_is_verified(boring: Tools, ca: trustme.CA) -> None:
    """It has the name as its common name alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(common_name="lab.example").configure_cert(context)
    async with serving(page_of(answer()), context) as port:
        refused, seen = await shakes(port, boring)

    assert (refused.failure, seen.failure, seen.verified) == (Failure.GARBAGE, None, True)


@pytest.mark.parametrize("kind", ["rsa:2048", "ec"])
async def test_a_chain_with_sha_1_is_left_to_openssl(
    boring: Tools, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """BoringSSL would accept it; no browser does."""
    openssl = required.command("openssl")
    key = ["rsa:2048"] if kind == "rsa:2048" else ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    new = [openssl, "req", "-x509", "-nodes", "-days", "2", "-newkey", *key]
    old = ["-sha1", "-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "subjectAltName=DNS:lab.example"]
    for command in (
        [*new, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=old authority"],
        [*new, "-keyout", "leaf.key", "-out", "leaf.pem", "-subj", "/CN=lab.example", *old],
    ):
        await asyncio.to_thread(subprocess.run, command, check=True, cwd=tmp_path, capture_output=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.load_cert_chain(tmp_path / "leaf.pem", tmp_path / "leaf.key")
    async with serving(page_of(answer()), context) as port:
        refused, *_, seen = await shakes(port, boring)

    assert (refused.failure, refused.detail) == (Failure.GARBAGE, "BoringSSL: chain with SHA-1")
    assert (seen.failure, seen.verified) == (Failure.CERTIFICATE, False)


async def test_the_certificate_of_an_ip_literal_is_verified_for_the_address(boring: Tools, ca: trustme.CA) -> None:
    """No server name is sent."""
    names: list[str | None] = []
    context = server_context(ca, "127.0.0.1")
    context.sni_callback = lambda _tls, name, _context: names.append(name)
    async with (
        serving(page_of(answer()), context) as port,
        serving(page_of(answer()), server_context(ca, "::1")) as wrong,
    ):
        (seen,) = await shakes(port, boring, "127.0.0.1")
        *_, refused = await shakes(wrong, boring, "127.0.0.1")

    assert (seen.verified, names) == (True, [None])
    assert refused.failure is Failure.CERTIFICATE


@pytest.mark.parametrize(
    "reply, failure, alert",
    [
        (bytes.fromhex("15030300020270"), Failure.ALERT, "unrecognized_name"),
        (bytes.fromhex("15030300020232"), Failure.ALERT, "decode_error"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", Failure.GARBAGE, ""),
        (b"\x16\x03\x03\x00\x05\xff\xff\xff\xff\xff", Failure.GARBAGE, ""),
    ],
)
async def test_a_refusal_is_never_a_certificate_that_does_not_verify(
    boring: Tools, reply: bytes, failure: Failure, alert: str
) -> None:
    """Although utls reports it so. OpenSSL gets the same."""
    hellos: list[bytes] = []
    async with serving(noting(hellos, reply)) as port:
        seen = await shakes(port, boring)

    assert [(one.failure, one.alert) for one in seen] == [(failure, alert)] * 2
    assert [ITS_CIPHERS in hello for hello in hellos] == [True, False]


async def test_an_alert_after_the_handshake_is_named(boring: Tools, ca: trustme.CA) -> None:
    """The server wants a certificate of ours, which TLS 1.3 says after the handshake."""
    context = server_context(ca, "lab.example")
    context.verify_mode = ssl.CERT_REQUIRED
    with shaking_hands(context) as port:
        last = (await get(f"https://lab.example:{port}/", boring))[-1]

    assert isinstance(last, Exchange)
    assert last.failure is Failure.ALERT
    assert "CERTIFICATE_REQUIRED" in last.detail


async def test_authorities_are_those_of_openssl(boring: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a folder count, too; without any, the fault is this host's, for utls brings none of its own."""
    openssl = required.command("openssl")
    other = trustme.CA()
    other.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    await asyncio.to_thread(subprocess.run, [openssl, "rehash", str(tmp_path)], check=True)
    monkeypatch.setenv("SSL_CERT_FILE", "/dev/null")
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    async with serving(page_of(answer()), server_context(other, "lab.example")) as port:
        (seen,) = await shakes(port, boring)
        monkeypatch.setenv("SSL_CERT_DIR", "/dev/null")
        async with Tools(0.5, PaceLimiter(0), boringssl=True) as bare:
            *_, refused = await shakes(port, bare)

    assert seen.verified
    assert refused.failure is Failure.LOCAL


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tools that want BoringSSL are not made without it."""
    monkeypatch.setitem(sys.modules, "utls", None)
    with pytest.raises(ProbeError) as raised:
        Tools(boringssl=True)

    assert "reachability-probe[boringssl]" in str(raised.value.mend)
