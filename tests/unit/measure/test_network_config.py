"""Reading resolv.conf as it is found in the wild."""

from __future__ import annotations

from pathlib import Path

import pytest

from probe.measure.network_config import hosts_file_names, parse_resolv_conf, routed_families, system_resolvers
from probe.model.address import Family


def test_name_servers_are_read_in_order_and_no_more_than_three() -> None:
    """Comments, options and nonsense are passed over."""
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
    assert parse_resolv_conf(text) == ("udp:192.0.2.1:53", "udp:[2001:db8::1]:53")
    assert len(parse_resolv_conf("\n".join(f"nameserver 192.0.2.{rank}" for rank in range(9)))) == 3


def test_ports_are_read_as_the_bsds_write_them() -> None:
    """In brackets, after a `#`, after one colon, or on a line of their own."""
    text = "nameserver [192.0.2.1]:5353\nnameserver 192.0.2.2#54\nnameserver 192.0.2.3:55\n"

    assert parse_resolv_conf(text) == ("udp:192.0.2.1:5353", "udp:192.0.2.2:54", "udp:192.0.2.3:55")
    assert parse_resolv_conf("nameserver [2001:db8::1]\nport 5300\n") == ("udp:[2001:db8::1]:5300",)
    assert parse_resolv_conf("nameserver 192.0.2.1\nport 0\n") == ("udp:192.0.2.1:53",)


def test_a_zone_stays_with_its_address() -> None:
    """A router that announces itself by its link-local address."""
    assert parse_resolv_conf("nameserver fe80::1%eth0") == ("udp:[fe80::1%eth0]:53",)


def test_no_file_is_no_resolver(tmp_path: Path) -> None:
    """And bytes that are not UTF-8 are no reason to stop."""
    assert system_resolvers(tmp_path / "missing") == ()
    path = tmp_path / "resolv.conf"
    path.write_bytes(b"# \xff\xfe\nnameserver 192.0.2.1\n")
    assert system_resolvers(path) == ("udp:192.0.2.1:53",)


def test_families_are_those_with_a_route() -> None:
    """Whatever they are on this host."""
    assert routed_families() <= frozenset(Family)


def host(etc: Path, nsswitch: str | None, hosts: str = "") -> Path:
    """A host configured so."""
    if nsswitch is not None:
        (etc / "nsswitch.conf").write_text(nsswitch)
    (etc / "hosts").write_text(hosts)
    return etc


def test_names_of_the_hosts_file_are_the_hosts_own(tmp_path: Path) -> None:
    """Every name of a line, lower case, without comments."""
    etc = host(
        tmp_path, "hosts: files dns\n", "127.0.0.1 localhost # box\n10.0.0.9  Blocked.Example. www.blocked.example\n"
    )
    assert hosts_file_names(etc, "linux") == {"localhost", "blocked.example", "www.blocked.example"}


@pytest.mark.parametrize(
    "nsswitch",
    ["hosts: files mdns4_minimal [NOTFOUND=return] dns", "hosts:\tfiles resolve [!UNAVAIL=return] dns", "hosts: ldap"],
)
def test_other_sources_make_any_name_the_hosts_own(tmp_path: Path, nsswitch: str) -> None:
    """What they know cannot be read."""
    assert hosts_file_names(host(tmp_path, nsswitch), "linux") is None


def test_a_host_without_nsswitch_asks_files_and_dns(tmp_path: Path) -> None:
    """As musl always does; a commented line is none."""
    assert hosts_file_names(host(tmp_path, None, "::1 me\n"), "linux") == {"me"}
    assert hosts_file_names(host(tmp_path, "# hosts: ldap\npasswd: ldap\n", "::1 me\n"), "linux") == {"me"}


def test_other_systems_are_asked_themselves(tmp_path: Path) -> None:
    """Windows and macOS have sources of their own."""
    assert hosts_file_names(host(tmp_path, "hosts: files dns"), "darwin") is None
    assert hosts_file_names(host(tmp_path, "hosts: files dns"), "win32") is None


def test_aliases_of_the_environment_make_any_name_the_hosts_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HOSTALIASES renames hosts before they are looked up (hostname(7))."""
    monkeypatch.setenv("HOSTALIASES", "/home/me/aliases")
    assert hosts_file_names(host(tmp_path, "hosts: files dns"), "linux") is None


def test_a_host_without_a_hosts_file_has_no_names_of_its_own(tmp_path: Path) -> None:
    """Nothing to read is nothing listed."""
    assert hosts_file_names(tmp_path, "linux") == frozenset()
