from __future__ import annotations

import msgspec
import pytest

from probe.detect.sighting import Sighting
from probe.model.verdict import Cause, Status, VantageState


def test_a_line_of_verdicts_decodes_to_a_sighting() -> None:
    """Only what the detector reads; evidence is skipped."""
    line = (
        b'{"time":"2017-05-04T10:00:00Z","target":"a","status":"blocked","causes":["dns.injected"],"rule":"r",'
        b'"evidence":{"observations":[{"kind":"x"}]},"vantage":{"state":"allowlist","asn":64500,"country":"ZZ"}}'
    )

    sighting = msgspec.json.decode(line, type=Sighting)

    assert sighting.status is Status.BLOCKED
    assert sighting.causes == (Cause.DNS_INJECTED,)
    assert sighting.vantage is not None
    assert (sighting.vantage.state, sighting.vantage.asn) == (VantageState.ALLOWLIST, 64500)


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
        msgspec.json.decode(line, type=Sighting)
