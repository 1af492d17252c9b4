from __future__ import annotations

import msgspec
import pytest

from probe.detect.detector_input import DetectorInput, VantageInput
from probe.model.verdict import Cause, Status, VantageState


def test_a_json_line_decodes_to_an_input() -> None:
    """Only the fields that the detector reads are decoded."""
    line = (
        b'{"time":"2017-05-04T10:00:00Z","target":"a","status":"blocked","causes":["dns.injected"],"rule":"r",'
        b'"evidence":{"observations":[{"kind":"x"}]},"vantage":{"state":"allowlist","asn":64500,"country":"ZZ"}}'
    )

    verdict_input = msgspec.json.decode(line, type=DetectorInput)

    assert verdict_input.status is Status.BLOCKED
    assert verdict_input.causes == (Cause.DNS_INJECTED,)
    assert verdict_input.vantage is not None
    assert (verdict_input.vantage.state, verdict_input.vantage.asn) == (VantageState.ALLOWLIST, 64500)


def test_the_anchors_of_a_verdict_are_read() -> None:
    """One anchor with its own content is enough; the login page of a portal does not count."""

    def answered(*anchors: str) -> bool:
        text = f'{{"state":"online","anchors":[{",".join(anchors)}]}}'
        return msgspec.json.decode(text, type=VantageInput).answered()

    at = '"url":"https://a.example/","kind":"foreign","at":"2017-05-04T10:00:00Z"'
    good, silent = f"{{{at}}}", f'{{{at},"failure":"timeout"}}'
    assert answered(good)
    assert answered(silent, good)
    assert not answered()
    assert not answered(silent, f'{{{at},"foreign_content":true}}')


@pytest.mark.parametrize(
    ("more", "again"),
    [
        ("", False),
        (',"evidence":{"observations":[],"attempt":2}', True),
        (',"evidence":{"observations":[]}', False),
        (',"evidence":{"attempt":"2"}', False),
        (',"evidence":[1]', False),
    ],
)
def test_a_re_test_is_recognised_by_its_evidence(more: str, again: bool) -> None:
    """The evidence is decoded only then; malformed evidence is not a re-test."""
    line = f'{{"time":"2017-05-04T10:00:00Z","target":"a","status":"blocked","causes":[]{more}}}'

    assert msgspec.json.decode(line, type=DetectorInput).is_retest() is again


@pytest.mark.parametrize(
    "line",
    [
        b'{"target":"a","status":"blocked","causes":[]}',
        b'{"time":"2017-05-04T10:00:00","target":"a","status":"blocked","causes":[]}',
        b'{"time":"2017-05-04T10:00:00Z","target":"a","status":"broken","causes":[]}',
        b'{"time":"2017-05-04T10:00:00Z","target":"a","status":"blocked"}',
    ],
)
def test_a_line_that_is_no_verdict_does_not_decode(line: bytes) -> None:
    """Time, time zone, a known status, causes are required."""
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(line, type=DetectorInput)


@pytest.mark.parametrize(
    ("nearer", "proven"), [("", False), ('{"proven":true,"what":"tls.reset"}', True), ("{}", False)]
)
def test_an_answer_nearer_than_the_server_is_read_where_it_is_proven(nearer: str, proven: bool) -> None:
    """Evidence of version 0.1.0 has none."""
    line = (
        b'{"time":"2017-05-04T10:00:00Z","target":"a","status":"blocked","causes":["tls.reset"],'
        b'"evidence":{"nearer":[%s]}}' % nearer.encode()
    )

    assert msgspec.json.decode(line, type=DetectorInput).evidence_facts().answered_nearer is proven
