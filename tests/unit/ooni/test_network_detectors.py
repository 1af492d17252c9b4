"""One series for each input in each network."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import msgspec

from probe.model.verdict import Verdict
from probe.ooni.network_detectors import NetworkDetectors, NetworkTransition, input_of
from tests.unit.formats.ooni.measurements import ADDRESS, doh, keys, measurement, query, read

GOOD = read(measurement()).verdict
BAD = read(
    measurement(
        test_keys=keys(queries=[query("127.0.0.1"), doh(ADDRESS)], tcp_connect=[], tls_handshakes=[], requests=[])
    )
).verdict


def at(verdict: Verdict, hours: int, asn: int = 137) -> Verdict:
    """A verdict so many hours later, in a network."""
    where = msgspec.structs.replace(verdict.vantage, asn=asn)
    return msgspec.structs.replace(verdict, time=verdict.time + timedelta(hours=hours), vantage=where)


def transitions(verdicts: Iterable[Verdict]) -> list[NetworkTransition]:
    """What the detectors report."""
    detectors = NetworkDetectors()
    found = [one for verdict in verdicts for one in detectors.feed(verdict)]
    return [*found, *detectors.finish()]


def test_a_block_and_its_end_are_reported_with_their_network() -> None:
    """With onset and causes, as `probe replay` reports them."""
    series = [at(BAD if 48 <= n < 96 else GOOD, n) for n in range(240)]
    found = transitions(series)

    assert [(one.country, one.asn, one.before, one.after) for one in found] == [
        ("IT", 137, "reachable", "blocked"),
        ("IT", 137, "blocked", "reachable"),
    ]
    assert abs(found[0].onset - at(BAD, 48).time) <= timedelta(hours=1)
    assert found[0].source == "ooni"


def test_networks_are_independent() -> None:
    """What one network blocks says nothing of another; one that is not known has no series."""
    both = [one for n in range(96) for one in (at(BAD if n > 47 else GOOD, n, 1), at(GOOD, n, 2), at(BAD, n, 0))]
    detectors = NetworkDetectors()
    found = [one.asn for verdict in both for one in detectors.feed(verdict)]

    assert found == [1]
    assert detectors.networks == 2


def test_the_detector_sees_the_clients_anchors() -> None:
    """The helper that answered shows that the line worked."""
    found = input_of(BAD)

    assert found.vantage is not None
    assert found.vantage.answered()
    assert found.vantage.state == "online"
