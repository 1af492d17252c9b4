"""The lines between the probe and its SYN scanner."""

from __future__ import annotations

import msgspec
import pytest

from probe.model.syn import DEFAULT_RATE, SynAnswer, SynReply, SynRequest


@pytest.mark.parametrize(
    "record",
    [
        SynRequest(7, ("192.0.2.1", "192.0.2.2"), 443, 5.0),
        SynReply(7, (SynAnswer(1, 110, 12.5, 5.0, 2), SynAnswer(0, 101, 12.5, 0.0, 0, local=True))),
        SynReply(0, trouble="no CAP_NET_RAW"),
    ],
)
def test_a_record_is_read_as_it_was_written(record: SynRequest | SynReply) -> None:
    line = msgspec.json.encode(record)

    assert msgspec.json.decode(line, type=type(record)) == record
    assert b"\n" not in line


def test_a_request_without_a_rate_has_a_polite_one() -> None:
    assert SynRequest(1, ("192.0.2.1",), 80, 5.0).rate == DEFAULT_RATE <= 1_000
