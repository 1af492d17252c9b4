"""The CSV of the mirror z-i: quoted or not, long or short rows, with and without a head."""

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.errors import ListError
from probe.lists.lines import BadRow
from probe.lists.registers import zi_csv
from probe.lists.registers.register_entry import BlockType, RegisterDecision, RegisterEntry, RegisterItem, SnapshotTime

HEAD = "Updated: 2021-12-07 16:54:00 +0000\n"
ROW = "192.0.2.1 | 2001:db8::1;www.play.example;http://www.play.example/a;b/c;суд;2-946/13;2013-06-10\n"


def read(text: str) -> list[RegisterItem]:
    """All items of a file."""
    return list(zi_csv.read([text.encode("cp1251")], "dump.csv"))


class TestHead:
    """The first lines of a file."""

    def test_the_first_line_is_the_time_of_publication(self) -> None:
        """It gives no entry."""
        assert read(HEAD) == [SnapshotTime(datetime(2021, 12, 7, 16, 54, tzinfo=UTC))]

    def test_prose_in_the_second_line_is_a_bad_row(self) -> None:
        """A copy of the register from 2014 has such a line."""
        items = read(HEAD + "http://books.example/ - Добавьте пожалуйста в список.\n" + ROW)
        assert [type(item) for item in items] == [SnapshotTime, BadRow, RegisterEntry]
        assert "books" not in items[1].what  # type: ignore[union-attr]

    def test_a_file_without_a_head_is_read(self) -> None:
        """dump-01.csv and the following files have none."""
        assert [type(item) for item in read(ROW)] == [RegisterEntry]

    def test_an_invalid_time_is_a_bad_row(self) -> None:
        """The rows after it are read."""
        assert [type(item) for item in read("Updated: 2021-13-07 16:54:00 +0000\n" + ROW)] == [BadRow, RegisterEntry]


class TestRows:
    """Rows of six fields."""

    def test_an_unquoted_row_may_have_semicolons_in_its_url(self) -> None:
        """The other fields are counted from both ends; the URL is discarded."""
        record = read(ROW)[0]
        assert record == RegisterEntry(
            line=1, block_type=BlockType.URL, decision=RegisterDecision("2013-06-10", "2-946/13", "суд"),
            hosts=("www.play.example",), addresses=("192.0.2.1", "2001:db8::1"), urls=1,
        )  # fmt: skip

    def test_a_quoted_row_is_read(self) -> None:
        """Later dumps quote fields that contain semicolons."""
        quoted = '192.0.2.1;a.example;"http://a.example/x;y | http://a.example/""z""";"суд; Москва";2-1;2020-01-02\n'
        record = read(quoted)[0]
        assert isinstance(record, RegisterEntry)
        assert (record.urls, record.decision.authority) == (2, "суд; Москва")

    def test_quotes_inside_an_unquoted_text_are_kept(self) -> None:
        """Names of courts and companies contain quotes."""
        record = read('192.0.2.1;a.example;;"Иск" и "Суд";2-1;2020-01-02\n')[0]
        assert isinstance(record, RegisterEntry)
        assert (record.hosts, record.decision.authority) == (("a.example",), '"Иск" и "Суд"')

    def test_the_short_rows_since_march_2024_have_no_decision(self) -> None:
        """So the default selection skips them."""
        assert read("192.0.2.1 | 192.0.2.2;a.example\n") == [
            RegisterEntry(
                line=1, block_type=BlockType.DOMAIN, hosts=("a.example",), addresses=("192.0.2.1", "192.0.2.2")
            ),
        ]

    @pytest.mark.parametrize(
        ("row", "kind"),
        [
            ("192.0.2.1;a.example;http://a.example/;x;1;2020-01-02", BlockType.URL),
            ("192.0.2.1;a.example;;x;1;2020-01-02", BlockType.DOMAIN),
            ("192.0.2.1;*.a.example;;x;1;2020-01-02", BlockType.DOMAIN_MASK),
            ("203.0.113.0/24;;;x;1;2020-01-02", BlockType.ADDRESS),
        ],
    )
    def test_the_block_type_follows_from_the_empty_fields(self, row: str, kind: BlockType) -> None:
        """The mapping is the mirror's own."""
        record = read(row)[0]
        assert isinstance(record, RegisterEntry)
        assert record.block_type is kind

    @pytest.mark.parametrize(
        "row", ["a", "a;b", "1;2;3", "1;2;3;4;5", "192.0.2.1;a;;x;1;not a date", ";".join("x" * 9)]
    )
    def test_a_line_that_is_no_row_is_a_bad_row(self, row: str) -> None:
        """Its text is not quoted."""
        assert [type(item) for item in read(HEAD + row)] == [SnapshotTime, BadRow]

    def test_a_last_row_cut_short_is_a_bad_row(self) -> None:
        """A clone of 2018-05 ends so."""
        assert [type(item) for item in read(ROW + ROW[:60])] == [RegisterEntry, BadRow]


class TestFiles:
    """Whole files."""

    def test_an_empty_file_is_refused(self) -> None:
        """It is a failed download, not a register without entries."""
        with pytest.raises(ListError, match="the file is empty"):
            read("")

    @given(st.binary(max_size=300))
    def test_any_bytes_give_items_or_a_list_error(self, content: bytes) -> None:
        """No other exception is raised."""
        with contextlib.suppress(ListError):
            list(zi_csv.read([content], "f"))

    @given(st.text(alphabet='01.;|"\n -:/aю*', max_size=120))
    def test_each_line_that_is_not_blank_gives_exactly_one_item(self, text: str) -> None:
        """An entry or a bad row, with the number of the line."""
        if not text:
            return
        full = [n for n, line in enumerate(text.split("\n"), 1) if line.strip()]
        assert [item.line for item in read(text) if not isinstance(item, SnapshotTime)] == full
