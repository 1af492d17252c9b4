"""The evidence of a verdict as text: for each step the observations of vantage and control. Pure."""

from __future__ import annotations

from enum import StrEnum
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.observation import (
    Connection,
    Exchange,
    LateAnswer,
    Observation,
    QuicExchange,
    Resolution,
    Sending,
    TlsHandshake,
    TracePayload,
    TraceReply,
)
from probe.model.resolver import Trust
from probe.model.verdict import ControlFacts, ControlPage, Verdict

_FAMILY_MARK = {"A": False, "AAAA": True}
"""Record type -> whether its addresses have colons."""
MAX_STEPS = 60
"""Steps on the page; the raw JSON has all."""

FAILURE = {
    Failure.TIMEOUT: "no answer until the time-out",
    Failure.RESET: "the connection was reset",
    Failure.EOF: "the connection was closed",
    Failure.UNREACHABLE: "a router reported the address as unreachable (ICMP)",
    Failure.NO_ROUTE: "this host has no route to the address",
    Failure.NXDOMAIN: "the name does not exist",
    Failure.NODATA: "the name has no such address",
    Failure.SERVFAIL: "the resolver reported a failure (SERVFAIL)",
    Failure.REFUSED: "the resolver refuses to answer",
    Failure.ALERT: "ended by a TLS alert",
    Failure.CERTIFICATE: "the certificate does not verify",
    Failure.GARBAGE: "a malformed answer",
    Failure.TOO_MUCH: "an answer over the size limit",
    Failure.LOCAL: "an error of this host",
    Failure.BUG: "a fault of this program",
}
RESOLVER = {
    Trust.SYSTEM: "this host's resolver",
    Trust.NETWORK: "the network's resolver",
    Trust.TRUSTED: "a trusted resolver",
    Trust.PUBLIC: "a public resolver",
}
PURPOSE = {
    Purpose.NEUTRAL: "under a random name",
    Purpose.ALLOWED: "under a name that is let through",
    Purpose.PEEK: "to read the certificate",
    Purpose.GHOST: "a name that exists nowhere",
    Purpose.OTHER: "another name that exists",
    Purpose.RELAY: "an address where nothing listens",
    Purpose.OTHER_PORT: "another port of the same host",
    Purpose.NOWHERE: "to an address that runs no resolver",
    Purpose.DISTANCE: "under a random name, to learn how far the server is",
    Purpose.LINE: "an anchor's page, for the speed of this line",
}
SAID = {TracePayload.HELLO: "hello", TracePayload.REQUEST: "request", TracePayload.QUERY: "query"}


class StepMark(StrEnum):
    """What a step says about the target."""

    GOOD = "good"
    """As it should be: also the denial of a name that does not exist, and silence where nothing listens."""
    BAD = "bad"
    """Part of what is wrong."""
    PLAIN = "plain"
    """Neither: a comparison without a result, or a fact such as a name without an IPv6 address."""


_INTERRUPTED = frozenset({Failure.TIMEOUT, Failure.RESET, Failure.EOF, Failure.UNREACHABLE})
"""Failures of a comparison that somebody on the path can cause."""
_UNUSED = frozenset({Purpose.RELAY, Purpose.NOWHERE})
"""Purposes of steps that must fail, because nothing is there."""


class EvidenceRow(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a measurement as a row of text.

    Attributes:
        layer: `DNS`, `TCP`, `TLS`, `HTTP`, `SEND`, `QUIC`, `PATH`.
        asked: the request, and to whom it went.
        here: what the vantage received.
        mark: what that means for the verdict.
        there: what the control received; empty where it has no such step.
    """

    layer: str
    asked: str
    here: str
    mark: StepMark
    there: str = ""


def evidence_rows(verdict: Verdict) -> list[EvidenceRow]:
    """The rows of a verdict, in the order of its observations."""
    control = verdict.evidence.control
    layers = {cause.partition(".")[0] for cause in verdict.causes}
    seen = verdict.evidence.observations[:MAX_STEPS]
    return [replace(_step(each, control), mark=_mark(each, control, layers)) for each in seen]


def _mark(seen: Observation, control: ControlFacts | None, layers: set[str]) -> StepMark:
    """What an observation means for the verdict, by the purpose of its step."""
    if isinstance(seen, LateAnswer):
        return StepMark.BAD
    if isinstance(seen, TraceReply):  # silence means only that the packet ended before whoever answers
        return StepMark.PLAIN if seen.failure in (None, Failure.TIMEOUT) else StepMark.BAD
    failure = seen.failure
    if seen.purpose is Purpose.GHOST:
        denied = failure in (Failure.NXDOMAIN, Failure.NODATA)
        return StepMark.BAD if failure is None else StepMark.GOOD if denied else StepMark.PLAIN
    if seen.purpose in _UNUSED:
        return StepMark.BAD if failure is None else StepMark.GOOD
    if failure is None:
        odd = seen.purpose is Purpose.SUBJECT and _is_odd(seen, control, layers)
        return StepMark.BAD if odd else StepMark.GOOD
    if isinstance(seen, Resolution) and failure is Failure.NODATA and not _known_addresses(seen, control):
        # A name without an IPv6 address is nothing odd.
        return StepMark.PLAIN if seen.rrtype == "AAAA" or "dns" not in layers else StepMark.BAD
    if seen.purpose is Purpose.SUBJECT or failure in _INTERRUPTED:
        return StepMark.BAD
    return StepMark.PLAIN


def _is_odd(seen: Observation, control: ControlFacts | None, layers: set[str]) -> bool:
    """Whether an answer is not the target's: by its certificate, or in a layer that the verdict names as a cause."""
    match seen:
        case Resolution() if "dns" in layers and seen.trust is not Trust.TRUSTED:
            return not set(seen.addresses) & set(_known_addresses(seen, control))
        case TlsHandshake():
            return not seen.verified
        case Exchange() if "http" in layers:
            return not seen.secure
        case _:
            return False


def control_line(verdict: Verdict) -> str:
    """One or two sentences on what the control found."""
    control = verdict.evidence.control
    if control is None:
        return "There was no control for this target: it was judged by what was seen here alone."
    said = " and ".join(control.statuses)
    failed = f" It failed there with {', '.join(control.failures)}." if control.failures else ""
    return f"The control, at an uncensored host, found the target {said}.{failed}"


def location_line(verdict: Verdict) -> str:
    """How many routers away the interference showed; empty where that was not measured."""
    found = verdict.evidence.location
    if found is None:
        return ""
    if found.server:
        return f"The interference showed no nearer than {found.routers} routers away, where the server itself may be."
    past = "before the first router" if not found.routers else f"behind router {found.routers} of the path"
    return f"The interference sits {past}."


def command_line(target: str) -> str:
    """The command that repeats the measurement, quoted for a shell."""
    return "probe check --json -- '" + target.replace("'", "'\\''") + "'"


def printable(text: str, limit: int = 300) -> str:
    """Text from outside for a page: one line of at most `limit` characters, unprintable ones replaced."""
    line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _step(seen: Observation, control: ControlFacts | None) -> EvidenceRow:
    match seen:
        case Resolution():
            answer = ", ".join(seen.addresses) or ("Encrypted ClientHello is offered" if seen.ech else "no address")
            return _row(
                "DNS",
                f"{seen.rrtype} of {seen.name} at {RESOLVER[seen.trust]}",
                seen,
                answer,
                _addresses(seen, control),
            )
        case LateAnswer():
            said = f"a second answer {seen.gap} ms later: {', '.join(seen.addresses) or 'no address'}"
            return EvidenceRow(
                layer="DNS", asked=printable(f"{seen.rrtype} of {seen.name}"), here=printable(said), mark=StepMark.BAD
            )
        case Connection():
            return _row("TCP", f"connect to {seen.address} port {seen.port}", seen, f"open after {seen.took} ms")
        case TlsHandshake():
            well = f"{seen.version or 'TLS'}, certificate {'verified' if seen.verified else 'not verified'}"
            return _row("TLS", f"hello to {seen.address} for {seen.sni}", seen, well, _certificate(seen, control))
        case Exchange():
            return _row(
                "HTTP", f"GET {seen.url}", seen, _page(seen.status, seen.title, seen.location), _pages(seen, control)
            )
        case Sending():
            asked = f"padded requests to {seen.address} for {seen.sni}"
            said = f"{seen.sent} bytes in {seen.answers} requests were answered"
            row = _row("SEND", asked, seen, f"{said}, after {seen.took} ms")
            return row if seen.failure is None else replace(row, here=printable(f"{row.here}; {said}"))
        case TraceReply():
            asked = f"{SAID[seen.payload]} for {seen.name} to {seen.address}, within reach of {seen.ttl} routers"
            return _row("PATH", asked, seen, f"answered after {seen.took} ms")
        case QuicExchange():
            asked = f"ping {seen.gap} ms after the handshake" if seen.gap else f"Initial for {seen.sni}"
            return _row("QUIC", f"{asked} to {seen.address} port {seen.port}", seen, f"answered after {seen.took} ms")


def _row(layer: str, asked: str, seen: Observation, well: str, there: str = "") -> EvidenceRow:
    why = PURPOSE.get(seen.purpose, "")
    failed = "" if seen.failure is None else FAILURE[seen.failure]
    detail = f" ({seen.detail})" if failed and seen.detail else ""
    return EvidenceRow(
        layer=layer,
        asked=printable(f"{asked}, {why}" if why else asked),
        here=printable(f"{failed}{detail}, after {seen.took} ms" if failed else well),
        mark=StepMark.PLAIN,
        there=printable(there),
    )


def _addresses(seen: Resolution, control: ControlFacts | None) -> str:
    return ", ".join(_known_addresses(seen, control)) if seen.purpose is Purpose.SUBJECT else ""


def _known_addresses(seen: Resolution, control: ControlFacts | None) -> tuple[str, ...]:
    """The control's addresses of the family that was asked for."""
    known = control.addresses.get(seen.name, ()) if control else ()
    if seen.rrtype in _FAMILY_MARK:
        return tuple(address for address in known if (":" in address) is _FAMILY_MARK[seen.rrtype])
    return known


def _certificate(seen: TlsHandshake, control: ControlFacts | None) -> str:
    if control is None or seen.purpose is not Purpose.SUBJECT or not control.certificates.get(seen.sni):
        return ""
    same = seen.certificate is not None and seen.certificate.sha256 in control.certificates[seen.sni]
    return "the same certificate, verified" if same else "a certificate that verified"


def _pages(seen: Exchange, control: ControlFacts | None) -> str:
    if control is None or seen.purpose is not Purpose.SUBJECT:
        return ""
    same_host = [page for page in control.pages if urlsplit(page.url).hostname == urlsplit(seen.url).hostname]
    exact: ControlPage | None = next((page for page in same_host if page.url == seen.url), None)
    page = exact or next(iter(same_host), None)
    return _page(page.status, page.title, page.location) if page else ""


def _page(status: int, title: str, location: str) -> str:
    said = f"status {status}" if status else "an answer"
    return said + (f", to {location}" if location else "") + (f", “{title}”" if title else "")
