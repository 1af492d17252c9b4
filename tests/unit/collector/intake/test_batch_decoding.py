"""Batches are decoded without the verdicts that are not kept."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256

import msgspec
import pytest

from probe.collector.intake.batch_decoding import decode_batch
from probe.collector.intake.evidence import Packed, inflated_evidence
from probe.errors import RecordError
from probe.formats.batch import Batch, ReportedChange, ReportedStatus, RoundReport, encode
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
        found = decode_batch(encode(whole), lambda *_: True)
        assert (found.batch, found.changed) == (whole, (None,) * len(whole.changes))


def test_a_verdict_that_is_not_kept_leaves_its_digest_and_its_change() -> None:
    """The transition is never left out."""
    found = decode_batch(encode(batch(CHANGE)), lambda *_: False)

    assert found.batch == batch(msgspec.structs.replace(CHANGE, verdict=None))
    assert found.changed == (Packed(sha256(msgspec.json.encode(VERDICT)).digest(), None),)


def test_a_verdict_of_another_target_or_status_is_decoded_in_any_case() -> None:
    """Whoever looks for lies sees it."""
    other = change("https://b.example/", Status.BLOCKED, NOW, verdict=VERDICT)
    reachable = change(T, Status.REACHABLE, NOW, verdict=VERDICT)

    found = decode_batch(encode(batch(other, reachable)), lambda *_: False)

    assert [each.verdict for each in found.batch.changes] == [VERDICT, VERDICT]
    assert found.changed == (None, None)


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


@pytest.mark.parametrize("word", [b'"status":"blocked"', b'"kind":"http"', b'"state":"online"'])
def test_a_verdict_with_a_word_of_a_newer_version_is_kept_as_it_was_sent(word: bytes) -> None:
    """Byte for byte, and the change is there without it."""
    sent = msgspec.json.encode(VERDICT)
    newer = sent.replace(word, word[: word.index(b":")] + b':"slowed"')
    assert newer != sent
    found = decode_batch(encode(batch(CHANGE)).replace(sent, newer), lambda *_: True)

    (kept,) = found.changed
    assert kept is not None
    assert kept.compressed is not None
    assert inflated_evidence(kept.compressed) == newer
    assert found.batch.changes == (msgspec.structs.replace(CHANGE, verdict=None),)


def test_a_settled_status_of_a_newer_version_keeps_its_word() -> None:
    """So does its verdict; a known one is a `Status`."""
    one = ReportedStatus(target=T, status=Status.BLOCKED, since=NOW, before_watch=True, verdict=VERDICT)
    body = encode(batch()).replace(b'"network":', b'"settled":' + msgspec.json.encode([one]) + b',"network":')

    assert decode_batch(body, lambda *_: True).batch.settled == (one,)
    found = decode_batch(body.replace(b'"status":"blocked"', b'"status":"slowed"'), lambda *_: True)
    assert [each.status for each in found.batch.settled] == ["slowed"]
    assert found.settled[0] is not None


def test_a_control_s_verdict_of_a_newer_version_is_counted_and_left_out() -> None:
    """The others are used."""
    both = (
        b"[" + msgspec.json.encode(VERDICT).replace(b"online", b"roaming") + b"," + msgspec.json.encode(VERDICT) + b"]"
    )
    body = encode(batch()).replace(b'"network":', b'"control":' + both + b',"network":')
    found = decode_batch(body, lambda *_: True)

    assert (found.batch.control, found.unread_control) == ((VERDICT,), 1)
