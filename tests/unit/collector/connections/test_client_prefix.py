"""Who a connection comes from, as a network prefix."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from probe.collector.connections.client_prefix import TrustedProxies, prefix_network
from probe.errors import SettingsError


def test_addresses_of_one_prefix_are_one_source() -> None:
    """A /24 of IPv4, a /48 of IPv6; an IPv4 address inside IPv6 is the IPv4 address."""
    proxies = TrustedProxies()

    assert proxies.peer("203.0.113.7") == proxies.peer("203.0.113.200") == proxies.peer("::ffff:203.0.113.9")
    assert proxies.peer("2001:db8:1:2::3") == proxies.peer("2001:db8:1:ffff::1")
    assert (
        len({proxies.peer(text).source for text in ("203.0.113.7", "203.0.114.7", "2001:db8:1::", "2001:db8:2::")}) == 4
    )


def test_the_source_does_not_show_the_prefix() -> None:
    """It is a hash with a key of this process."""
    client = TrustedProxies().peer("203.0.113.7")

    assert client.prefix not in client.source
    assert prefix_network(client.prefix) == ip_network("203.0.113.0/24")
    assert prefix_network(TrustedProxies().peer("2001:db8:1:2::3").prefix) == ip_network("2001:db8:1::/48")
    assert prefix_network(b"") is None


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "10.1.2.3", "192.168.0.9", "fd00::1", "", "no address"])
def test_a_peer_of_this_host_or_a_private_network_is_a_proxy(peer: str) -> None:
    """It has no source of its own; 127.0.0.2 has one, so that a flood from this host can be tried."""
    client = TrustedProxies().peer(peer)

    assert (client.source, client.proxy) == (b"", True)
    assert TrustedProxies().peer("127.0.0.2").source


@pytest.mark.parametrize(
    "header",
    ["203.0.113.7", "198.51.100.1, 203.0.113.7", "203.0.113.9, 10.0.0.1, 127.0.0.1", "203.0.113.0/24", " 203.0.113.7 "],
)
def test_the_last_address_that_is_no_proxy_is_the_client(header: str) -> None:
    """What a client wrote into the header itself stands further left and counts for nothing."""
    proxies = TrustedProxies()

    assert proxies.forwarded(header) == proxies.peer("203.0.113.7")


@pytest.mark.parametrize("header", ["", "unknown", "203.0.113.7, garbage", "," * 10_000])
def test_a_header_without_an_address_names_nobody(header: str) -> None:
    """Such a request is not limited by its source."""
    assert TrustedProxies().forwarded(header).source == b""


def test_a_proxy_that_is_no_network_is_refused() -> None:
    """The line names the option."""
    with pytest.raises(SettingsError, match="--trusted-proxy"):
        TrustedProxies(["nginx"])
