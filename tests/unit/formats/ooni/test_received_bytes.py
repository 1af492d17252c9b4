"""The flow of an answer from sampled counts of bytes."""

from __future__ import annotations

import msgspec

from probe.formats.ooni.received_bytes import flow_of, read_events


def events(*samples: tuple[float, int], transaction: int = 4) -> msgspec.Raw:
    """Counts of received bytes."""
    rows = [
        {"operation": "bytes_received_cumulative", "t": at, "num_bytes": count, "transaction_id": transaction}
        for at, count in samples
    ]
    return msgspec.Raw(msgspec.json.encode([*rows, {"operation": "read", "t": 0.1, "num_bytes": 9}]))


def test_a_flow_has_bytes_pauses_and_marks() -> None:
    """What came before the request does not count; the silence at the end does."""
    found = flow_of(read_events(events((0.9, 5_000), (1.5, 25_000), (3.5, 45_000))), 4, start=1.0, end=9.5)

    assert found is not None
    assert (found.bytes, found.took, found.stall, found.quiet) == (40_000, 2_000, 2_000, 6_000)
    assert found.marks == (0, 2_000)


def test_without_counts_there_is_no_flow() -> None:
    """Counts of another connection say nothing of this one."""
    read = read_events(events((1.5, 25_000)))

    assert flow_of(read, 7, start=1.0, end=2.0) is None
    assert flow_of(read, 4, start=None, end=2.0) is None
    assert flow_of(read, 4, start=2.0, end=3.0) is None


def test_odd_events_are_none() -> None:
    """Whatever stands in their place."""
    assert (
        read_events(msgspec.Raw(b"null")) == read_events(msgspec.Raw(b'"x"')) == read_events(msgspec.Raw(b"[7]")) == []
    )
