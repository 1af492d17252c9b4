"""Reading the history of a register from JSON lines."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.errors import ListError
from probe.lists.changes import MAX_LINE, read_changes
from probe.lists.register_diff import ChangeKind, RegisterChange
from probe.lists.registers.register_entry import RegisterDecision

T0, T1 = datetime(2017, 5, 3, 17, tzinfo=UTC), datetime(2017, 5, 5, 9, tzinfo=UTC)
CHANGE = RegisterChange(
    kind=ChangeKind.ADDRESS_ADDED,
    subject="wechat.com",
    service="wechat",
    decision=RegisterDecision("2017-05-04", "10-Restricting", "Роскомнадзор"),
    addresses=("192.0.2.1",),
    after=T0,
    before=T1,
)


def line(**differs: object) -> bytes:
    """The change as `probe targets diff` prints it, with some fields replaced."""
    return msgspec.json.encode(msgspec.to_builtins(CHANGE) | differs) + b"\n"


def read(lines: Iterable[bytes]) -> list[RegisterChange]:
    """All changes of the lines."""
    return list(read_changes(lines, "d.jsonl"))


def test_what_diff_prints_is_read_without_loss() -> None:
    """Empty lines are skipped."""
    assert read([line(), b"\n", line()]) == [CHANGE, CHANGE]


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        (b"{}\n", "required field"),
        (b"\xff\xfe\n", "no change of a register"),
        (b'{"a":' * 1500 + b"\n", "recursion"),
        (line(kind="burnt"), "Invalid enum value"),
        (line(subject=""), "a subject of 0 characters"),
        (line(subject="x" * 300), "a subject of 300 characters"),
        (line(service="x" * 300), "a text of more than 255 characters"),
        (line(addresses=["x" * 300]), "an address that is none"),
        (line(before="2017-05-05T09:00:00"), "lacks its zone"),
        (line(before="2017-05-01T09:00:00Z"), "`before` is earlier than `after`"),
        (b'"' + b"x" * MAX_LINE, f"more than {MAX_LINE} bytes"),
    ],
)
def test_a_bad_line_is_named_with_its_file_and_number(bad: bytes, what: str) -> None:
    """The message stays short even when the bad line is long."""
    with pytest.raises(ListError) as caught:
        read([line(), bad])

    assert str(caught.value).startswith("d.jsonl:2: ")
    assert what in str(caught.value)
    assert len(str(caught.value)) < 500


@given(st.binary(max_size=200))
def test_any_bytes_give_changes_or_a_list_error(noise: bytes) -> None:
    """No other exception is raised."""
    with contextlib.suppress(ListError):
        assert all(isinstance(change, RegisterChange) for change in read([noise]))
