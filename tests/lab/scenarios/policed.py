"""A network with a limit on handshakes: after a burst to one network all new ones are dropped for a minute.

It has a lab of its own, because each measurement changes the result of the next and takes more than a minute.
"""

from __future__ import annotations

from tests.lab.checks import works
from tests.lab.records import Act, Expect, Interference, Scenario, Site, Vantage

FREEZE = 60
"""Seconds for which it drops handshakes."""
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
"""Sites in other networks, one handshake each."""
SCENARIOS = (TRIGGER, *OTHERS)
