"""Batches are decoded without the verdicts that are not kept."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256

import msgspec
import pytest

from probe.collector.intake.batch_decoding import decode_batch
from probe.errors import RecordError
from probe.formats.batch import Batch, ReportedChange, RoundReport, encode
from probe.model.event import Network
from probe.model.verdict import Status
from tests.loopback.collector.vantages import blocked_verdict, change

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
T = "https://a.example/"
VERDICT = blocked_verdict(T, "a.example", NOW)
CHANGE = change(T, Status.BLOCKED, NOW, verdict=VERDICT)


def batch(*changes: ReportedChange) -> Batch:
    """A batch with these changes and one round."""
    report = RoundReport(start=NOW, seconds=1.0, targets=1, measured=1)
    network = Network(asn=64500, country="RU")
    return Batch(
        agent="a", epoch="e", seq=1, sent=NOW, interval=300.0, network=network, rounds=(report,), changes=changes
    )


def test_a_batch_whose_verdicts_are_kept_is_decoded_whole() -> None:
    """As the agent encoded it, with and without changes and verdicts."""
    for whole in (batch(), batch(change(T, Status.BLOCKED, NOW)), batch(CHANGE, CHANGE)):
        assert decode_batch(encode(whole), lambda *_: True) == (whole, (None,) * len(whole.changes))


def test_a_verdict_that_is_not_kept_leaves_its_digest_and_its_change() -> None:
    """The transition is never left out."""
    found, digests = decode_batch(encode(batch(CHANGE)), lambda *_: False)

    assert found == batch(msgspec.structs.replace(CHANGE, verdict=None))
    assert digests == (sha256(msgspec.json.encode(VERDICT)).digest(),)


def test_a_verdict_of_another_target_or_status_is_decoded_in_any_case() -> None:
    """Whoever looks for lies sees it."""
    other = change("https://b.example/", Status.BLOCKED, NOW, verdict=VERDICT)
    reachable = change(T, Status.REACHABLE, NOW, verdict=VERDICT)

    found, digests = decode_batch(encode(batch(other, reachable)), lambda *_: False)

    assert [each.verdict for each in found.changes] == [VERDICT, VERDICT]
    assert digests == (None, None)


@pytest.mark.parametrize("part", ['"changes":1', '"changes":[{"transition":1}]', '"changes":[{}]', '"changes":[{"tr'])
def test_a_body_that_is_no_batch_is_refused(part: str) -> None:
    """With one line that names what is wrong."""
    with pytest.raises(RecordError, match="not a batch"):
        decode_batch(encode(batch())[:-1] + b"," + part.encode() + b"}", lambda *_: True)


def test_a_verdict_that_is_left_out_must_be_an_object_with_a_target() -> None:
    """Otherwise it could not be compared with its change."""
    body = encode(batch(change(T, Status.BLOCKED, NOW, bare=True)))
    broken = body.replace(b'"changes":[{', b'"changes":[{"verdict":5,')

    with pytest.raises(RecordError, match="not a batch"):
        decode_batch(broken, lambda *_: False)
