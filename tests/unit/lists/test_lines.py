"""Splitting files into lines, and what a line is read as."""

import dataclasses
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.errors import ListError
from probe.lists.lines import MAX_LINE, BadRow, ListEntry, decode, split, text_lines


class TestSplit:
    """Pieces of any size become lines."""

    @given(st.lists(st.binary(max_size=12)))
    def test_does_not_depend_on_where_the_pieces_end(self, pieces: list[bytes]) -> None:
        """One piece gives the same lines as many."""
        content = b"".join(pieces).removeprefix(b"\xef\xbb\xbf")
        plain = [line.removesuffix(b"\r") for line in content.split(b"\n")]
        assert list(split(pieces, "f")) == (plain if plain[-1] or content.endswith(b"\r") else plain[:-1])

    def test_reads_files_shorter_than_a_byte_order_mark(self) -> None:
        """Found by hypothesis: an empty first line was swallowed."""
        assert list(split([b"\n0"], "f")) == [b"", b"0"]

    def test_takes_both_line_ends_and_a_last_line_without_one(self) -> None:
        """Windows and Unix files read alike."""
        assert list(split([b"a\r\nb\n\nc"], "f")) == [b"a", b"b", b"", b"c"]

    def test_leaves_out_a_byte_order_mark_even_one_in_pieces(self) -> None:
        """Editors on Windows write one."""
        assert list(split([b"\xef", b"\xbb", b"\xbfurl\n"], "f")) == [b"url"]

    def test_costs_no_more_for_a_line_that_comes_byte_by_byte(self) -> None:
        """A server may send so, and copying what there is for each byte took minutes for a megabyte."""
        start = time.perf_counter()
        assert list(split((b"a" for _ in range(MAX_LINE)), "f")) == [b"a" * MAX_LINE]
        assert time.perf_counter() - start < 5

    def test_refuses_a_line_without_end(self) -> None:
        """A hostile file costs no more memory than one line."""
        with pytest.raises(ListError) as caught:
            list(split([b"a\n", *[b"x" * 65536] * 17], "f"))
        assert caught.value.where == "f:2"

    def test_refuses_a_long_line_that_comes_at_once(self) -> None:
        """The bound holds whatever the size of a piece."""
        with pytest.raises(ListError) as caught:
            list(split([b"x" * (MAX_LINE + 1) + b"\n"], "f"))
        assert caught.value.where == "f:1"


class TestDecode:
    """Lines of bytes become text."""

    def test_names_file_and_line_of_a_byte_that_is_no_utf_8(self) -> None:
        """The message names the place and what to do."""
        with pytest.raises(ListError) as caught:
            list(text_lines([b"example.org\n\xff\xfe\n"], "mine.txt"))
        assert str(caught.value) == "mine.txt:2: byte 1 of the line is not UTF-8 (save the file as UTF-8)"

    def test_reads_other_encodings_on_request(self) -> None:
        """The registers are in windows-1251."""
        assert list(decode([b"\xf1\xf3\xe4"], "f", "cp1251")) == ["суд"]


class TestListEntry:
    """A target of a list."""

    def test_needs_nothing_but_its_target(self) -> None:
        """A plain list has nothing else."""
        assert ListEntry("example.org") == ListEntry("example.org", service="", category="", source="", line=0)

    def test_cannot_be_changed(self) -> None:
        """Records are frozen."""
        with pytest.raises(dataclasses.FrozenInstanceError):
            ListEntry("example.org").target = "other"  # type: ignore[misc]


class TestBadRow:
    """A line that is no entry."""

    def test_is_a_value_and_no_exception(self) -> None:
        """Readers yield it among the good ones."""
        assert BadRow(3, "no") == BadRow(3, "no")
        assert not isinstance(BadRow(3, "no"), BaseException)
