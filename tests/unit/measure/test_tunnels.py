"""Tunnels and proxies between this host and its network are detected."""

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
def test_a_proxy_in_the_environment_is_noted(environ: dict[str, str], found: tuple[str, ...]) -> None:
    """Variables in lower and upper case count, on every platform; an empty one does not."""
    assert tunnel_notes(environ, platform="win32") == found


def test_ipv6_addresses_of_devices_are_read_and_malformed_lines_are_skipped() -> None:
    """The format is that of /proc/net/if_inet6."""
    assert ipv6_addresses(LINE + "cut short\n\n") == (("wg0", "fd00::2"),)


@pytest.mark.parametrize("name", ["tun0", "wg0", "WG-home", "utun3", "tailscale0", "nordlynx", "CloudflareWARP"])
def test_a_device_with_a_tunnels_name_is_a_tunnel(name: str) -> None:
    """The device need not exist on this host."""
    assert is_tunnel(name)


@pytest.mark.parametrize("name", ["lo", "eth0", "wlan0", "ppp0", "wwan0", "no-such-device"])
@pytest.mark.skipif(sys.platform != "linux", reason="devices are asked about on Linux alone")
def test_ordinary_devices_are_no_tunnels(name: str) -> None:
    """PPP is no tunnel, since DSL lines use it; a device that does not exist is none either."""
    assert not is_tunnel(name)


@pytest.mark.skipif(sys.platform != "linux", reason="devices are asked about on Linux alone")
def test_packets_leave_through_the_device_that_has_the_source_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test takes 127.0.0.1 for the source address, so the device is the loopback; without a route there is none."""
    monkeypatch.setattr(module, "own_addresses", lambda: frozenset({"127.0.0.1"}))
    assert outward_devices() == ("lo",)
    assert tunnel_notes({}) == ()
    monkeypatch.setattr(module, "is_tunnel", lambda device: device == "lo")
    assert tunnel_notes({}) == ("tunnel",)
    monkeypatch.setattr(module, "own_addresses", frozenset)
    assert outward_devices() == ()


def test_no_tunnel_is_noted_on_other_systems_than_linux() -> None:
    """Devices cannot be inspected there."""
    assert "tunnel" not in tunnel_notes({}, platform="darwin")
