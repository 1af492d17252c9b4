"""The detector over OONI's measurements: one series for each input in each network.

OONI's clients come and go, and a network is seen by whoever happens to measure there. So a network takes the place of
a vantage: all measurements in it, whoever made them, are one series for each target. The state of one client's line is
not the network's: a client that is offline has verdicts `unknown`, which change nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from probe.detect.detector import Detector
from probe.detect.detector_input import AnchorOutcome, DetectorInput, EvidenceFacts, VantageInput
from probe.model.transition import Transition
from probe.model.verdict import Verdict


class NetworkTransition(Transition, frozen=True, kw_only=True):
    """A transition of a target in one network, as seen by OONI's clients there.

    Attributes:
        country, asn: the network.
        source: always `ooni`.
    """

    country: str
    asn: int
    source: str = "ooni"


class NetworkDetectors:
    """Feeds verdicts to the detectors of their networks. They must come in the order of time."""

    def __init__(self) -> None:
        self._detectors: dict[tuple[str, int], Detector] = {}

    @property
    def networks(self) -> int:
        """How many networks were seen."""
        return len(self._detectors)

    def feed(self, verdict: Verdict) -> Iterator[NetworkTransition]:
        """Process one verdict; yield the transitions that it completes."""
        network = verdict.vantage.country, verdict.vantage.asn
        if not network[1]:
            return
        detector = self._detectors.setdefault(network, Detector())
        for found in detector.feed(input_of(verdict)):
            yield _in_network(found, network)

    def finish(self) -> Iterator[NetworkTransition]:
        """Yield the transitions that the last verdicts complete."""
        for network, detector in sorted(self._detectors.items()):
            for found in detector.finish():
                yield _in_network(found, network)


def input_of(verdict: Verdict) -> DetectorInput:
    """What the detector reads of a verdict; the client's anchors, and not the state of its line."""
    anchors = tuple(
        AnchorOutcome(failure=look.failure, foreign_content=look.foreign_content, url=look.url, six=look.ipv6_result)
        for look in verdict.vantage.anchors
    )
    return DetectorInput(
        time=verdict.time,
        target=verdict.target,
        status=verdict.status,
        causes=verdict.causes,
        vantage=VantageInput(anchors=anchors),
        facts=EvidenceFacts.of(verdict.evidence),
    )


def _in_network(found: Transition, network: tuple[str, int]) -> NetworkTransition:
    return NetworkTransition(country=network[0], asn=network[1], **msgspec.structs.asdict(found))
