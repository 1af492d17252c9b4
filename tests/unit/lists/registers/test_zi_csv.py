"""The mirror's CSV, quoted and not, whole and short, with both oddities of its head."""

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
    """Both oddities."""

    def test_the_first_line_is_the_time_of_publication(self) -> None:
        """And no row."""
        assert read(HEAD) == [SnapshotTime(datetime(2021, 12, 7, 16, 54, tzinfo=UTC))]

    def test_prose_in_the_second_line_is_set_aside(self) -> None:
        """A fork's copy of 2014 really has it."""
        items = read(HEAD + "http://books.example/ - Добавьте пожалуйста в список.\n" + ROW)
        assert [type(item) for item in items] == [SnapshotTime, BadRow, RegisterEntry]
        assert "books" not in items[1].what  # type: ignore[union-attr]

    def test_a_part_without_a_head_is_read_too(self) -> None:
        """dump-01.csv and the following have none."""
        assert [type(item) for item in read(ROW)] == [RegisterEntry]

    def test_a_time_that_is_none_is_set_aside(self) -> None:
        """The rest is read."""
        assert [type(item) for item in read("Updated: 2021-13-07 16:54:00 +0000\n" + ROW)] == [BadRow, RegisterEntry]


class TestRows:
    """Six fields however they are written."""

    def test_an_unquoted_row_may_have_semicolons_in_its_url(self) -> None:
        """The outer fields are counted from both ends; the URL is let go anyway."""
        record = read(ROW)[0]
        assert record == RegisterEntry(
            line=1, block_type=BlockType.URL, decision=RegisterDecision("2013-06-10", "2-946/13", "суд"),
            hosts=("www.play.example",), addresses=("192.0.2.1", "2001:db8::1"), urls=1,
        )  # fmt: skip

    def test_a_quoted_row_reads_like_an_unquoted_one(self) -> None:
        """Later dumps quote fields that hold semicolons."""
        quoted = '192.0.2.1;a.example;"http://a.example/x;y | http://a.example/""z""";"суд; Москва";2-1;2020-01-02\n'
        record = read(quoted)[0]
        assert isinstance(record, RegisterEntry)
        assert (record.urls, record.decision.authority) == (2, "суд; Москва")

    def test_quotes_that_are_part_of_the_text_do_no_harm(self) -> None:
        """Names of courts and companies have them."""
        record = read('192.0.2.1;a.example;;"Иск" и "Суд";2-1;2020-01-02\n')[0]
        assert isinstance(record, RegisterEntry)
        assert record.hosts == ("a.example",)

    def test_the_short_rows_since_march_2024_say_nothing_of_decisions(self) -> None:
        """So the default selection drops them."""
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
    def test_what_is_blocked_follows_from_the_empty_fields(self, row: str, kind: BlockType) -> None:
        """By the mirror's own mapping."""
        record = read(row)[0]
        assert isinstance(record, RegisterEntry)
        assert record.block_type is kind

    @pytest.mark.parametrize(
        "row", ["a", "a;b", "1;2;3", "1;2;3;4;5", "192.0.2.1;a;;x;1;not a date", ";".join("x" * 9)]
    )
    def test_what_is_no_row_is_set_aside(self, row: str) -> None:
        """With its number and without its text."""
        assert [type(item) for item in read(HEAD + row)] == [SnapshotTime, BadRow]

    def test_a_cut_last_row_is_set_aside(self) -> None:
        """A clone of 2018-05 ends so."""
        assert [type(item) for item in read(ROW + ROW[:60])] == [RegisterEntry, BadRow]


class TestFiles:
    """What is no file is refused."""

    def test_an_empty_file(self) -> None:
        """A failed download, not a register without entries."""
        with pytest.raises(ListError, match="the file is empty"):
            read("")

    @given(st.binary(max_size=300))
    def test_any_bytes_give_items_or_a_list_error(self, content: bytes) -> None:
        """Never another exception."""
        with contextlib.suppress(ListError):
            list(zi_csv.read([content], "f"))

    @given(st.text(alphabet='01.;|"\n -:/aю*', max_size=120))
    def test_lines_are_accounted_for_one_by_one(self, text: str) -> None:
        """A line that says something yields just one thing."""
        if not text:
            return
        full = [n for n, line in enumerate(text.split("\n"), 1) if line.strip()]
        assert [item.line for item in read(text) if not isinstance(item, SnapshotTime)] == full
