"""Reading a large JSON array item by item."""

import contextlib
import json
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.errors import ListError
from probe.lists import jsonarray

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(VALUES, max_size=6), st.integers(1, 40), st.sampled_from([None, 1]))
def test_the_items_are_those_of_the_whole_array(values: list[object], size: int, indent: int | None) -> None:
    """The sizes of the pieces and the layout do not matter."""
    content = json.dumps(values, indent=indent, ensure_ascii=False).encode()
    pieces = (content[at : at + size] for at in range(0, len(content), size))
    assert list(jsonarray.items(pieces, "f")) == values


def test_an_item_in_many_pieces_is_parsed_in_linear_time() -> None:
    """Parsing a large object again for each piece of a byte took quadratic time (found by fuzzing)."""
    tried = 0

    def chunks() -> Iterator[bytes]:
        nonlocal tried
        yield b'["'
        for _ in range(100_000):
            tried += 1
            yield b"x"
        yield b'"]'

    started = time.process_time()
    assert list(jsonarray.items(chunks(), "f")) == ["x" * 100_000]
    assert tried == 100_000
    assert time.process_time() - started < 5


def test_a_number_split_between_two_pieces_is_one_number() -> None:
    """The first half alone is a valid number too."""
    assert list(jsonarray.items([b"[12", b"34, 5]"], "f")) == [1234, 5]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is no JSON array"),
        (b"{}", "the file is no JSON array"),
        (b'["a", "b', "an item is no JSON, or the file was cut short (after 1 items)"),
        (b'["a"\n', "the file ends inside the array (after 1 items)"),
        (b'["a"] x', "something follows the array"),
        (b"[1,]", "an item is no JSON"),
        (b"[NaN]", "an item is no JSON"),
        (b'["\xff"]', "the file is not UTF-8"),
        (b"[" * 100_000, "an item is no JSON"),
    ],
)
def test_the_error_says_what_is_wrong_and_how_many_items_were_read(content: bytes, message: str) -> None:
    """A file cut short is not taken for a short file."""
    with pytest.raises(ListError) as caught:
        list(jsonarray.items([content], "f"))
    assert message in str(caught.value)


def test_the_error_names_the_line() -> None:
    """An array may be written over several lines."""
    with pytest.raises(ListError) as caught:
        list(jsonarray.items([b'[\n"a",\n"b"\n"c"]'], "f"))
    assert caught.value.where == "f:4"


def test_an_item_without_end_is_refused() -> None:
    """The error comes before the item fills the memory."""
    with pytest.raises(ListError, match="larger than"):
        list(jsonarray.items([b'["', *[b"x" * 65536] * 40], "f"))


@given(st.binary(max_size=80))
def test_any_bytes_give_items_or_a_list_error(content: bytes) -> None:
    """No other exception is raised."""
    with contextlib.suppress(ListError):
        list(jsonarray.items([b"[", content], "f"))
