"""Whole routing tables."""

from collections.abc import Callable, Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.lists.lines import BadRow
from probe.lists.prefixes import routing_tables
from probe.lists.prefixes.prefix import UNROUTED, Prefix, PrefixItem

Reader = Callable[[Iterable[bytes], str], Iterator[PrefixItem]]
READERS: list[Reader] = [routing_tables.pfx2as, routing_tables.bgptools, routing_tables.ip2asn, routing_tables.imported]


class TestPfx2as:
    """CAIDA's pfx2as."""

    def test_a_prefix_may_have_several_origins(self) -> None:
        """They are written as `a_b`, an AS set as `a,b`."""
        lines = b"192.0.2.0\t24\t64500\n198.51.100.0\t24\t64500_64501\n2001:db8::\t32\t64500,64502_64500\n"
        assert [item.asns for item in routing_tables.pfx2as([lines], "f") if isinstance(item, Prefix)] == [
            (64500,), (64500, 64501), (64500, 64502),
        ]  # fmt: skip

    @pytest.mark.parametrize("line", [b"192.0.2.0 24", b"192.0.2.1\t24\t1", b"192.0.2.0\t33\t1", b"192.0.2.0\t24\tx_1"])
    def test_a_line_that_is_no_route_is_a_bad_row(self, line: bytes) -> None:
        """No tabs, bits beyond the mask, a mask too long, an origin that is no number."""
        assert [type(item) for item in routing_tables.pfx2as([line], "f")] == [BadRow]


class TestImported:
    """The files that `probe targets import` and `fetch` write."""

    HEAD = b"url,category_code,notes\n"

    def test_a_prefix_has_the_origins_in_its_note(self) -> None:
        """A note may name none."""
        rows = [self.HEAD, b"192.0.2.0/24,,AS64500 AS64501\n", b"198.51.100.0/24,,\n"]
        assert list(routing_tables.imported(rows, "f")) == [
            Prefix(line=2, network="192.0.2.0/24", asns=(64500, 64501)),
            Prefix(line=3, network="198.51.100.0/24"),
        ]

    @pytest.mark.parametrize("row", [b"https://a.example/,,\n", b',,"AS1\n', b"192.0.2.1/24,,AS1\n"])
    def test_a_row_that_is_no_prefix_is_a_bad_row(self, row: bytes) -> None:
        """A URL, a quote that stays open, bits beyond the mask."""
        assert [type(item) for item in routing_tables.imported([self.HEAD, row], "f")] == [BadRow]


class TestBgptools:
    """bgp.tools' table.jsonl."""

    def test_each_line_is_a_route(self) -> None:
        """The number of sessions that see the route is ignored."""
        lines = b'{"CIDR": "192.0.2.0/24", "ASN": 64500, "Hits": 600}\n\n{"CIDR": 5}\nx\n'
        assert list(routing_tables.bgptools([lines], "f")) == [
            Prefix(line=1, network="192.0.2.0/24", asns=(64500,)),
            BadRow(3, "no CIDR, or no ASN"),
            BadRow(4, "no JSON object"),
        ]


class TestIp2asn:
    """iptoasn.com's ip2asn."""

    def test_a_range_may_be_several_prefixes(self) -> None:
        """All of them have the number of the line."""
        items = list(routing_tables.ip2asn([b"192.0.2.0\t192.0.4.255\t64500\tCN\tNET - Name, Inc.\n"], "f"))
        assert [(item.network, item.line) for item in items if isinstance(item, Prefix)] == [
            ("192.0.2.0/23", 1), ("192.0.4.0/24", 1),
        ]  # fmt: skip
        assert items[0] == Prefix(line=1, network="192.0.2.0/23", asns=(64500,), country="CN", name="NET - Name, Inc.")

    def test_a_range_of_as_0_is_not_routed(self) -> None:
        """It has no origin, country or name."""
        assert list(routing_tables.ip2asn([b"10.0.0.0\t10.255.255.255\t0\tNone\tNot routed\n"], "f")) == [
            Prefix(line=1, network="10.0.0.0/8", held=UNROUTED)
        ]

    @pytest.mark.parametrize(
        "line",
        [b"192.0.2.9\t192.0.2.0\t1\tCN\tx", b"192.0.2.0\t2001:db8::\t1\tCN\tx", b"1\t2\t3", b"x\ty\t1\tCN\tz",
         b"192.0.2.0\t192.0.2.9\tx\tCN\ty"],
    )  # fmt: skip
    def test_a_line_that_is_no_range_is_a_bad_row(self, line: bytes) -> None:
        """A reversed range, one of two address families, texts that are no addresses."""
        assert [type(item) for item in routing_tables.ip2asn([line], "f")] == [BadRow]


@pytest.mark.parametrize("reader", READERS, ids=["pfx2as", "bgptools", "ip2asn", "imported"])
@given(content=st.text(alphabet='0129.:/\t\n{}"CIDRASN_,', max_size=100).map(str.encode) | st.binary(max_size=100))
def test_any_bytes_give_prefixes_or_bad_rows(reader: Reader, content: bytes) -> None:
    """No exception is raised."""
    for item in reader([content], "f"):
        assert isinstance(item, Prefix | BadRow)
