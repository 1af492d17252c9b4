"""Rounds kept for further collectors: in order, each number used once."""

from __future__ import annotations

from pathlib import Path

from probe.agent.outbox import Outbox

ONE, TWO = "https://one.example", "https://two.example"


def test_rows_are_given_in_order_for_each_collector_and_numbers_are_not_used_again(tmp_path: Path) -> None:
    """A row that is written after the last one was deleted must not look like one that has been taken."""
    with Outbox(tmp_path / "state.sqlite") as outbox:
        outbox.copies.add([(ONE, b"a"), (TWO, b"b"), (ONE, b"c")])
        assert [body for _, body in outbox.copies.of(ONE)] == [b"a", b"c"]
        assert [body for _, body in outbox.copies.of(TWO)] == [b"b"]
        highest = max(number for origin in (ONE, TWO) for number, _ in outbox.copies.of(origin))
        for origin in (ONE, TWO):
            for number, _ in outbox.copies.of(origin):
                outbox.copies.delete(number)
        outbox.copies.add([(ONE, b"d")])
        ((number, body),) = outbox.copies.of(ONE)

    assert number > highest
    assert body == b"d"


def test_rows_of_collectors_that_left_are_deleted(tmp_path: Path) -> None:
    with Outbox(tmp_path / "state.sqlite") as outbox:
        outbox.copies.add([(ONE, b"a"), (TWO, b"b")])
        outbox.copies.keep_only([TWO])

        assert list(outbox.copies.of(ONE)) == []
        assert [body for _, body in outbox.copies.of(TWO)] == [b"b"]
