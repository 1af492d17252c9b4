from __future__ import annotations

import msgspec
import pytest

from probe.detect.detector_input import DetectorInput, VantageInput
from probe.model.verdict import Cause, Status, VantageState


def test_a_line_of_verdicts_decodes_to_a_sighting() -> None:
    """Only what the detector reads; evidence is skipped."""
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
    """One that answered as itself is enough; a portal's login page is nobody's answer."""

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
def test_a_re_test_is_known_by_its_evidence(more: str, again: bool) -> None:
    """Which is looked into only when that is asked; evidence that makes no sense is no re-test's."""
    line = f'{{"time":"2017-05-04T10:00:00Z","target":"a","status":"blocked","causes":[]{more}}}'

    assert msgspec.json.decode(line, type=DetectorInput).again() is again


@pytest.mark.parametrize(
    "line",
    [
        b'{"target":"a","status":"blocked","causes":[]}',
        b'{"time":"2017-05-04T10:00:00","target":"a","status":"blocked","causes":[]}',
        b'{"time":"2017-05-04T10:00:00Z","target":"a","status":"broken","causes":[]}',
        b'{"time":"2017-05-04T10:00:00Z","target":"a","status":"blocked","causes":["dns.strange"]}',
        b'{"time":"2017-05-04T10:00:00Z","target":"a","status":"blocked"}',
    ],
)
def test_what_is_no_verdict_does_not_decode(line: bytes) -> None:
    """No time, no zone, no known status, no known cause, no causes."""
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(line, type=DetectorInput)
