"""Items of any format become rows of a list file."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from probe.lists import testlist
from probe.lists.formats import Item
from probe.lists.importing import LIST_COLUMNS, MAX_BAD_ROWS_SHOWN, ImportCounts, ListRow, csv_chunks, rows_of
from probe.lists.lines import BadRow, ListEntry
from probe.lists.prefixes import routing_tables
from probe.lists.prefixes.prefix import AsBlock, Prefix
from probe.lists.registers.register_entry import BlockType, RegisterDecision, RegisterEntry, SnapshotTime
from probe.lists.selection import Selection, SkipReason


def made(
    items: list[Item], selection: Selection | None = None, asns: frozenset[int] = frozenset()
) -> tuple[list[ListRow], ImportCounts]:
    """The rows of the items, and the counts."""
    counts = ImportCounts()
    return list(rows_of(items, selection or Selection(), counts, "src", asns)), counts


class TestTestLists:
    """Entries of test lists become rows."""

    def test_a_row_has_the_category_source_and_service_of_its_entry(self) -> None:
        """The source of the import is for formats without sources of their own."""
        entry = ListEntry("a.example", service="line", category="COMT", source="citizenlab")
        assert made([entry])[0] == [ListRow("a.example", "COMT", source="citizenlab", service="line")]


class TestRegisters:
    """Only host names of selected register entries become rows."""

    def test_a_row_has_the_host_name_and_the_decision(self) -> None:
        """The mask `*.line.me` gives the name `line.me`."""
        record = RegisterEntry(line=1, entry_type=4, hosts=("*.line.me",), addresses=("192.0.2.1",),
                        decision=RegisterDecision("2017-04-28", "7-Restricting", "x"))  # fmt: skip
        found, counts = made([record])
        assert found == [ListRow("line.me", added="2017-04-28", source="src", note="decision 7-Restricting")]
        assert (counts.read, counts.kept, counts.targets) == (1, 1, 1)

    def test_an_entry_of_addresses_alone_is_skipped(self) -> None:
        """The addresses may belong to somebody else by now."""
        record = RegisterEntry(line=1, entry_type=4, block_type=BlockType.ADDRESS, addresses=("192.0.2.1",))
        assert made([record])[1].skipped == {SkipReason.NO_NAME: 1}

    def test_an_invalid_name_is_left_out(self) -> None:
        """Registers contain many texts that are not host names."""
        record = RegisterEntry(line=1, entry_type=4, hosts=("two words", "a.example"))
        assert [row.target for row in made([record])[0]] == ["a.example"]
        assert made([RegisterEntry(line=1, entry_type=4, hosts=("two words",))])[1].skipped == {SkipReason.NO_NAME: 1}

    def test_the_summary_is_one_line_when_nothing_was_skipped(self) -> None:
        """Skipped and bad rows add a line only where there are any."""
        counts = made([RegisterEntry(line=1, entry_type=4, hosts=("a.example",))])[1]
        assert list(counts.lines()) == ["1 rows in, 1 targets out of 1 of them"]

    def test_a_repeated_name_becomes_one_row(self) -> None:
        """Registers repeat names hundreds of times."""
        record = RegisterEntry(line=1, entry_type=4, hosts=("a.example", "*.a.example"))
        found, counts = made([record, record])
        assert [row.target for row in found] == ["a.example"]
        assert counts.skipped == {SkipReason.REPEATED: 1}


class TestPrefixes:
    """Prefixes become rows."""

    def test_prefixes_are_filtered_by_as_number(self) -> None:
        """Without AS numbers all announced or assigned prefixes are kept."""
        items: list[Item] = [
            Prefix(line=1, network="192.0.2.0/24", asns=(1, 2)),
            Prefix(line=2, network="198.51.100.0/24", asns=(3,)),
            Prefix(line=3, network="203.0.113.0/24", held="available"),
            AsBlock(line=4, first=1, last=2),
        ]
        found, counts = made(items, asns=frozenset({2}))
        assert found == [ListRow("192.0.2.0/24", source="src", note="AS1 AS2")]
        assert counts.skipped == {SkipReason.OTHER_AS: 2, SkipReason.NO_PREFIX: 1}
        assert made(items)[1].skipped == {SkipReason.FREE: 1, SkipReason.NO_PREFIX: 1}


def test_prefixes_of_as_0_are_skipped() -> None:
    """Routing tables list private space with AS 0."""
    items = list(routing_tables.ip2asn([b"10.0.0.0\t10.255.255.255\t0\tNone\tNot routed\n"], "f"))
    items += routing_tables.pfx2as([b"10.0.0.0\t8\t0\n"], "f")
    items += routing_tables.bgptools([b'{"CIDR": "10.0.0.0/8", "ASN": 0}\n'], "f")
    assert made(items)[1].skipped == {SkipReason.UNROUTED: 3}


class TestCounts:
    """Every row is counted: read, kept, or skipped with a reason."""

    def test_the_summary_has_the_totals_first_and_then_the_reasons(self) -> None:
        """Each reason has its number of rows."""
        items: list[Item] = [ListEntry("a.example"), ListEntry("b.example", category="PORN"), BadRow(3, "x")]
        assert list(made(items)[1].lines()) == [
            "3 rows in, 1 targets out of 1 of them",
            "1 set aside: sensitive category",
            "1 set aside: not a row of this format",
        ]

    def test_only_the_first_bad_rows_are_kept(self) -> None:
        """The others are only counted."""
        counts = made([BadRow(line, "x") for line in range(100)])[1]
        assert (counts.bad, len(counts.first_bad)) == (100, MAX_BAD_ROWS_SHOWN)

    @given(st.lists(st.sampled_from([
        ListEntry("a.example"), ListEntry("b.example", category="PORN"), BadRow(1, "x"), RegisterEntry(line=1),
        RegisterEntry(line=1, entry_type=6, hosts=("c.example", "a.example")),
        RegisterEntry(line=1, entry_type=1, hosts=("d.example",)),
        Prefix(line=1, network="192.0.2.0/24"), AsBlock(line=1, first=1, last=1),
    ]), max_size=12))  # fmt: skip
    def test_every_row_is_counted_once(self, items: list[Item]) -> None:
        """Rows read are the sum of rows kept, skipped and bad."""
        found, counts = made(items)
        assert counts.read == counts.kept + sum(counts.skipped.values()) + counts.bad == len(items)
        assert counts.targets == len(found) == len({row.target for row in found})


class TestCsv:
    """The list as bytes of CSV."""

    def test_the_reader_of_test_lists_reads_it(self) -> None:
        """It keeps header, category, source and service."""
        content = b"".join(csv_chunks(iter([ListRow("a.example", "NEWS", "2017", "s", 'a "note", long', "line")])))
        assert content.decode().splitlines()[0] == ",".join(LIST_COLUMNS)
        assert list(testlist.read(content.decode().splitlines(), "f")) == [
            ListEntry("a.example", "line", "NEWS", "s", 2)
        ]

    def test_it_is_written_in_pieces(self) -> None:
        """A list of a million rows is never held in memory."""
        assert len(list(csv_chunks(ListRow(f"n{n}.example") for n in range(10_000)))) > 2

    def test_the_time_of_a_snapshot_is_no_row(self) -> None:
        """It belongs to the file and is not counted."""
        moment = SnapshotTime(datetime(2017, 1, 1, tzinfo=UTC))
        found, counts = made([moment, ListEntry("a.example")])
        assert [row.target for row in found] == ["a.example"]
        assert counts.read == 1
