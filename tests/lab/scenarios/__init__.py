"""Every scenario of the lab, by family: the interference and the right verdict (contract: the verdict)."""

from __future__ import annotations

from tests.lab.records import Scenario
from tests.lab.scenarios import (
    address,
    asia,
    benign,
    china,
    disputed,
    dns,
    europe,
    geneva,
    hostile,
    http,
    iran,
    near,
    networks,
    odd_servers,
    quic,
    ranges,
    russia,
    throttle,
    tls,
    traps,
    vantage,
)

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
    *iran.SCENARIOS,
    *china.SCENARIOS,
    *russia.SCENARIOS,
    *geneva.SCENARIOS,
    *asia.SCENARIOS,
    *europe.SCENARIOS,
    *networks.SCENARIOS,
    *odd_servers.SCENARIOS,
    *disputed.SCENARIOS,
    *near.SCENARIOS,
)
PROFILES = (*vantage.PROFILES, *networks.PROFILES, *near.PROFILES)
