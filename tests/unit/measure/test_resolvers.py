"""Reading resolv.conf as it is found in the wild."""

from __future__ import annotations

from pathlib import Path

from probe.measure.resolvers import families, parse_resolv_conf, system_resolvers
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
    assert families() <= frozenset(Family)
