"""The text form of resolvers, and the label that evidence has for each."""

from __future__ import annotations

import pytest

from probe.model.resolver import PlainResolver, resolver_label


@pytest.mark.parametrize(
    ("text", "resolver"),
    [
        ("udp:9.9.9.9:53", PlainResolver("udp", "9.9.9.9", 53)),
        ("tcp:[2620:fe::fe]:5353", PlainResolver("tcp", "2620:fe::fe", 5353)),
        ("udp:[fe80::1%eth0]:53", PlainResolver("udp", "fe80::1%eth0", 53)),
    ],
)
def test_a_plain_resolver_is_read_as_it_is_written(text: str, resolver: PlainResolver) -> None:
    """Reading and writing are inverse."""
    assert PlainResolver.parse(text) == resolver
    assert str(resolver) == text


@pytest.mark.parametrize(
    "text",
    [
        "system",
        "network",
        "",
        "udp:resolver.example:53",
        "udp:9.9.9.9",
        "udp:9.9.9.9:domain",
        "https://9.9.9.9/dns-query",
    ],
)
def test_other_texts_are_no_plain_resolver(text: str) -> None:
    """Encrypted resolvers, names and incomplete texts give None."""
    assert PlainResolver.parse(text) is None


@pytest.mark.parametrize(
    ("resolver", "label"),
    [
        ("udp:192.168.1.1:53", "network"),
        ("tcp:[fd00::1]:53", "network"),
        ("udp:127.0.0.53:53", "network"),
        ("udp:9.9.9.9:53", "udp:9.9.9.9:53"),
        ("udp:[fe80::1%eth0]:53", "network"),
        ("udp:[2001:4860:4860::8888%wlan0]:53", "network"),
        ("tls://[fe80::1%eth0]:853", "tls://[fe80::1]:853"),
        ("https://[fe80::1%25eth0]/dns-query", "https://[fe80::1]/dns-query"),
        ("https://192.168.1.1/dns-query", "https://192.168.1.1/dns-query"),
        ("system", "system"),
    ],
)
def test_evidence_does_not_name_a_resolver_at_a_private_address(resolver: str, label: str) -> None:
    """Nor the zone of any: an interface of this host. A trusted resolver is otherwise named as the settings have it."""
    assert resolver_label(resolver) == label
