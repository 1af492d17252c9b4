"""Files that come compressed."""

import contextlib
import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.errors import ListError
from probe.lists.unpack import STEP, unpack


@given(st.binary(max_size=400), st.integers(1, 50), st.booleans())
def test_gives_the_content_whether_packed_or_not(content: bytes, size: int, packed: bool) -> None:
    """In pieces of any size."""
    if content.startswith(b"\x1f\x8b"):
        return
    data = gzip.compress(content) if packed else content
    assert b"".join(unpack([data[at : at + size] for at in range(0, len(data), size)], "f")) == content


def test_reads_several_members_one_after_the_other() -> None:
    """As concatenated files have them."""
    assert b"".join(unpack([gzip.compress(b"a") + gzip.compress(b"b")], "f")) == b"ab"


def test_a_bomb_is_refused_before_it_unfolds() -> None:
    """Each piece that comes out is bounded, and so is their sum."""
    bomb = gzip.compress(bytes(50_000_000))
    sizes: list[int] = []
    with pytest.raises(ListError, match="larger than 1000000 bytes"):
        sizes.extend(map(len, unpack([bomb], "f", 1_000_000)))
    assert max(sizes, default=0) <= STEP
    assert sum(sizes) <= 1_000_000


@pytest.mark.parametrize("cut", [3, 12, 25])
def test_a_file_cut_short_is_refused(cut: int) -> None:
    """It must not pass for a short file."""
    with pytest.raises(ListError, match="cut short"):
        list(unpack([gzip.compress(b"some text of some length")[:cut]], "f"))


@given(st.binary(max_size=60))
def test_any_bytes_give_pieces_or_a_list_error(content: bytes) -> None:
    """Never another exception."""
    with contextlib.suppress(ListError):
        list(unpack([b"\x1f\x8b\x08", content], "f"))
