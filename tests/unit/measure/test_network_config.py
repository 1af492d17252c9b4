"""Resolvers, hosts file names and routed address families are read from this host's configuration."""

from __future__ import annotations

import codecs
from pathlib import Path
from types import SimpleNamespace

import pytest

from probe.measure import network_config
from probe.measure.network_config import (
    MAX_CONFIG_BYTES,
    hosts_file_names,
    parse_resolv_conf,
    resolver_config,
    routed_families,
)
from probe.model.address import Family
from tests.unit.measure.cpu_time import MAX_CPU_SECONDS, cpu_seconds


def test_name_servers_are_read_in_order_and_at_most_three() -> None:
    """Comments, options and broken lines are skipped."""
    text = """
# comment
; another
search lan example
options timeout:1 ndots:2
nameserver 192.0.2.1   # the router
nameserver not-an-address
nameserver
nameserver 2001:db8::1
nameserver 192.0.2.1
nameserver 192.0.2.3
"""
    assert parse_resolv_conf(text).servers == ("udp:192.0.2.1:53", "udp:[2001:db8::1]:53")
    assert len(parse_resolv_conf("\n".join(f"nameserver 192.0.2.{rank}" for rank in range(9))).servers) == 3


def test_ports_are_read_as_the_bsds_write_them() -> None:
    """After brackets, after a `#`, after one colon, or on a line of their own."""
    text = "nameserver [192.0.2.1]:5353\nnameserver 192.0.2.2#54\nnameserver 192.0.2.3:55\n"

    assert parse_resolv_conf(text).servers == ("udp:192.0.2.1:5353", "udp:192.0.2.2:54", "udp:192.0.2.3:55")
    assert parse_resolv_conf("nameserver [2001:db8::1]\nport 5300\n").servers == ("udp:[2001:db8::1]:5300",)
    for broken in ("0", "65536", "9" * 5000, "5²"):
        assert parse_resolv_conf(f"nameserver 192.0.2.1#{broken}\nport {broken}\n").servers == ("udp:192.0.2.1:53",)


@pytest.mark.parametrize(
    ("options", "seconds", "rotates"),
    [
        ("", 20, False),
        ("options timeout:1 ndots:2\noptions attempts:1", 2, False),
        ("options rotate timeout:99 attempts:99", 2 * 30 * 5, True),
        ("options timeout:x attempts: rotate:1", 20, False),
    ],
)
def test_the_systems_patience_and_order_are_read(options: str, seconds: float, rotates: bool) -> None:
    """Of two servers, with glibc's defaults and bounds; options that make no sense are skipped."""
    config = parse_resolv_conf(f"nameserver 192.0.2.1\nnameserver 192.0.2.2\n{options}\n")
    assert (config.patience_seconds, config.rotates) == (seconds, rotates)


def test_a_zone_stays_with_its_address() -> None:
    """A router may announce its link-local address."""
    assert parse_resolv_conf("nameserver fe80::1%eth0").servers == ("udp:[fe80::1%eth0]:53",)


def test_the_placeholders_of_windows_are_no_resolvers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A zone that Windows gives as a number stays."""
    servers = ["fec0:0:0:ffff::1", "fec0:0:0:ffff::2", "fe80::1%12", "192.0.2.1"]
    import dns.resolver  # noqa: PLC0415 - not importable once the platform is another

    monkeypatch.setattr(dns.resolver, "Resolver", lambda: SimpleNamespace(nameservers=servers, port=53))
    monkeypatch.setattr(network_config.sys, "platform", "win32")

    assert resolver_config(tmp_path / "missing").servers == ("udp:[fe80::1%12]:53", "udp:192.0.2.1:53")


def test_without_a_file_there_is_no_resolver(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are skipped; a file beyond the bound is not read."""
    assert resolver_config(tmp_path / "missing").servers == ()
    path = tmp_path / "resolv.conf"
    path.write_bytes(b"# \xff\xfe\nnameserver 192.0.2.1\n")
    assert resolver_config(path).servers == ("udp:192.0.2.1:53",)
    path.write_bytes(b"nameserver 192.0.2.1\n" * (MAX_CONFIG_BYTES // 20))
    assert resolver_config(path).servers == ()


@pytest.mark.parametrize("head", ["\ufeff", "\ufeff# resolver\n", "\0\0\n", "\ufeff\n"])
def test_a_byte_order_mark_costs_no_line(head: str, tmp_path: Path) -> None:
    """Windows' editors write one, and its administrator meant the first server."""
    path = tmp_path / "resolv.conf"
    path.write_bytes(f"{head}nameserver 192.0.2.1\nnameserver 192.0.2.2\noptions rotate\n".encode())
    found = resolver_config(path)
    assert (found.servers, found.rotates) == (("udp:192.0.2.1:53", "udp:192.0.2.2:53"), True)


def test_a_hosts_file_with_a_byte_order_mark_or_bad_bytes_is_read(tmp_path: Path) -> None:
    """A name too many costs one call of getaddrinfo; one too few would hide an entry."""
    etc = host(tmp_path, "hosts: files dns\n")
    (etc / "hosts").write_bytes(codecs.BOM_UTF8 + b"192.0.2.1 a.example\n\xff\xfe\n\0 \n192.0.2.2 b.example\n")
    assert hosts_file_names(etc, "linux") == {"a.example", "b.example"}


def test_routed_families_are_address_families() -> None:
    """Which ones depends on this host."""
    assert routed_families() <= frozenset(Family)


def host(etc: Path, nsswitch: str | None, hosts: str = "") -> Path:
    """Write the configuration of a host and return its folder."""
    if nsswitch is not None:
        (etc / "nsswitch.conf").write_text(nsswitch)
    (etc / "hosts").write_text(hosts)
    return etc


def test_the_names_of_the_hosts_file_are_returned(tmp_path: Path) -> None:
    """All names of a line, in lower case, without comments."""
    etc = host(
        tmp_path, "hosts: files dns\n", "127.0.0.1 localhost # box\n10.0.0.9  Blocked.Example. www.blocked.example\n"
    )
    assert hosts_file_names(etc, "linux") == {"localhost", "blocked.example", "www.blocked.example"}


@pytest.mark.parametrize(
    "nsswitch",
    [
        "hosts: files mdns4 dns",
        "hosts: files [NOTFOUND=return] dns",
        "hosts:\tfiles resolve [!UNAVAIL=return] dns",
        "hosts: ldap",
    ],
)
def test_with_other_sources_the_names_are_not_known(tmp_path: Path, nsswitch: str) -> None:
    """mDNS, systemd-resolved and LDAP cannot be read."""
    assert hosts_file_names(host(tmp_path, nsswitch), "linux") is None


@pytest.mark.parametrize("sources", ["files mdns4_minimal [NOTFOUND=return] dns", "files myhostname dns"])
def test_sources_without_public_names_are_no_other_sources(tmp_path: Path, sources: str) -> None:
    """Desktop systems list them; getaddrinfo would only ask the network's resolver again."""
    assert hosts_file_names(host(tmp_path, f"hosts: {sources}", "::1 me\n"), "linux") == {"me"}


def test_a_host_without_nsswitch_uses_files_and_dns(tmp_path: Path) -> None:
    """As musl does; a commented line does not count."""
    assert hosts_file_names(host(tmp_path, None, "::1 me\n"), "linux") == {"me"}
    assert hosts_file_names(host(tmp_path, "# hosts: ldap\npasswd: ldap\n", "::1 me\n"), "linux") == {"me"}


def test_on_other_systems_the_names_are_not_known(tmp_path: Path) -> None:
    """Windows and macOS have other sources."""
    assert hosts_file_names(host(tmp_path, "hosts: files dns"), "darwin") is None
    assert hosts_file_names(host(tmp_path, "hosts: files dns"), "win32") is None


def test_with_aliases_in_the_environment_the_names_are_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HOSTALIASES renames hosts before they are looked up (hostname(7))."""
    monkeypatch.setenv("HOSTALIASES", "/home/me/aliases")
    assert hosts_file_names(host(tmp_path, "hosts: files dns"), "linux") is None


def test_without_a_hosts_file_there_are_no_names(tmp_path: Path) -> None:
    """The set is empty, not unknown."""
    assert hosts_file_names(tmp_path, "linux") == frozenset()


def test_the_names_of_a_hosts_file_beyond_the_bound_are_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names are looked up with getaddrinfo then."""
    etc = host(tmp_path, "hosts: files dns", "127.0.0.1 localhost\n")
    monkeypatch.setattr(network_config, "MAX_HOSTS_BYTES", 10)
    assert hosts_file_names(etc, "linux") is None


def test_a_large_hosts_file_costs_little(tmp_path: Path) -> None:
    """64 KiB of short names."""
    etc = host(tmp_path, "hosts: files dns", "0.0.0.0" + " a" * 32_000)
    assert cpu_seconds(lambda: hosts_file_names(etc, "linux")) < MAX_CPU_SECONDS
