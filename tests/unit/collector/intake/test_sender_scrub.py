"""The sender's address in evidence, in every form that somebody may repeat it in."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from ipaddress import ip_address

import msgspec
import pytest

from probe.collector.intake.sender_scrub import SenderScrub
from probe.model.observation import Exchange
from probe.model.verdict import Evidence, Status, Vantage, VantageState, Verdict

V4, V6 = "203.0.113.77", "2001:db8:7:9::5"
PREFIX_V4, PREFIX_V6 = ip_address(V4).packed[:3], ip_address(V6).packed[:6]
NOW = datetime(2026, 5, 4, tzinfo=UTC)


def verdict(text: str, address: str = "198.51.100.7") -> Verdict:
    """A verdict whose redirect has this text."""
    seen = Exchange(at=1, took=2, url="http://a.example/", address=address, status=302, location=text)
    return Verdict(
        time=NOW,
        target="http://a.example/",
        status=Status.BLOCKED,
        causes=(),
        rule="http.redirect",
        evidence=Evidence(observations=(seen,), rules=1),
        vantage=Vantage(state=VantageState.ONLINE),
    )


@pytest.mark.parametrize(
    "form",
    [
        V4,
        "203-0-113-77",
        "203_0_113_77",
        "203%2E0%2e113%2E77",
        "203%252e0%252e113%252e77",
        "77.113.0.203",
        "77-113-0-203",
        "cb00714d",
        "CB00714D",
        "::ffff:cb00:714d",
        "x%20203.0.113.77",
        base64.b64encode(V4.encode()).decode(),
        base64.b64encode(b"ip=" + V4.encode()).decode(),
        base64.b64encode(b"ip: " + V4.encode() + b";").decode(),
    ],
)
def test_every_form_of_an_ipv4_address_is_removed(form: str) -> None:
    """In the query of a redirect, where portals write it."""
    scrub = SenderScrub(PREFIX_V4)
    cleaned = scrub.removed(verdict(f"http://portal.example/?ip={form}&x=1"))
    assert cleaned is not None
    (seen,) = cleaned.evidence.observations

    assert isinstance(seen, Exchange)
    assert form.lower() not in seen.location.lower()
    assert "own-address" in seen.location
    assert seen.location.startswith("http://portal.example/?ip=")


@pytest.mark.parametrize(
    "form",
    [
        V6,
        "2001:0db8:0007:0009:0000:0000:0000:0005",
        "2001%3Adb8%3A7%3A9%3A%3A5",
        "2001-db8-7-9--5",
        "20010db8000700090000000000000005",
        ".".join(ip_address(V6).packed.hex()[::-1]) + ".ip6.arpa",
    ],
)
def test_every_form_of_an_ipv6_address_is_removed(form: str) -> None:
    """A household has many addresses, so all of the prefix are."""
    cleaned = SenderScrub(PREFIX_V6).removed(verdict(f"http://portal.example/?ip={form}&x=1"))
    assert cleaned is not None

    assert form not in str(cleaned)
    assert "db8:7" not in str(cleaned)


@pytest.mark.parametrize(
    "text", ["1203.0.113.77", "203.0.113.777", "203.0.114.77", "20300113077", "3cb00714d", "v2.113.0"]
)
def test_other_numbers_stay(text: str) -> None:
    """A longer number, another network."""
    found = verdict(f"http://a.example/?x={text}")

    assert SenderScrub(PREFIX_V4).removed(found) == found


def test_the_addresses_of_servers_stay() -> None:
    """A target may be a neighbour of the vantage."""
    found = verdict("http://a.example/", address="203.0.113.5")

    assert SenderScrub(PREFIX_V4).removed(found) == found


def test_without_a_prefix_nothing_is_searched() -> None:
    """The import of a file has no sender."""
    scrub = SenderScrub(b"")

    assert not scrub.is_in(V4.encode())
    assert scrub.removed(verdict(V4)) == verdict(V4)
    assert scrub.removed(None) is None


def test_a_verdict_of_a_newer_version_is_cleaned_too() -> None:
    """As JSON, since this version cannot read it."""
    raw = msgspec.json.encode({"target": "a", "status": "slowed", "evidence": {"said": [f"to {V4}"], "address": V4}})

    assert msgspec.json.decode(SenderScrub(PREFIX_V4).removed_from_json(raw))["evidence"] == {
        "said": ["to own-address"],
        "address": V4,
    }
    assert SenderScrub(PREFIX_V6).removed_from_json(raw) == raw
