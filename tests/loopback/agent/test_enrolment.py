"""Enrolment at a collector on loopback."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path

import pytest

from probe.agent.collector_client import CollectorClient
from probe.agent.enrolment import enrol, origin_of
from probe.agent.identity import Enrolment, load_or_create_key, read_enrolment
from probe.clock import Clock
from probe.errors import ExitStatus, UplinkError, UsageError
from probe.settings import load
from tests.loopback.agent.tiny_collector import TinyCollector

SETTINGS = load(None, {"XDG_CONFIG_HOME": "/nonexistent", "PROBE_NETWORK_ASN": "64500", "PROBE_NETWORK_COUNTRY": "RU"})


async def enrolled(origin: str, token: str, folder: Path) -> Enrolment:
    """Enrol at this collector."""
    async with CollectorClient((origin,), ca_file="", timeout=30) as client:
        return await enrol(client, origin, token, folder=folder, settings=SETTINGS, clock=Clock())


async def test_a_token_gives_an_id_that_is_kept(tmp_path: Path) -> None:
    async with TinyCollector() as tiny:
        enrolment = await enrolled(tiny.origin, "t0ken", tmp_path)

    assert (enrolment.agent, enrolment.origin) == ("agent0", tiny.origin)
    assert read_enrolment(tmp_path) == enrolment
    assert tiny.keys["agent0"] == b64decode(load_or_create_key(tmp_path).public)


async def test_the_error_about_a_refused_token_has_the_reason_and_not_the_token(tmp_path: Path) -> None:
    async with TinyCollector() as tiny:
        with pytest.raises(UplinkError, match="not enrolled: the token is not known \\(ask") as caught:
            await enrolled(tiny.origin, "s3cret", tmp_path)

    assert caught.value.status == ExitStatus.NOT_ALL_WELL
    assert "s3cret" not in str(caught.value)
    assert read_enrolment(tmp_path) is None


async def test_a_collector_that_is_down_is_one_line(tmp_path: Path) -> None:
    async with TinyCollector() as tiny:
        origin = tiny.origin
    with pytest.raises(UplinkError, match=f"not enrolled: {origin}: .* \\(try again when"):
        await enrolled(origin, "t0ken", tmp_path)


async def test_a_key_that_the_collector_has_had_under_another_name_is_replaced(tmp_path: Path) -> None:
    """The state folder lost its enrolment and kept its key."""
    old = load_or_create_key(tmp_path).public
    async with TinyCollector() as tiny:
        tiny.enrol_answer = (409, {"error": {"code": "known_key", "message": "this key has been enrolled before"}})

        with pytest.raises(UplinkError, match="knows this key already"):
            await enrolled(tiny.origin, "t0ken", tmp_path)

    assert load_or_create_key(tmp_path).public != old
    assert (tmp_path / "agent.key.old").exists()


async def test_a_page_instead_of_a_reply_is_one_line(tmp_path: Path) -> None:
    async with TinyCollector() as tiny:
        tiny.enrol_answer = (200, {"welcome": "please log in"})
        with pytest.raises(UplinkError, match=r"the answer \(200\) is not a collector's"):
            await enrolled(tiny.origin, "t0ken", tmp_path)


@pytest.mark.parametrize("token", ["", "a\nb", "x" * 501])
async def test_a_malformed_token_is_not_sent(token: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the token is empty or no token"):
        await enrolled("http://127.0.0.1:1", token, tmp_path)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://C.Example/", "https://c.example"),
        ("https://c.example:443/x?y", "https://c.example"),
        ("http://127.0.0.1:8017", "http://127.0.0.1:8017"),
        ("https://[2001:DB8::1]:8443/", "https://[2001:db8::1]:8443"),
    ],
)
def test_the_origin_of_a_url_has_no_path_and_no_default_port(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize("url", ["c.example", "ftp://c.example", "https://", "https://c.example:0", "https://c:99999"])
def test_a_malformed_collector_url_is_one_line(url: str) -> None:
    with pytest.raises(UsageError, match="is not a collector's address"):
        origin_of(url)
