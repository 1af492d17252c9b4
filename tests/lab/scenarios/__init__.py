"""Every scenario of the lab, by family: the interference and the right verdict (contract: the verdict)."""

from __future__ import annotations

from tests.lab.records import Scenario
from tests.lab.scenarios import address, benign, dns, hostile, http, quic, ranges, throttle, tls, traps, vantage

ALL: tuple[Scenario, ...] = (
    *dns.SCENARIOS,
    *address.SCENARIOS,
    *tls.SCENARIOS,
    *http.SCENARIOS,
    *throttle.SCENARIOS,
    *quic.SCENARIOS,
    *ranges.SCENARIOS,
    *benign.SCENARIOS,
    *hostile.SCENARIOS,
    *traps.SCENARIOS,
    *vantage.SCENARIOS,
)
PROFILES = vantage.PROFILES
