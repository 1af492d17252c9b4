"""Test lists, in both forms."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.lists.lines import BadRow, ListEntry
from probe.lists.testlist import header, read

HEADER = "url,category_code,category_description,date_added,source,notes"


class TestCsv:
    """The form researchers exchange."""

    def test_keeps_target_category_source_and_line(self) -> None:
        """Columns that measuring does not need are ignored."""
        rows = [HEADER, 'https://example.org/,NEWS,News Media,2014-04-15,citizenlab,"one, two"']
        assert list(read(rows, "ru.csv")) == [ListEntry("https://example.org/", "", "NEWS", "citizenlab", 2)]

    def test_finds_columns_by_name_and_lets_more_follow(self) -> None:
        """The contract says more columns may come."""
        rows = ["service,url,colour", "line,https://line.me/,green"]
        assert list(read(rows, "l")) == [ListEntry("https://line.me/", "line", "", "l", 2)]

    def test_a_bad_line_costs_itself_alone(self) -> None:
        """Even one whose quotes never close."""
        rows = [HEADER, 'https://a.example/,"NEWS', "gopher://b.example/,NEWS", ",NEWS", "c.example,NEWS"]
        found = list(read(rows, "l"))
        assert [type(item) for item in found] == [BadRow, BadRow, BadRow, ListEntry]
        assert [item.line for item in found] == [2, 3, 4, 5]

    def test_a_row_with_too_few_cells_is_read_as_far_as_it_goes(self) -> None:
        """Only the target is needed."""
        assert list(read([HEADER, "example.org"], "l")) == [ListEntry("example.org", source="l", line=2)]


class TestPlain:
    """One target a line."""

    def test_leaves_out_comments_and_blank_lines(self) -> None:
        """A comment may follow a target; a fragment is not a comment."""
        rows = ["# mine", "", "example.org  # ours", "https://example.org/#part", "\ttcp://192.0.2.1:80"]
        assert [item.target for item in read(rows, "l") if isinstance(item, ListEntry)] == [
            "example.org",
            "https://example.org/#part",
            "tcp://192.0.2.1:80",
        ]

    def test_says_what_is_wrong_with_a_line_and_how_to_mend_it(self) -> None:
        """So that the command prints one clear line for it."""
        assert list(read(["203.0.113.9"], "l")) == [
            BadRow(1, "'203.0.113.9' is an address without a port; write tcp://203.0.113.9:443"),
        ]

    def test_takes_every_form_of_the_contract(self) -> None:
        """No form is good for the command line alone."""
        forms = [
            "https://host.example/path", "host.example", "dns://host.example", "tcp://[2001:db8::1]:80",
            "tls://192.0.2.1:443/sni.example", "quic://host.example:443", "203.0.113.0/24",
        ]  # fmt: skip
        assert [item.target for item in read(forms, "l") if isinstance(item, ListEntry)] == forms

    def test_keeps_repetitions(self) -> None:
        """Whoever measures decides what to do about them."""
        assert len(list(read(["a.example", "a.example"], "l"))) == 2


class TestHeader:
    """What makes a first line a header."""

    def test_is_the_url_column_wherever_it_stands(self) -> None:
        """In any case, with blanks around."""
        assert header(" URL ,x") == ("url", "x")
        assert header("https://example.org/url") is None

    def test_is_only_sought_in_the_first_line_that_says_something(self) -> None:
        """A later line of that name is a target like any other."""
        assert [type(item) for item in read(["a.example", HEADER], "l")] == [ListEntry, BadRow]


@pytest.mark.parametrize(
    "line", ["2017-05-19T08:00/+" + "A" * 9000, "https://[" + "A" * 9000, "x" * 9000, "fe80::256%" + "A" * 9000]
)
def test_a_long_bad_line_makes_a_short_fault(line: str) -> None:
    """Found by the fuzzer: what the library says repeats the text whole."""
    (fault,) = read([line], "l")
    assert isinstance(fault, BadRow)
    assert len(fault.what) < 500


@given(st.lists(st.text(max_size=60), max_size=8))
def test_never_raises_and_accounts_for_every_line(lines: list[str]) -> None:
    """Whatever is in a list, a line is skipped as blank, or yields one thing with its number."""
    found = list(read(lines, "l"))
    assert all(1 <= item.line <= len(lines) for item in found)
    assert len({item.line for item in found}) == len(found)
