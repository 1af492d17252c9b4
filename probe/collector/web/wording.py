"""Sentences and words for statuses, causes and events on pages and in feeds. Pure, except for catalogue titles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from probe.collector.web.display_names import service_title
from probe.fuse.revision import ERASED, REVOKED, RevisionKind
from probe.model.event import Confidence, Event, Network, Scope
from probe.model.verdict import Cause, Status, VantageState

STATUS = {
    Status.REACHABLE: ("Reachable", "it works as it does for anyone"),
    Status.BLOCKED: ("Blocked", "it fails, and the evidence shows that the network interferes"),
    Status.THROTTLED: ("Throttled", "it answers, but the network slows or freezes it"),
    Status.DOWN: ("Down", "it fails from uncensored places too: the fault is the target's own"),
    Status.UNREACHABLE: ("Unreachable", "it fails, and nothing shows whether the network or the target is at fault"),
    Status.UNKNOWN: ("No data", "no vantage here has reported lately, so nothing is known"),
}
"""Status -> the word on the board, and its meaning."""

CAUSE = {
    Cause.DNS_NXDOMAIN: "the resolver denies that the name exists",
    Cause.DNS_REFUSED: "the resolver refuses to answer",
    Cause.DNS_SERVFAIL: "the resolver reports a failure",
    Cause.DNS_TIMEOUT: "the resolver does not answer for this name",
    Cause.DNS_NODATA: "the resolver says the name has no address",
    Cause.DNS_BOGON: "the resolver answers with an address that cannot be the target's",
    Cause.DNS_SPOOFED: "the resolver answers with an address that is not the target's",
    Cause.DNS_INJECTED: "an injected DNS answer arrives before the resolver's",
    Cause.TCP_TIMEOUT: "connections time out",
    Cause.TCP_RESET: "connections are refused by a reset",
    Cause.TCP_UNREACHABLE: "routers report the address as unreachable",
    Cause.TLS_TIMEOUT: "the TLS handshake times out",
    Cause.TLS_RESET: "the TLS handshake is reset",
    Cause.TLS_EOF: "the connection is closed during the TLS handshake",
    Cause.TLS_SNI: "the same address works under another name",
    Cause.TLS_MITM: "a certificate that is not the target's",
    Cause.HTTP_RESET: "the connection is reset after the HTTP request",
    Cause.HTTP_TIMEOUT: "the HTTP request times out",
    Cause.HTTP_EOF: "the connection is closed after the HTTP request",
    Cause.HTTP_BLOCKPAGE: "a page that is not the target's",
    Cause.HTTP_REDIRECT: "a redirect to a host that is not the target's",
    Cause.THROTTLE_RATE: "far slower than the same path carries other traffic",
    Cause.THROTTLE_FREEZE: "the transfer freezes after the first kilobytes",
    Cause.QUIC_TIMEOUT: "QUIC times out where TCP works",
    Cause.IP_RANGE: "the whole range of addresses fails alike",
}
"""Cause -> a description of the observation."""

STATE = {
    VantageState.ONLINE: "online",
    VantageState.OFFLINE: "offline",
    VantageState.PORTAL: "behind a captive portal",
    VantageState.ALLOWLIST: "only an allow-list is let through",
    VantageState.POLICED: "policed for its own pace",
}

_STATES = frozenset(VantageState)

KIND = {
    RevisionKind.BEGAN: "Began",
    RevisionKind.CHANGED: "Revised",
    RevisionKind.LIFTED: "Lifted",
    RevisionKind.REOPENED: "Not lifted after all",
    RevisionKind.RENAMED: "Goes on under another name",
    RevisionKind.WITHDRAWN: "Withdrawn",
}
WITHDRAWAL = {
    "": "its reports do not stand",
    ERASED: "its only reports were erased at the wish of who sent them",
    REVOKED: "the vantage that reported it was revoked by the operator",
}
"""Reason of a withdrawal -> what became of the reports."""
MAX_NAME_CHARACTERS = 64
MAX_LINE_CHARACTERS = 120
BEFORE_WATCH = "before we looked"
"""The beginning of a status that a target had when it was first measured."""
STATUS_RULE = (
    "A service is blocked on a network when its pages, its names or its addresses have a blocked target there and none"
    " that works. Where it works and only some of its targets are blocked, they are counted beside its status."
)
"""The rule of `probe.fuse.service` in a sentence for readers."""


def state_text(state: str) -> str:
    """The state of a vantage in words; a state of a newer version as the vantage reported it."""
    return STATE[VantageState(state)] if state in _STATES else state.replace("_", " ")


def onset_label(event: Event) -> str:
    """The label of an event's onset."""
    return "First seen" if event.before_watch else "Began, about"


def kind_text(kind: RevisionKind, event: Event) -> str:
    """The kind of a revision in a word; what stood before the first measurement did not begin then."""
    return "Found" if kind is RevisionKind.BEGAN and event.before_watch else KIND[kind]


def network_name(network: Network) -> str:
    """`AS64500 (RU)`; parts that are not known are left out."""
    number = f"AS{network.asn}" if network.asn else "an unknown network"
    return f"{number} ({network.country})" if network.country else number


def location(event: Event) -> str:
    """The network of an event, or the number of networks of its country."""
    if event.scope is Scope.COUNTRY:
        return f"{event.networks} networks of {event.network.country}"
    return network_name(event.network)


def shortened(text: str) -> str:
    """A name of at most `MAX_NAME_CHARACTERS`, the middle of a longer one left out."""
    return text if len(text) <= MAX_NAME_CHARACTERS else f"{text[: MAX_NAME_CHARACTERS - 16]}…{text[-15:]}"


def shortened_line(text: str) -> str:
    """A sentence that fits into one line of a drawing."""
    return text if len(text) <= MAX_LINE_CHARACTERS else f"{text[: MAX_LINE_CHARACTERS - 1]}…"


def citation(event: Event, origin: str, published: datetime) -> str:
    """How to cite a revision of an event."""
    said = f"{sentence(event)}. Event {event.id}, revision {event.revision}, published {moment(published)}."
    return f"{said} {origin}/e/{event.id}"


def bibtex(event: Event, origin: str, published: datetime) -> str:
    """The same as a BibTeX record; braces and backslashes in names are left out."""
    title = "".join(letter for letter in sentence(event) if letter not in "{}\\")
    fields = {
        "title": title,
        "howpublished": f"\\url{{{origin}/e/{event.id}}}",
        "note": f"Event {event.id}, revision {event.revision}",
        "year": f"{published.astimezone(UTC):%Y}",
        "month": f"{published.astimezone(UTC):%b}".lower(),
    }
    lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items())
    return f"@misc{{probe-{event.id}-{event.revision},\n{lines}\n}}"


def sentence(event: Event) -> str:
    """An event as a sentence with service, place and time."""
    said = STATUS[event.status][0].lower()
    name = shortened(service_title(event.service))
    if event.lifted is None:
        return f"{name} has been {said} on {location(event)} since {beginning(event)}"
    return f"{name} was {said} on {location(event)} from {beginning(event)} to {moment(event.lifted)}"


def beginning(event: Event) -> str:
    """When an event began; where it stood at the first measurement, only that is known."""
    return f"{BEFORE_WATCH} (first seen {moment(event.onset)})" if event.before_watch else moment(event.onset)


def withdrawal(reason: str) -> str:
    """Why an event was withdrawn, as the end of a sentence."""
    return WITHDRAWAL.get(reason, WITHDRAWAL[""])


def headline(kind: RevisionKind, event: Event, reason: str = "") -> str:
    """A revision as a headline; `reason` as in `Revision`."""
    name, said = shortened(service_title(event.service)), STATUS[event.status][0].lower()
    match kind:
        case RevisionKind.BEGAN:
            return f"{name} {said} on {location(event)}" + (f" since {BEFORE_WATCH}" if event.before_watch else "")
        case RevisionKind.LIFTED:
            return f"{name} no longer {said} on {location(event)}"
        case RevisionKind.REOPENED:
            return f"{name} still {said} on {location(event)}: late reports"
        case RevisionKind.WITHDRAWN:
            return f"{name} on {location(event)}: withdrawn, {withdrawal(reason)}"
        case _:
            return f"{name} on {location(event)}: revised"


def confidence(event: Event) -> str:
    """How many independent sources an event has."""
    match event.confidence:
        case Confidence.ONE_SOURCE:
            return (
                "reported by one source"
                if event.vantages == 1
                else f"reported by {event.vantages} vantages of one source"
            )
        case Confidence.CONFIRMED:
            return f"confirmed by {event.vantages} vantages"
        case Confidence.DISPUTED:
            return "disputed: vantages of the same network differ"


def confidence_summary(ongoing: Iterable[Event]) -> str:
    """How many independent sources the ongoing events have, counted by network."""
    words = {
        Confidence.CONFIRMED: "confirmed by several vantages on",
        Confidence.ONE_SOURCE: "reported by one source on",
        Confidence.DISPUTED: "disputed on",
    }
    numbers = Counter(event.confidence for event in ongoing)
    return ", ".join(f"{words[kind]} {count_of(numbers[kind], 'network')}" for kind in words if numbers[kind])


def time_range(after: datetime | None, before: datetime) -> str:
    """A moment that is known by its bounds, as text."""
    if after is None:
        return f"before {moment(before)}"
    return moment(before) if after == before else f"between {moment(after)} and {moment(before)}"


def lag_range(least: float, most: float | None) -> str:
    """The time after something that is dated by two moments: `2 h to 1 d 3 h after`."""
    low = duration(timedelta(seconds=abs(least)))
    if most is None:
        return f"at least {low} after" if least >= 0 else "not known"
    high = duration(timedelta(seconds=abs(most)))
    if least >= 0:
        return f"{low} after" if low == high else f"{low} to {high} after"
    if most <= 0:
        return f"{low} before" if low == high else f"{high} to {low} before"
    return f"from {low} before to {high} after"


def moment(value: datetime) -> str:
    """A moment in UTC: `4 May 2017, 10:04 UTC`."""
    value = value.astimezone(UTC)
    return f"{value.day} {value:%b %Y, %H:%M} UTC"


def short_moment(value: datetime, now: datetime) -> str:
    """A moment without the parts it shares with `now`: `10:04`, `4 May, 10:04` or `4 May 2017`."""
    value = value.astimezone(UTC)
    if value.date() == now.date():
        return f"{value:%H:%M}"
    return f"{value.day} {value:%b, %H:%M}" if value.year == now.year else f"{value.day} {value:%b %Y}"


def duration(length: timedelta) -> str:
    """A duration in its two largest units: `7 d 2 h`."""
    seconds = max(0, int(length.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    units = ((86_400, "d"), (3_600, "h"), (60, "min"))
    first = next(n for n, (size, _) in enumerate(units) if seconds >= size)
    parts = [(seconds // units[first][0], units[first][1])]
    if first + 1 < len(units):
        parts.append((seconds % units[first][0] // units[first + 1][0], units[first + 1][1]))
    return " ".join(f"{count} {unit}" for count, unit in parts if count)


def count_of(number: int, one: str, many: str = "") -> str:
    """`1 vantage`, `2 vantages`."""
    return f"{number} {one if number == 1 else many or one + 's'}"
