"""A batch is bytes that are signed as they are."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from probe.errors import RecordError
from probe.formats import batch
from probe.model.event import Network
from probe.model.transition import Transition
from probe.model.verdict import Status

WHEN = datetime(2017, 5, 4, 12, tzinfo=UTC)
BATCH = batch.Batch(
    agent="a1",
    epoch="e1",
    seq=7,
    sent=WHEN,
    interval=300.0,
    network=Network(asn=64500, country="RU"),
    rounds=(batch.RoundReport(start=WHEN, seconds=12.5, targets=20, measured=20),),
    settled=(batch.ReportedStatus(target="dns://example.com", status=Status.REACHABLE, since=WHEN),),
    changes=(
        batch.ReportedChange(
            transition=Transition(target="example.com", before="reachable", after="blocked", time=WHEN, onset=WHEN)
        ),
    ),
)


def test_a_batch_is_read_back_as_it_was_written() -> None:
    """Through JSON nothing changes."""
    assert batch.decode(batch.encode(BATCH)) == BATCH


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{}", b"[]", b"\xff", b'{"agent":"\xff"}', b'{"x":' * 1500),
        batch.encode(BATCH).replace(b'"seq":7', b'"seq":"x"'),
    ],
)
def test_bytes_that_are_no_batch_are_refused_in_one_line(body: bytes) -> None:
    """Whatever arrives, the error is a short `RecordError`."""
    with pytest.raises(RecordError) as caught:
        batch.decode(body)

    assert "\n" not in str(caught.value)


def test_the_signature_covers_the_collector_and_every_byte() -> None:
    """A batch for one collector is not valid at another, and no byte can change."""
    body = batch.encode(BATCH)

    signed = batch.signed_bytes("https://a.example", body)

    assert signed.startswith(b"probe-batch-v1\0https://a.example\0")
    assert signed != batch.signed_bytes("https://b.example", body)
    assert signed != batch.signed_bytes("https://a.example", body + b" ")
