"""Join measurements, so that each is judged with what others about the same time and in the same network show.

One OONI measurement tries everything once, which is not enough to tell a filter from a lost packet. So, where a target
fails:

- earlier failures of the same target in the same network within an hour count as further attempts; a success in
  between ends the series, because then nobody blocks it there;
- other inputs of the same report are anchors, and other names that the same resolver found;
- a redirect's host that another measurement's helper was served is known from there;
- a name that exists nowhere, and for which the network's resolvers honestly say so, is a ghost: where they answer
  another such name with an address, that answer is forged.

What is read must come in the order of time, roughly; memory is bounded.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from datetime import timedelta
from typing import Final, TypeVar

import msgspec

from probe.errors import TargetError
from probe.formats.ooni.failure_words import DNS_UNKNOWN
from probe.judge import verdict as judge_evidence
from probe.judge.vantage import conclude, notes
from probe.model.failure import Failure
from probe.model.hop import Purpose, subjects_of
from probe.model.observation import Exchange, Observation, Resolution
from probe.model.resolver import Trust
from probe.model.target import Target, UrlTarget, parse
from probe.model.verdict import (
    AnchorLook,
    ControlFacts,
    ControlPage,
    Evidence,
    Status,
    Vantage,
    Verdict,
)
from probe.ooni.address_book import AddressBook
from probe.ooni.reading import JudgedMeasurement
from probe.ooni.report_window import ReportWindow

JOIN_WINDOW: Final = timedelta(hours=1)
"""Time within which measurements of one target in one network are attempts of one another."""
MAX_JOINED: Final = 7
"""Earlier measurements that are joined with one; five time-outs count (`probe.judge.repetition`)."""
MAX_JOINED_OBSERVATIONS: Final = 1024
MAX_SERIES: Final = 50_000
"""Series, reports and networks that are remembered, each."""
MAX_GHOSTS: Final = 3
_RESOLVER_FAILURES: Final = frozenset({Failure.SERVFAIL, Failure.REFUSED, Failure.TIMEOUT})

_SeriesKey = tuple[str, int, str]
_NetworkKey = tuple[str, int]
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Joiner:
    """Judges measurements with those that came before them."""

    def __init__(self) -> None:
        self._book = AddressBook()
        self._reports: OrderedDict[str, ReportWindow] = OrderedDict()
        self._failures: OrderedDict[_SeriesKey, deque[Verdict]] = OrderedDict()
        self._ghosts: OrderedDict[_NetworkKey, deque[tuple[Verdict, Resolution]]] = OrderedDict()

    def take(self, one: JudgedMeasurement) -> Verdict:
        """The verdict of a measurement, judged again where others add something to it."""
        alone = one.verdict
        target = _target_of(alone.target)
        network = alone.vantage.country, alone.vantage.asn
        key = (*network, alone.target)
        window = _kept(self._reports, one.report or f"{network}", ReportWindow())
        if target is not None:
            self._book.add(_host_of(target), alone.evidence.control)
        self._add_ghost(network, alone)
        joined = alone
        if alone.status is Status.REACHABLE:
            self._failures.pop(key, None)
        elif target is not None:
            earlier = self._earlier(key, alone)
            joined = self._judged_together(alone, target, earlier, window)
            _kept(self._failures, key, deque(maxlen=MAX_JOINED)).append(alone)
        window.add(one)
        return joined

    def _earlier(self, key: _SeriesKey, alone: Verdict) -> list[Verdict]:
        """The failures of the same target in the last hour, the oldest first."""
        known = self._failures.get(key, ())
        near = [one for one in known if abs(alone.time - one.time) <= JOIN_WINDOW]
        return sorted(near, key=lambda one: one.time)

    def _judged_together(self, alone: Verdict, target: Target, earlier: list[Verdict], window: ReportWindow) -> Verdict:
        observations = _joined_observations(alone, earlier)
        control = alone.evidence.control or next(
            (one.evidence.control for one in reversed(earlier) if one.evidence.control is not None), None
        )
        observations = (*observations, *self._beside(alone, target, observations, window))
        source = alone.evidence.source
        if source is not None and earlier:
            uids = tuple(one.evidence.source.ooni for one in earlier if one.evidence.source is not None)
            source = msgspec.structs.replace(source, joined=uids)
        evidence = msgspec.structs.replace(
            alone.evidence,
            observations=observations,
            control=self._with_hops(control, target, observations, alone),
            source=source,
        )
        vantage = _with_anchors(alone.vantage, window.anchors(alone.time, alone.target))
        return judge_evidence(
            time=alone.time, text=alone.target, target=target, evidence=_without_findings(evidence), vantage=vantage
        )

    def _beside(
        self, alone: Verdict, target: Target, observations: tuple[Observation, ...], window: ReportWindow
    ) -> tuple[Resolution, ...]:
        """What the network's resolvers said of other names, where the name of the target is in question."""
        own = [
            one
            for one in observations
            if isinstance(one, Resolution) and one.trust is Trust.SYSTEM and one.purpose is Purpose.SUBJECT
        ]
        if any(one.failure in _RESOLVER_FAILURES for one in own):
            return window.other_names(alone.time, _host_of(target))
        control = alone.evidence.control
        if control is None or "dns.nxdomain" not in control.failures or not any(one.addresses for one in own):
            return ()
        known = self._ghosts.get((alone.vantage.country, alone.vantage.asn), ())
        return tuple(
            msgspec.structs.replace(ghost, purpose=Purpose.GHOST, at=0)
            for seen, ghost in known
            if abs(seen.time - alone.time) <= JOIN_WINDOW and ghost.name != _host_of(target)
        )

    def _add_ghost(self, network: _NetworkKey, alone: Verdict) -> None:
        """Remember a name that exists nowhere and that the network's resolver does not find either."""
        control = alone.evidence.control
        if control is None or "dns.nxdomain" not in control.failures:
            return
        own = [
            one
            for one in alone.evidence.observations
            if isinstance(one, Resolution) and one.trust is Trust.SYSTEM and one.hop == 0
        ]
        if own and all(one.failure is Failure.NXDOMAIN for one in own):
            _kept(self._ghosts, network, deque(maxlen=MAX_GHOSTS)).append((alone, own[0]))

    def _with_hops(
        self, control: ControlFacts | None, target: Target, observations: tuple[Observation, ...], alone: Verdict
    ) -> ControlFacts | None:
        """The control with what helpers of other measurements know of the hosts of later hops."""
        if control is None or control.statuses != (Status.REACHABLE,):
            return control
        pages: dict[str, ControlPage] = {page.url: page for page in control.pages}
        addresses = dict(control.addresses)
        time = control.time
        for one in observations:
            if not isinstance(one, Exchange) or not one.redirects:
                continue
            following = _url_target(one.location)
            entry = self._book.served(following.host, alone.time) if following is not None else None
            if following is None or entry is None or following.host == _host_of(target):
                continue
            pages.setdefault(one.url, ControlPage(url=one.url, status=one.status, location=one.location))
            pages.setdefault(f"{following.scheme}://{following.host}/", ControlPage(url=str(following)))
            addresses.setdefault(following.host, entry.addresses)
            time = min(time, entry.time)
        if not addresses or len(addresses) == len(control.addresses):
            return control
        return msgspec.structs.replace(control, pages=tuple(pages.values()), addresses=addresses, time=time)


def _joined_observations(alone: Verdict, earlier: list[Verdict]) -> tuple[Observation, ...]:
    """The observations of all, each measurement an attempt of its own, in the order of time."""
    found: list[Observation] = []
    everything = sorted([*earlier, alone], key=lambda one: one.time)
    repeated = len(everything) > 1
    for attempt, one in enumerate(everything):
        shift = int((one.time - alone.time).total_seconds() * 1000)
        if len(found) + len(one.evidence.observations) > MAX_JOINED_OBSERVATIONS and one is not alone:
            continue
        found.extend(_moved(seen, attempt, shift, repeated=repeated) for seen in one.evidence.observations)
    return tuple(found)


def _moved(seen: Observation, attempt: int, shift: int, *, repeated: bool) -> Observation:
    """An observation as one of a later attempt.

    A word of Android's for any failure of a look-up, seen again and again, is no lost packet.
    """
    changes: dict[str, object] = {"attempt": attempt, "at": seen.at + shift}
    if repeated and isinstance(seen, Resolution) and seen.detail in DNS_UNKNOWN:
        changes["failure"] = Failure.NODATA
    return msgspec.structs.replace(seen, **changes)


def _with_anchors(vantage: Vantage, looks: tuple[AnchorLook, ...]) -> Vantage:
    """The vantage as it is with further looks at anchors."""
    if not looks:
        return vantage
    anchors = (*vantage.anchors, *looks)
    return msgspec.structs.replace(
        vantage, anchors=anchors, state=conclude(anchors), notes=tuple(sorted({*vantage.notes, *notes(anchors)}))
    )


def _without_findings(evidence: Evidence) -> Evidence:
    """The evidence without what an earlier judgment found; the new one fills it in."""
    return msgspec.structs.replace(evidence, rules=0, hop="", notes=(), nearer=(), families={}, failing={})


def _target_of(text: str) -> Target | None:
    try:
        return parse(text)
    except TargetError:
        return None


def _url_target(text: str) -> UrlTarget | None:
    found = _target_of(text)
    return found if isinstance(found, UrlTarget) else None


def _host_of(target: Target) -> str:
    """The name or address of a target; empty where it has none."""
    return subjects_of(target)[0].host


def _kept(table: OrderedDict[_Key, _Value], key: _Key, new: _Value) -> _Value:
    """The value of a key, a new one where there is none; the least recently used one is dropped beyond a bound."""
    value = table.pop(key, new)
    table[key] = value
    if len(table) > MAX_SERIES:
        table.popitem(last=False)
    return value
