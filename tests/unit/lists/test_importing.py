"""Items of any reader become rows of a list file."""

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
    """The rows and the tally."""
    tally = ImportCounts()
    return list(rows_of(items, selection or Selection(), tally, "src", asns)), tally


class TestRegisters:
    """Host names of chosen decisions, and nothing else."""

    def test_give_their_names_with_the_decision(self) -> None:
        """A mask gives the name under its star."""
        record = RegisterEntry(line=1, entry_type=4, hosts=("*.line.me",), addresses=("192.0.2.1",),
                        decision=RegisterDecision("2017-04-28", "7-Restricting", "x"))  # fmt: skip
        found, tally = made([record])
        assert found == [ListRow("line.me", added="2017-04-28", source="src", note="decision 7-Restricting")]
        assert (tally.read, tally.kept, tally.targets) == (1, 1, 1)

    def test_addresses_alone_are_set_aside(self) -> None:
        """They may belong to somebody else by now."""
        record = RegisterEntry(line=1, entry_type=4, block_type=BlockType.ADDRESS, addresses=("192.0.2.1",))
        assert made([record])[1].skipped == {SkipReason.NO_NAME: 1}

    def test_a_name_that_is_none_is_left_out(self) -> None:
        """Registers hold everything that was ever typed into them."""
        record = RegisterEntry(line=1, entry_type=4, hosts=("two words", "a.example"))
        assert [row.target for row in made([record])[0]] == ["a.example"]
        assert made([RegisterEntry(line=1, entry_type=4, hosts=("two words",))])[1].skipped == {SkipReason.NO_NAME: 1}

    def test_the_tally_says_what_became_of_the_rows(self) -> None:
        """Bad ones only where there were any."""
        tally = made([RegisterEntry(line=1, entry_type=4, hosts=("a.example",))])[1]
        assert list(tally.lines()) == ["1 rows in, 1 targets out of 1 of them"]

    def test_a_name_is_taken_once(self) -> None:
        """Registers repeat names by the hundred."""
        record = RegisterEntry(line=1, entry_type=4, hosts=("a.example", "*.a.example"))
        found, tally = made([record, record])
        assert [row.target for row in found] == ["a.example"]
        assert tally.skipped == {SkipReason.REPEATED: 1}


class TestPrefixes:
    """Ranges."""

    def test_of_the_as_that_was_chosen(self) -> None:
        """Or all."""
        items: list[Item] = [
            Prefix(line=1, network="192.0.2.0/24", asns=(1, 2)),
            Prefix(line=2, network="198.51.100.0/24", asns=(3,)),
            Prefix(line=3, network="203.0.113.0/24", held="available"),
            AsBlock(line=4, first=1, last=2),
        ]
        found, tally = made(items, asns=frozenset({2}))
        assert found == [ListRow("192.0.2.0/24", source="src", note="AS1 AS2")]
        assert tally.skipped == {SkipReason.OTHER_AS: 2, SkipReason.NO_PREFIX: 1}
        assert made(items)[1].skipped == {SkipReason.FREE: 1, SkipReason.NO_PREFIX: 1}


def test_unannounced_prefixes_are_left_out() -> None:
    """Private space stands in whole tables too, with AS 0."""
    items = list(routing_tables.ip2asn([b"10.0.0.0\t10.255.255.255\t0\tNone\tNot routed\n"], "f"))
    items += routing_tables.pfx2as([b"10.0.0.0\t8\t0\n"], "f")
    items += routing_tables.bgptools([b'{"CIDR": "10.0.0.0/8", "ASN": 0}\n'], "f")
    assert made(items)[1].skipped == {SkipReason.UNROUTED: 3}


class TestTally:
    """Rows in, targets out, rows set aside with the reason."""

    def test_says_it_in_words(self) -> None:
        """The sums first."""
        items: list[Item] = [ListEntry("a.example"), ListEntry("b.example", category="PORN"), BadRow(3, "x")]
        assert list(made(items)[1].lines()) == [
            "3 rows in, 1 targets out of 1 of them",
            "1 set aside: sensitive category",
            "1 set aside: not a row of this format",
        ]

    def test_keeps_few_of_many_bad_lines(self) -> None:
        """The others are counted."""
        tally = made([BadRow(line, "x") for line in range(100)])[1]
        assert (tally.bad, len(tally.first_bad)) == (100, MAX_BAD_ROWS_SHOWN)

    @given(st.lists(st.sampled_from([
        ListEntry("a.example"), ListEntry("b.example", category="PORN"), BadRow(1, "x"), RegisterEntry(line=1),
        RegisterEntry(line=1, entry_type=6, hosts=("c.example", "a.example")),
        RegisterEntry(line=1, entry_type=1, hosts=("d.example",)),
        Prefix(line=1, network="192.0.2.0/24"), AsBlock(line=1, first=1, last=1),
    ]), max_size=12))  # fmt: skip
    def test_accounts_for_every_row(self, items: list[Item]) -> None:
        """Nothing is lost in silence."""
        found, tally = made(items)
        assert tally.read == tally.kept + sum(tally.skipped.values()) + tally.bad == len(items)
        assert tally.targets == len(found) == len({row.target for row in found})


class TestWritten:
    """The list as bytes."""

    def test_can_be_read_by_the_reader_of_test_lists(self) -> None:
        """Header, category, source and service included."""
        content = b"".join(csv_chunks(iter([ListRow("a.example", "NEWS", "2017", "s", 'a "note", long', "line")])))
        assert content.decode().splitlines()[0] == ",".join(LIST_COLUMNS)
        assert list(testlist.read(content.decode().splitlines(), "f")) == [
            ListEntry("a.example", "line", "NEWS", "s", 2)
        ]

    def test_comes_in_pieces(self) -> None:
        """A million rows are never held."""
        assert len(list(csv_chunks(ListRow(f"n{n}.example") for n in range(10_000)))) > 2

    def test_published_times_are_no_rows(self) -> None:
        """They are the file's, not a target's."""
        moment = SnapshotTime(datetime(2017, 1, 1, tzinfo=UTC))
        assert made([moment])[1].read == 0
