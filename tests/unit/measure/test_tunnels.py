"""What stands between this host and its network."""

from __future__ import annotations

import sys

import pytest

from probe.measure import tunnels as module
from probe.measure.tunnels import ipv6_addresses, is_tunnel, outward_devices, tunnel_notes

LINE = "fd000000000000000000000000000002 02 40 00 80    wg0\n"


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({}, ()),
        ({"HTTPS_PROXY": "http://127.0.0.1:8080"}, ("proxy",)),
        ({"all_proxy": "socks5://127.0.0.1:1080"}, ("proxy",)),
        ({"http_proxy": " "}, ()),
        ({"no_proxy": "example.org"}, ()),
    ],
)
def test_a_proxy_of_the_environment_is_noted(environ: dict[str, str], found: tuple[str, ...]) -> None:
    """On every platform, in either case; an empty one is none."""
    assert tunnel_notes(environ, platform="win32") == found


def test_the_kernels_ipv6_addresses_are_read_and_bad_lines_passed_over() -> None:
    """/proc/net/if_inet6."""
    assert ipv6_addresses(LINE + "cut short\n\n") == (("wg0", "fd00::2"),)


@pytest.mark.parametrize("name", ["tun0", "wg0", "WG-home", "utun3", "tailscale0", "nordlynx", "CloudflareWARP"])
def test_tunnels_are_told_by_the_names_of_what_makes_them(name: str) -> None:
    """Whether or not there is such a device here."""
    assert is_tunnel(name)


@pytest.mark.parametrize("name", ["lo", "eth0", "wlan0", "ppp0", "wwan0", "no-such-device"])
@pytest.mark.skipif(sys.platform != "linux", reason="devices are asked about on Linux alone")
def test_ordinary_devices_are_no_tunnels(name: str) -> None:
    """Nor one that does not exist; PPP is how DSL lines reach their network."""
    assert not is_tunnel(name)


@pytest.mark.skipif(sys.platform != "linux", reason="devices are asked about on Linux alone")
def test_the_device_that_carries_our_own_address_is_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loopback, were 127.0.0.1 what packets to the world carry; none without a route."""
    monkeypatch.setattr(module, "own_addresses", lambda: frozenset({"127.0.0.1"}))
    assert outward_devices() == ("lo",)
    assert tunnel_notes({}) == ()
    monkeypatch.setattr(module, "is_tunnel", lambda device: device == "lo")
    assert tunnel_notes({}) == ("tunnel",)
    monkeypatch.setattr(module, "own_addresses", frozenset)
    assert outward_devices() == ()


def test_where_devices_cannot_be_told_apart_no_tunnel_is_claimed() -> None:
    """On other systems than Linux."""
    assert "tunnel" not in tunnel_notes({}, platform="darwin")
