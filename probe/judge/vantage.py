"""Whether anything can be concluded at this vantage, from looks at places that must work if it does."""

from __future__ import annotations

from collections.abc import Sequence

from probe.model.failure import OWN_FAULTS
from probe.model.verdict import AnchorKind, AnchorLook, VantageState


def conclude(looks: Sequence[AnchorLook]) -> VantageState:
    """The state of the vantage.

    =====================================================  ===========
    the latest look at each anchor                         state
    =====================================================  ===========
    there are none                                         `online`: without anchors nothing else is concluded
    one foreign anchor, or any where no foreign is given,  `online`
    works
    only domestic ones work, some foreign do not           `allowlist`
    none works, and more answer with foreign content       `portal`
    than are silent
    none works otherwise                                   `offline`
    =====================================================  ===========

    `policed` is not concluded from anchors: it shows in the round, as a burst of failures over unrelated targets
    (`probe.judge.policing`).
    """
    latest: dict[tuple[str, AnchorKind], AnchorLook] = {}
    for look in sorted(looks, key=lambda look: look.at):
        latest[look.url, look.kind] = look
    if not latest:
        return VantageState.ONLINE
    working = {look.kind for look in latest.values() if look.failure is None and not look.foreign_content}
    asked = {look.kind for look in latest.values()}
    if AnchorKind.FOREIGN in working or (working and AnchorKind.FOREIGN not in asked):
        return VantageState.ONLINE
    if working:
        return VantageState.ALLOWLIST
    strange = sum(look.foreign_content for look in latest.values())
    silent = sum(not look.foreign_content and look.failure not in OWN_FAULTS for look in latest.values())
    return VantageState.PORTAL if strange > silent else VantageState.OFFLINE
