"""The evidence of a verdict for people: step by step, what was seen here beside what the control saw. Pure."""

from __future__ import annotations

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

MAX_STEPS = 60
"""Steps shown; the raw JSON has them all."""

FAILURE = {
    Failure.TIMEOUT: "silence until the time was up",
    Failure.RESET: "the connection was reset",
    Failure.EOF: "the connection was closed",
    Failure.UNREACHABLE: "the path says: unreachable",
    Failure.NO_ROUTE: "this host has no way there",
    Failure.NXDOMAIN: "the name does not exist",
    Failure.NODATA: "the name has no such address",
    Failure.SERVFAIL: "the resolver says it failed",
    Failure.REFUSED: "the resolver refuses to answer",
    Failure.ALERT: "ended by a TLS alert",
    Failure.CERTIFICATE: "the certificate does not verify",
    Failure.GARBAGE: "an answer that is none",
    Failure.TOO_MUCH: "more than our bound",
    Failure.LOCAL: "this host did not let us",
    Failure.BUG: "a fault of this program",
}
RESOLVER = {
    Trust.SYSTEM: "this host's resolver",
    Trust.NETWORK: "the network's resolver",
    Trust.TRUSTED: "a trusted resolver",
}
PURPOSE = {
    Purpose.NEUTRAL: "under a random name",
    Purpose.ALLOWED: "under a name that is let through",
    Purpose.PEEK: "to see whose certificate it is",
    Purpose.GHOST: "a name that exists nowhere",
    Purpose.OTHER: "another name that exists",
    Purpose.RELAY: "where nothing listens",
}
SAID = {TracePayload.HELLO: "hello", TracePayload.REQUEST: "request", TracePayload.QUERY: "query"}


class EvidenceRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row.

    Attributes:
        layer: `DNS`, `TCP`, `TLS`, `HTTP`, `SEND`, `QUIC`, `PATH`.
        asked: what was asked of whom.
        here: what came back to the vantage; `good` is False where that is part of what is wrong.
        there: what the control saw of the same; empty when it says nothing of it.
    """

    layer: str
    asked: str
    here: str
    good: bool
    there: str = ""


def evidence_rows(verdict: Verdict) -> list[EvidenceRow]:
    """The rows in the order of the observations."""
    control = verdict.evidence.control
    layers = {cause.partition(".")[0] for cause in verdict.causes}
    rows: list[EvidenceRow] = []
    for seen in verdict.evidence.observations[:MAX_STEPS]:
        row = _step(seen, control)
        odd = seen.purpose is Purpose.SUBJECT and _is_odd(seen, control, layers)
        rows.append(msgspec.structs.replace(row, good=False) if odd else row)
    return rows


def _is_odd(seen: Observation, control: ControlFacts | None, layers: set[str]) -> bool:
    """Whether an answer is none of the target's: by its certificate, or in a layer the verdict found fault with."""
    match seen:
        case Resolution() if "dns" in layers and seen.trust is not Trust.TRUSTED:
            known = control.addresses.get(seen.name, ()) if control else ()
            return not set(seen.addresses) & set(known)
        case TlsHandshake():
            return not seen.verified
        case Exchange() if "http" in layers:
            return not seen.secure
        case _:
            return False


def control_line(verdict: Verdict) -> str:
    """What the control says of the target as a whole."""
    control = verdict.evidence.control
    if control is None:
        return "There was no control for this target: it was judged by what was seen here alone."
    said = " and ".join(control.statuses)
    failed = f" It failed there with {', '.join(control.failures)}." if control.failures else ""
    return f"The control, at an uncensored host, found the target {said}.{failed}"


def location_line(verdict: Verdict) -> str:
    """How far away the interference showed, as far as was found out; empty where it was not."""
    found = verdict.evidence.location
    if found is None:
        return ""
    if found.server:
        return f"The interference showed no nearer than {found.routers} routers away, where the server itself may be."
    past = "before the first router" if not found.routers else f"behind router {found.routers} of the path"
    return f"The interference sits {past}."


def command_line(target: str) -> str:
    """The line that repeats the measurement, safe to paste into a shell."""
    return "probe check --json -- '" + target.replace("'", "'\\''") + "'"


def plain(text: str, limit: int = 300) -> str:
    """Words of strangers as a page may carry them: short, one line, nothing that is not printed."""
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
            return EvidenceRow(layer="DNS", asked=plain(f"{seen.rrtype} of {seen.name}"), here=plain(said), good=False)
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
            return row if seen.failure is None else replace(row, here=plain(f"{row.here}; {said}"))
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
        asked=plain(f"{asked}, {why}" if why else asked),
        here=plain(f"{failed}{detail}, after {seen.took} ms" if failed else well),
        good=seen.failure is None,
        there=plain(there),
    )


def _addresses(seen: Resolution, control: ControlFacts | None) -> str:
    known = control.addresses.get(seen.name, ()) if control and seen.purpose is Purpose.SUBJECT else ()
    return ", ".join(known)


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
