"""This host's own addresses are removed from observations, in every form; those of servers stay."""

from __future__ import annotations

import base64
import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.measure.own_addresses import OWN_ADDRESS, OwnAddresses
from probe.model.observation import Certificate, Connection, Exchange, Resolution, TlsHandshake
from probe.model.resolver import Trust

FOUR, SIX = "95.24.1.2", "2a02:2168:84:1::1f"
OURS = OwnAddresses((FOUR, SIX))


def page(**texts: str) -> Exchange:
    """An answer of a server elsewhere with these texts."""
    return Exchange(**{"at": 3, "url": "http://a.example/", "address": "203.0.113.9", "status": 200, **texts})


def sample_after(text: str) -> str:
    """The sample of a page that contains a text, as evidence stores it."""
    (stored,) = OURS.removed((page(sample=text),))
    return stored.sample


@pytest.mark.parametrize(
    "text",
    [
        "your address is 95.24.1.2.",
        "host 95-24-1-2.dynamic.isp.example",
        "95_24_1_2",
        "2.1.24.95.in-addr.arpa",
        "ip=95%2E24%2e1%2E2",
        "ip%253d95%252e24%252e1%252e2",
        "you%2095.24.1.2",
        "::ffff:95.24.1.2",
        "::FFFF:5F18:102",
        "id 5f180102",
        "0x5F180102",
        "x=" + base64.b64encode(b"95.24.1.2").decode(),
        "x=" + base64.b64encode(b"ip=95.24.1.2&x").decode(),
        "x=" + base64.b64encode(b"to 95.24.1.2").decode(),
        "you are 2a02:2168:84:1::1f",
        "2A02:2168:0084:0001:0000:0000:0000:001F",
        "2a02:2168:84:1:0:0:0:1f",
        "2a02-2168-84-1--1f.isp.example",
        "2a02%3A2168%3A84%3A1%3A%3A1f",
        "f.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.4.8.0.0.8.6.1.2.2.0.a.2.ip6.arpa",
        "2a02216800840001000000000000001f",
        "another address of the household: 2a02:2168:84:1:aaaa:bbbb:cccc:dddd",
    ],
)
def test_no_form_of_an_own_address_stays_in_a_text(text: str) -> None:
    kept = sample_after(text)

    assert OWN_ADDRESS in kept
    for form in ("95.24", "95-24", "5f18", "24.95", "2168", "8.6.1.2", "OTUuMjQuMS4y", "95%2e24", "95_24", "dddd"):
        assert form.lower() not in kept.lower() or form.lower() not in text.lower()


@pytest.mark.parametrize(
    "text", ["195.24.1.20", "95.24.1.25", "5f1801020", "2a02:2168:84:2::1f", "sha256 15f180102", "95.24.1"]
)
def test_other_addresses_and_numbers_stay(text: str) -> None:
    assert sample_after(text) == text


def test_every_text_of_an_observation_is_searched_and_the_addresses_of_servers_stay() -> None:
    """A redirect leads to the same placeholder that the next request names, so that a chain stays one."""
    location = "http://95-24-1-2.portal.example/"
    seen = (
        Resolution(name="a.example", rrtype="A", resolver="udp:95.24.1.2:53", trust=Trust.NETWORK, addresses=(FOUR,)),
        Connection(address="203.0.113.9", port=443, detail=f"told by {FOUR}"),
        TlsHandshake(
            address="203.0.113.9",
            port=443,
            sni="a.example",
            certificate=Certificate(subject=FOUR, names=(f"x.{FOUR}",)),
        ),
        page(title=f"Hello {FOUR}", location=location, server=FOUR, headers=(f"x-{FOUR}",)),
        page(url=location),
    )

    resolution, connection, handshake, answer, followed = OURS.removed(seen)

    assert resolution == seen[0]
    assert connection.detail == f"told by {OWN_ADDRESS}"
    assert handshake.certificate.subject == OWN_ADDRESS
    assert handshake.certificate.names == (f"x.{OWN_ADDRESS}",)
    assert answer.location == followed.url == f"http://{OWN_ADDRESS}.portal.example/"
    assert (answer.title, answer.server, answer.headers) == (f"Hello {OWN_ADDRESS}", OWN_ADDRESS, (f"x-{OWN_ADDRESS}",))


def test_records_without_an_own_address_are_the_same_records() -> None:
    seen = (page(sample="nothing of ours"), page(sample="95.24.2.1"))

    assert OURS.removed(seen) is seen
    assert OwnAddresses().removed(seen) is seen


def test_an_own_address_that_is_measured_stays_in_its_evidence() -> None:
    """Somebody who watches a server of their own, on the same host, has put its address into the list themselves."""
    seen = (page(url=f"http://{FOUR}/", address=FOUR, sample=SIX),)

    (kept,) = OURS.removed(seen)

    assert (kept.url, kept.sample) == (f"http://{FOUR}/", OWN_ADDRESS)


@given(st.ip_addresses(), st.integers(0, 2), st.text(alphabet="ab &=", max_size=5))
def test_any_address_is_found_dotted_reversed_in_hexadecimal_and_in_base64(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, before: int, after: str
) -> None:
    ours = OwnAddresses((str(address),))
    encoded = base64.b64encode(b"~" * before + str(address).encode() + after.encode()).decode()
    forms = [str(address), address.exploded, address.reverse_pointer, address.packed.hex()]
    if len(str(address)) > 8:
        forms.append(encoded)
    for form in forms:
        (kept,) = ours.removed((page(sample=f"[{form}]"),))
        assert OWN_ADDRESS in kept.sample
