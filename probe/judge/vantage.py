"""The state of the vantage, from looks at anchors: places that must work if the vantage works."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec.structs import replace

from probe.lazy import lazy
from probe.model.address import parse_address
from probe.model.failure import OWN_FAULTS, Failure
from probe.model.verdict import IPV6_WORKS, AnchorKind, AnchorLook, Vantage, VantageNote, VantageState

if TYPE_CHECKING:
    from probe.judge import anchor_content
else:
    anchor_content = lazy("probe.judge.anchor_content")

_DEAD_RESOLVER_FAILURES = frozenset({Failure.TIMEOUT, Failure.SERVFAIL, Failure.REFUSED, Failure.UNREACHABLE})
"""How the system's resolver fails when it is dead; one that answers NXDOMAIN or NODATA is not."""

_CONCLUDED_STATES = frozenset({VantageState.ONLINE, VantageState.OFFLINE, VantageState.PORTAL, VantageState.ALLOWLIST})
_CONCLUDED_NOTES = frozenset(
    {
        VantageNote.CLOCK_WRONG,
        VantageNote.IPV6_BROKEN,
        VantageNote.RESOLVER_DEAD,
        VantageNote.FAKE_ADDRESSES,
        VantageNote.ANCHORS_DISAGREE,
    }
)


_WORKING_FOR_ONE_MISSING = 6
"""Anchors that must work for each one that may be missing without doubt. On a line that loses a fifth of all places, no
more than one of seven is missing as seldom as none of three."""


def conclude(looks: Sequence[AnchorLook]) -> VantageState:
    """The state of the vantage.

    =====================================================  ===========
    the latest look at each anchor                         state
    =====================================================  ===========
    there are none                                         `online`: without anchors nothing else is concluded
    a foreign anchor works, or any where no foreign one    `online`
    is given; over https, where one is given over https
    only some in clear text work, and a portal answers     `portal`
    for more of the others than are silent
    only a minority works, in clear text, and a domestic   `allowlist`
    one
    only some in clear text work otherwise                 `online`, with the note `anchors_disagree`
    only domestic anchors work                             `allowlist`
    none works, and more answer with foreign content       `portal`
    than are silent
    none works otherwise                                   `offline`
    =====================================================  ===========

    Anybody can give a known answer in clear text: a portal lets it through, a router gives it while it is offline. So
    such an answer alone never makes a line good, nor does it make one offline where somebody blocks the anchors over
    https. An anchor whose certificate is out of date works: nobody else has that certificate. `policed` is not
    concluded from anchors: it shows in a pass over many targets (`probe.judge.policing`).
    """
    latest = _latest(looks)
    if not latest:
        return VantageState.ONLINE
    deciding = _deciding(latest)
    working = [look for look in deciding if _works(look)]
    domestic = any(_works(look) for look in latest if look.kind is AnchorKind.DOMESTIC)
    if not working:
        return VantageState.ALLOWLIST if domestic else _state_without_any(latest)
    if _is_proven(deciding):
        return VantageState.ONLINE
    portals = sum(map(anchor_content.is_of_portal, deciding))
    if portals > sum(map(_is_silent, deciding)):
        return VantageState.PORTAL
    return VantageState.ALLOWLIST if domestic and 2 * len(working) < len(deciding) else VantageState.ONLINE


def _deciding(latest: Sequence[AnchorLook]) -> list[AnchorLook]:
    """The looks at foreign anchors; at all where no foreign one is given."""
    return [look for look in latest if look.kind is AnchorKind.FOREIGN] or list(latest)


def _is_proven(deciding: Sequence[AnchorLook]) -> bool:
    """Whether a certificate proves that an anchor works, where one was asked over https and this host could ask."""
    secure = [look for look in deciding if _is_secure(look) and look.failure not in OWN_FAULTS]
    return not secure or any(map(_works, secure))


def _state_without_any(latest: Sequence[AnchorLook]) -> VantageState:
    foreign = sum(look.foreign_content for look in latest)
    silent = sum(not look.foreign_content and look.failure not in OWN_FAULTS for look in latest)
    return VantageState.PORTAL if foreign > silent else VantageState.OFFLINE


def notes(looks: Sequence[AnchorLook]) -> tuple[VantageNote, ...]:
    """What is wrong with the vantage besides its state, sorted.

    ==================  ============================================================================================
    note                in the latest look at each anchor
    ==================  ============================================================================================
    `clock_wrong`       the certificates of all anchors that answer over https are out of date
    `ipv6_broken`       IPv6 addresses were tried, and none accepted a connection
    `resolver_dead`     the system's resolver failed at the names of all anchors that answer; a trusted one found them
    `fake_addresses`    the system's resolver gave an address for benchmarks (198.18.0.0/15)
    `anchors_disagree`  the state is `online`, but anchors are silent or somebody else answers (one may, where six work
                        and it is no portal that answers); or none over https works; or the line that this program
                        filled lost them a moment before
    ==================  ============================================================================================

    One anchor with an expired certificate, a dead IPv6 or a falsely answered name makes no note.
    """
    latest = _latest(looks)
    answering = [look for look in latest if _works(look)]
    named = [look for look in answering if parse_address(urlsplit(look.url).hostname or "") is None]
    ipv6 = [look.ipv6_result for look in latest if look.ipv6_result]
    found = {
        VantageNote.CLOCK_WRONG: any(look.outdated for look in latest)
        and all(look.outdated for look in answering if _is_secure(look)),
        VantageNote.IPV6_BROKEN: bool(ipv6) and IPV6_WORKS not in ipv6,
        VantageNote.RESOLVER_DEAD: bool(named) and all(look.resolver in _DEAD_RESOLVER_FAILURES for look in named),
        VantageNote.FAKE_ADDRESSES: any(look.fake_address for look in latest),
        VantageNote.ANCHORS_DISAGREE: _is_doubtful(latest) and conclude(looks) is VantageState.ONLINE,
    }
    return tuple(sorted(note for note, applies in found.items() if applies))


def concluded_again(vantage: Vantage) -> Vantage:
    """The vantage with state and notes concluded anew from its looks; one without looks, or policed, does not change.

    Notes that do not come from looks (`tunnel`, `proxy`) stay.
    """
    if not vantage.anchors or vantage.state not in _CONCLUDED_STATES:
        return vantage
    kept = set(vantage.notes) - _CONCLUDED_NOTES
    return replace(
        vantage,
        state=conclude(vantage.anchors),
        notes=tuple(sorted({*kept, *notes(vantage.anchors)})),
        anchors=tuple(anchor_content.judged_again(look) for look in vantage.anchors),
    )


def _latest(looks: Sequence[AnchorLook]) -> tuple[AnchorLook, ...]:
    """The newest look at each anchor, judged by this version."""
    latest: dict[tuple[str, AnchorKind], AnchorLook] = {}
    for look in sorted(looks, key=lambda look: look.at):
        latest[look.url, look.kind] = look
    return tuple(anchor_content.judged_again(look) for look in latest.values())


def _is_doubtful(latest: Sequence[AnchorLook]) -> bool:
    """Whether the anchors leave open that the line, and not the network's policy, fails many places."""
    missing = [look for look in latest if _is_missing(look)]
    if any(look.lost_under_load for look in latest) or any(anchor_content.is_of_portal(look) for look in missing):
        return True
    if latest and not _is_proven(_deciding(latest)):
        return True
    return len(missing) * _WORKING_FOR_ONE_MISSING > len(latest) - len(missing)


def _is_missing(look: AnchorLook) -> bool:
    """Whether an anchor fails in a way that may be the whole line's.

    A known block page, or a cut that spares another name at the same address, is about this anchor alone.
    """
    if _works(look) or look.failure in OWN_FAULTS or look.cut_by_name:
        return False
    return look.answer is None or not anchor_content.is_notice(look.answer)


def _works(look: AnchorLook) -> bool:
    return look.outdated or (look.failure is None and not look.foreign_content)


def _is_silent(look: AnchorLook) -> bool:
    return not _works(look) and not look.foreign_content and look.failure not in OWN_FAULTS


def _is_secure(look: AnchorLook) -> bool:
    return look.url.startswith("https:")
