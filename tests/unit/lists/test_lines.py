"""Splitting files into lines, and the records that lines become."""

import io
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.errors import ListError
from probe.lists.lines import MAX_LINE, BadRow, ListEntry, decode, lines_with_faults, split, text_lines


class TestSplit:
    """Pieces of any size become lines."""

    @given(st.lists(st.binary(max_size=12)))
    def test_the_lines_do_not_depend_on_where_the_pieces_end(self, pieces: list[bytes]) -> None:
        """Many pieces give the same lines as one."""
        content = b"".join(pieces).removeprefix(b"\xef\xbb\xbf")
        plain = [line.removesuffix(b"\r") for line in content.split(b"\n")]
        assert list(split(pieces, "f")) == (plain if plain[-1] or content.endswith(b"\r") else plain[:-1])

    def test_a_file_shorter_than_a_byte_order_mark_is_read(self) -> None:
        """An empty first line was lost once (found by hypothesis)."""
        assert list(split([b"\n0"], "f")) == [b"", b"0"]

    def test_both_line_ends_and_a_last_line_without_one_are_read(self) -> None:
        """Files of Windows and Unix give the same lines."""
        assert list(split([b"a\r\nb\n\nc"], "f")) == [b"a", b"b", b"", b"c"]

    def test_a_byte_order_mark_is_left_out_even_when_split_between_pieces(self) -> None:
        """Editors on Windows write one."""
        assert list(split([b"\xef", b"\xbb", b"\xbfurl\n"], "f")) == [b"url"]

    def test_a_line_that_arrives_byte_by_byte_takes_linear_time(self) -> None:
        """A server may send so; copying the line for each byte took minutes for a megabyte."""
        start = time.process_time()
        assert list(split((b"a" for _ in range(MAX_LINE)), "f")) == [b"a" * MAX_LINE]
        assert time.process_time() - start < 5

    def test_a_line_without_end_is_refused(self) -> None:
        """A hostile file takes at most the memory of one line."""
        with pytest.raises(ListError) as caught:
            list(split([b"a\n", *[b"x" * 65536] * 17], "f"))
        assert caught.value.where == "f:2"

    def test_a_long_line_in_one_piece_is_refused(self) -> None:
        """The bound does not depend on the size of a piece."""
        with pytest.raises(ListError) as caught:
            list(split([b"x" * (MAX_LINE + 1) + b"\n"], "f"))
        assert caught.value.where == "f:1"


class TestDecode:
    """Lines of bytes become text."""

    def test_the_error_names_file_and_line_of_a_byte_that_is_not_utf_8(self) -> None:
        """It also says how to mend the file."""
        with pytest.raises(ListError) as caught:
            list(text_lines([b"example.org\n\xff\xfe\n"], "mine.txt"))
        assert str(caught.value) == "mine.txt:2: byte 1 of the line is not UTF-8 (save the file as UTF-8)"

    def test_another_encoding_can_be_named(self) -> None:
        """Registers are encoded in windows-1251."""
        assert list(decode([b"\xf1\xf3\xe4"], "f", "cp1251")) == ["суд"]


class EndlessLine(io.RawIOBase):
    """A file of one line that never ends, as /dev/zero is."""

    def readline(self, size: int | None = -1) -> bytes:
        """Give as much of the line as is asked for."""
        return b"a" * (size or 0)


class TestLinesWithFaults:
    """Lines of a list that a person wrote."""

    def test_a_long_line_spoils_itself_only(self) -> None:
        """Its beginning is given; the numbers of the lines after it are right."""
        content = b"a.example\n" + b"b" * (3 * MAX_LINE + 5) + b"\n\xff\nc.example"
        first, long, spoiled, last = lines_with_faults(io.BytesIO(content), "l")
        assert (first, len(long), spoiled, last) == ("a.example\n", MAX_LINE + 1, "\udcff\n", "c.example")

    def test_a_line_of_the_longest_length_is_whole(self) -> None:
        """With and without its line end."""
        longest = b"a" * MAX_LINE
        assert [len(line) for line in lines_with_faults(io.BytesIO(longest), "l")] == [MAX_LINE]
        assert [len(line) for line in lines_with_faults(io.BytesIO(longest + b"\nb"), "l")] == [MAX_LINE + 1, 1]

    def test_a_file_without_a_line_end_takes_bounded_memory(self) -> None:
        """It is refused in the end."""
        tracemalloc.start()
        try:
            with pytest.raises(ListError, match="l: larger than 1073741824 bytes"):
                list(lines_with_faults(EndlessLine(), "l"))  # type: ignore[arg-type]
            assert tracemalloc.get_traced_memory()[1] < 16 * MAX_LINE
        finally:
            tracemalloc.stop()


class TestListEntry:
    """An entry of a list."""

    def test_only_the_target_is_required(self) -> None:
        """A plain list has nothing else."""
        assert ListEntry("example.org") == ListEntry("example.org", service="", category="", source="", line=0)

    def test_an_entry_is_immutable(self) -> None:
        """A reader may keep it."""
        with pytest.raises(AttributeError):
            ListEntry("example.org").target = "other"  # type: ignore[misc]


class TestBadRow:
    """A row that cannot be read."""

    def test_a_bad_row_is_a_value_and_no_exception(self) -> None:
        """Readers yield bad rows between the good ones."""
        assert BadRow(3, "no") == BadRow(3, "no")
        assert not isinstance(BadRow(3, "no"), BaseException)
