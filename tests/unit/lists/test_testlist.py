"""Test lists: CSV, or one target a line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.lists.lines import BadRow, ListEntry
from probe.lists.testlist import Header, header, read

HEADER = "url,category_code,category_description,date_added,source,notes"


class TestCsv:
    """The CSV form that researchers exchange."""

    def test_an_entry_has_target_category_source_and_line(self) -> None:
        """Other columns are ignored."""
        rows = [HEADER, 'https://example.org/,NEWS,News Media,2014-04-15,citizenlab,"one, two"']
        assert list(read(rows, "ru.csv")) == [ListEntry("https://example.org/", "", "NEWS", "citizenlab", 2)]

    def test_columns_are_found_by_name(self) -> None:
        """The contract allows more columns."""
        rows = ["service,url,colour", "line,https://line.me/,green"]
        assert list(read(rows, "l")) == [ListEntry("https://line.me/", "line", "", "l", 2)]

    def test_a_bad_line_does_not_affect_the_following_ones(self) -> None:
        """Not even when its quotes never close."""
        rows = [HEADER, 'https://a.example/,"NEWS', "gopher://b.example/,NEWS", ",NEWS", "c.example,NEWS"]
        found = list(read(rows, "l"))
        assert [type(item) for item in found] == [BadRow, BadRow, BadRow, ListEntry]
        assert [item.line for item in found] == [2, 3, 4, 5]

    def test_a_row_with_too_few_cells_is_an_entry(self) -> None:
        """Only the target is required."""
        assert list(read([HEADER, "example.org"], "l")) == [ListEntry("example.org", source="l", line=2)]


class TestPlain:
    """One target a line."""

    def test_comments_and_blank_lines_are_skipped(self) -> None:
        """A comment may follow a target; the fragment of a URL is no comment."""
        rows = ["# mine", "", "example.org  # ours", "https://example.org/#part", "\ttcp://192.0.2.1:80"]
        assert [item.target for item in read(rows, "l") if isinstance(item, ListEntry)] == [
            "example.org",
            "https://example.org/#part",
            "tcp://192.0.2.1:80",
        ]

    def test_a_bad_line_is_a_row_with_the_error_and_how_to_mend_it(self) -> None:
        """The command prints one line for it."""
        assert list(read(["203.0.113.9"], "l")) == [
            BadRow(1, "'203.0.113.9' is an address without a port; write tcp://203.0.113.9:443"),
        ]

    def test_every_form_of_target_is_read(self) -> None:
        """A list accepts the same targets as the command line."""
        forms = [
            "https://host.example/path", "host.example", "dns://host.example", "tcp://[2001:db8::1]:80",
            "tls://192.0.2.1:443/sni.example", "quic://host.example:443", "203.0.113.0/24",
        ]  # fmt: skip
        assert [item.target for item in read(forms, "l") if isinstance(item, ListEntry)] == forms

    def test_repeated_targets_are_kept(self) -> None:
        """The caller decides whether to measure them twice."""
        assert len(list(read(["a.example", "a.example"], "l"))) == 2


class TestHeader:
    """The first line of a CSV list."""

    def test_a_line_with_the_column_url_is_a_header(self) -> None:
        """Upper case and surrounding blanks are accepted."""
        assert header(" URL ,x") == Header(("url", "x"), ",")
        assert header("https://example.org/url") is None

    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    @pytest.mark.parametrize("quote", ["", '"'])
    def test_columns_may_be_quoted_and_have_any_usual_delimiter(self, delimiter: str, quote: str) -> None:
        """Spreadsheets write `;` where the comma is decimal; a pasted table has tabs."""
        rows = [
            delimiter.join(f"{quote}{cell}{quote}" for cell in cells)
            for cells in (("\ufeffurl", "category_code"), ("a.example", "NEWS"))
        ]
        rows[0] = "\ufeff" + rows[0].replace("\ufeff", "")
        assert list(read(rows, "l")) == [ListEntry("a.example", "", "NEWS", "l", 2)]

    def test_joined_files_repeat_their_header(self) -> None:
        """A repeated header is no row; it may have other columns."""
        rows = [HEADER, "a.example,NEWS", HEADER, "b.example,COMT", "service;url", "line;c.example"]
        assert [(item.target, item.line) for item in read(rows, "l") if isinstance(item, ListEntry)] == [
            ("a.example", 2),
            ("b.example", 4),
            ("c.example", 6),
        ]

    def test_a_public_list_may_lack_its_header(self) -> None:
        """Its rows are a target, a category code, and more."""
        rows = ["https://a.example/,NEWS,News Media,2014-04-15,citizenlab,", "b.example,COMT"]
        assert list(read(rows, "l")) == [
            ListEntry("https://a.example/", "", "NEWS", "citizenlab", 1),
            ListEntry("b.example", "", "COMT", "l", 2),
        ]

    def test_a_line_that_is_not_utf_8_is_a_bad_row(self) -> None:
        """The other lines are read."""
        rows = [HEADER, b"\xe4.example,NEWS".decode(errors="surrogateescape"), "b.example,COMT"]
        assert [type(item) for item in read(rows, "l")] == [BadRow, ListEntry]

    def test_only_the_first_line_that_is_not_blank_can_be_the_header(self) -> None:
        """A header further down is a bad row."""
        assert [type(item) for item in read(["a.example", HEADER], "l")] == [ListEntry, BadRow]


@pytest.mark.parametrize(
    "line", ["2017-05-19T08:00/+" + "A" * 9000, "https://[" + "A" * 9000, "x" * 9000, "fe80::256%" + "A" * 9000]
)
def test_the_error_of_a_long_line_is_short(line: str) -> None:
    """Messages of libraries repeat the whole text (found by fuzzing)."""
    (fault,) = read([line], "l")
    assert isinstance(fault, BadRow)
    assert len(fault.what) < 500


@given(st.lists(st.text(max_size=60), max_size=8))
def test_any_text_gives_at_most_one_item_for_each_line(lines: list[str]) -> None:
    """No exception is raised; blank lines give nothing."""
    found = list(read(lines, "l"))
    assert all(1 <= item.line <= len(lines) for item in found)
    assert len({item.line for item in found}) == len(found)
