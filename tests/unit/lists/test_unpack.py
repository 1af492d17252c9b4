"""Decompressing gzip files."""

import contextlib
import gzip
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.errors import ListError
from probe.lists.unpack import MAX_MEMBERS, STEP, unpack


@given(st.binary(max_size=400), st.integers(1, 50), st.booleans())
def test_the_content_is_the_same_compressed_or_not(content: bytes, size: int, packed: bool) -> None:
    """The sizes of the pieces do not matter."""
    if content.startswith(b"\x1f\x8b"):
        return
    data = gzip.compress(content) if packed else content
    assert b"".join(unpack([data[at : at + size] for at in range(0, len(data), size)], "f")) == content


def test_several_gzip_members_are_read_one_after_the_other() -> None:
    """Concatenated gzip files have several."""
    assert b"".join(unpack([gzip.compress(b"a") + gzip.compress(b"b")], "f")) == b"ab"


def test_a_decompression_bomb_is_refused_before_it_is_expanded() -> None:
    """Each piece of output is bounded, and so is their sum."""
    bomb = gzip.compress(bytes(50_000_000))
    sizes: list[int] = []
    with pytest.raises(ListError, match="larger than 1000000 bytes"):
        sizes.extend(map(len, unpack([bomb], "f", 1_000_000)))
    assert max(sizes, default=0) <= STEP
    assert sum(sizes) <= 1_000_000


@pytest.mark.parametrize("cut", [3, 12, 25])
def test_a_file_cut_short_is_refused(cut: int) -> None:
    """It is not taken for a short file."""
    with pytest.raises(ListError, match="cut short"):
        list(unpack([gzip.compress(b"some text of some length")[:cut]], "f"))


@given(st.binary(max_size=60))
def test_any_bytes_give_pieces_or_a_list_error(content: bytes) -> None:
    """No other exception is raised."""
    with contextlib.suppress(ListError):
        list(unpack([b"\x1f\x8b\x08", content], "f"))


@pytest.mark.parametrize("padding", [1, 512, 200_000])
def test_zeros_after_a_gzip_member_are_padding(padding: int) -> None:
    """Blocks of tapes and some tools write them; gzip(1) reads over them, before a further member too."""
    one, zeros = gzip.compress(b"one"), bytes(padding)
    assert b"".join(unpack([one + zeros], "f.gz")) == b"one"
    assert b"".join(unpack([one, zeros, zeros, one], "f.gz")) == b"oneone"
    with pytest.raises(ListError, match="a broken gzip file"):
        list(unpack([one + zeros + b"x" * 20], "f.gz"))


def test_too_many_empty_gzip_members_are_refused() -> None:
    """Each costs work for 20 bytes of the file, and no bound on sizes notices them."""
    empty = gzip.compress(b"")
    start = time.process_time()
    with pytest.raises(ListError, match=f"more than {MAX_MEMBERS} gzip members"):
        list(unpack([empty * 200_000], "f"))
    assert time.process_time() - start < 5


def test_a_gzip_member_for_each_block_is_read_as_one_file() -> None:
    """Some tools write such files; a piece may end anywhere."""
    content = b"".join(gzip.compress(bytes([n])) for n in range(200))
    assert b"".join(unpack([content[n : n + 7] for n in range(0, len(content), 7)], "f")) == bytes(range(200))
    assert b"".join(unpack([content[:50], b"", content[50:]], "f")) == bytes(range(200))
