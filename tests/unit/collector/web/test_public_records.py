"""Cursors and records of the public API."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.collector.store.events import Revision
from probe.collector.web.public_records import cursor_of, public_revision, read_cursor
from probe.collector.web.responses import ApiError
from probe.fuse.revision import RevisionKind
from tests.unit.collector.notify.builders import NOW, network_event

BIG = st.integers(-(2**61), 2**61)


@given(BIG, st.text("0123456789abcdef", max_size=16))
def test_a_cursor_is_read_back_as_it_was_made(number: int, text: str) -> None:
    """It is safe in a URL."""
    cursor = cursor_of((number, text))

    assert read_cursor(cursor, (int, str)) == (number, text)
    assert cursor.replace("-", "").replace("_", "").isalnum()


def test_no_cursor_is_the_beginning() -> None:
    assert read_cursor("", (int,)) is None


@given(st.text())
def test_any_other_text_is_refused(text: str) -> None:
    """Nothing that a reader may send is a fault of the program."""
    try:
        assert read_cursor(text, (int, int, int)) is None or len(text) > 4
    except ApiError as error:
        assert error.status == 400  # noqa: PT017 both ends are right


@pytest.mark.parametrize("position", [(1,), (1, 2), ("a", 1), (2**62, "a"), (1, "\0")])
def test_a_cursor_of_another_list_is_refused(position: tuple[int | str, ...]) -> None:
    with pytest.raises(ApiError, match="cursor"):
        read_cursor(cursor_of(position), (int, str))


def test_a_revision_is_published_with_its_number_and_moment() -> None:
    event = network_event()
    found = public_revision(Revision(7, RevisionKind.BEGAN, 1_777_867_800_000, event))

    assert (found.no, found.kind, found.event, found.published) == (7, RevisionKind.BEGAN, event, NOW)
