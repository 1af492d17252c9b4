"""A network that punishes pace: after a burst of handshakes to one of its networks all new ones vanish for a minute.

Not among the scenarios that share a lab: each look at it changes what the next one sees, and takes more than a minute.
"""

from __future__ import annotations

from tests.lab.checks import works
from tests.lab.records import Act, Expect, Interference, Scenario, Site, Vantage

FREEZE = 60
"""Seconds for which it freezes."""
_POLICE = (Interference(act=Act.POLICE, source="{vantage}", after=FREEZE),)
PROFILES = tuple(
    Vantage(name=name, interference=_POLICE, timeout=2) for name in ("witness", "hasty", "blind", "steady")
)
"""One to look without the probe, one that hurries, one that hurries and has no anchors, one at the default pace."""


def _case(name: str, site: Site) -> Scenario:
    return Scenario(
        name=name,
        family="policed",
        target="https://{host}/",
        vantage="witness",
        expect=Expect(status="reachable|unknown", state="policed"),
        checks=(works(),),
        sites=(site,),
    )


TRIGGER = _case("policed-trigger", Site(four=4))
"""Four addresses in one network, each with a handshake of its own."""
OTHERS = tuple(
    _case(f"policed-bystander-{word}", Site()) for word in ("alpha", "bravo", "carol", "delta", "extra", "forge")
)
"""Elsewhere, and nobody's business."""
SCENARIOS = (TRIGGER, *OTHERS)
