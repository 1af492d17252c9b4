"""Build observations in few words, and hops out of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from probe.judge.evidence_hop import EvidenceHop, hops_of
from probe.judge.evidence_view import EvidenceView
from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.observation import Certificate, Connection, Exchange, LateAnswer, Observation, Resolution, TlsHandshake
from probe.model.resolver import Trust
from probe.model.target import parse
from probe.model.verdict import ControlFacts, ControlPage, Evidence, Status, VantageState

TIME = datetime(2026, 10, 1, 12, tzinfo=UTC)
NAME = "news.example.org"
A, B, FORGED, V6 = "151.101.1.10", "146.75.65.10", "31.13.94.10", "2a04:4e42::10"
URL, HTTP = f"https://{NAME}/", f"http://{NAME}/"
DOH, ISP = "https://9.9.9.9/dns-query", "udp:95.165.1.1:53"
_RESOLVERS = {Trust.SYSTEM: "system", Trust.NETWORK: ISP, Trust.TRUSTED: DOH, Trust.PUBLIC: "udp:8.8.8.8:53"}


def said(trust: str, *addresses: str, failure: Failure | None = None, **more: Any) -> Resolution:
    """A resolver's answer about the target's name; for A unless given."""
    whose = Trust(trust)
    fields = {"name": NAME, "rrtype": "A", "resolver": _RESOLVERS[whose], **more}
    return Resolution(trust=whose, addresses=addresses, failure=failure, **fields)


def late(*addresses: str, trust: str = "network", **more: Any) -> LateAnswer:
    """A later answer to the same query."""
    whose = Trust(trust)
    fields = {"name": NAME, "rrtype": "A", "resolver": _RESOLVERS[whose], **more}
    return LateAnswer(trust=whose, gap=40, addresses=addresses, **fields)


def tcp(address: str = A, failure: Failure | None = None, *, port: int = 443, **more: Any) -> Connection:
    """A TCP handshake."""
    return Connection(address=address, port=port, failure=failure, **more)


def tls(
    address: str = A, failure: Failure | None = None, *, error: str = "", sha256: str = "", **more: Any
) -> TlsHandshake:
    """A TLS handshake; verified unless it failed."""
    shown = Certificate(sha256=sha256, error=error) if error or sha256 else None
    fields = {"port": 443, "sni": NAME, "verified": failure is None, "certificate": shown, **more}
    return TlsHandshake(address=address, failure=failure, **fields)


def http(
    address: str = A, status: int = 200, failure: Failure | None = None, *, url: str = URL, **more: Any
) -> Exchange:
    """A request and its answer; complete unless it failed, secure over https."""
    fields = {
        "title": "Daily news",
        "length": 500,
        "complete": failure is None,
        "secure": url.startswith("https"),
        **more,
    }
    return Exchange(url=url, address=address, status=status, failure=failure, **fields)


def served(address: str = A, **more: Any) -> tuple[Observation, ...]:
    """TCP, TLS and a page over https."""
    return tcp(address, **more), tls(address, **more), http(address, **more)


def tries(count: int, one: Observation, *before: Observation) -> tuple[Observation, ...]:
    """A number of attempts with the same end."""
    import msgspec  # noqa: PLC0415 - used here alone

    return tuple(msgspec.structs.replace(each, attempt=n) for n in range(count) for each in (*before, one))


NEUTRAL = tls(A, Failure.CERTIFICATE, sni="xkqvdwpzrjtm.com", purpose=Purpose.NEUTRAL)


def control(*statuses: Status, addresses: tuple[str, ...] = (A, B), **more: Any) -> ControlFacts:
    """The control's facts; served unless given."""
    fields = {"addresses": {NAME: addresses}, "pages": (page(URL), page(HTTP)), **more}
    return ControlFacts(time=TIME, statuses=statuses or (Status.REACHABLE,), **fields)


def page(url: str = HTTP, **more: Any) -> ControlPage:
    """A page of the control."""
    return ControlPage(url=url, **{"status": 200, "title": "Daily news", "length": 500, "sha256": "aa", **more})


def view_of(*seen: Observation, target: str = URL, by: ControlFacts | None = None, **more: Any) -> EvidenceView:
    """One measurement."""
    state = more.pop("state", VantageState.ONLINE)
    notes = more.pop("notes", frozenset())
    where = {key: more.pop(key) for key in ("anchors", "ipv6_answered") if key in more}
    return EvidenceView(parse(target), Evidence(observations=seen, control=by, **more), state, TIME, notes, **where)


def hop_of(
    *seen: Observation, target: str = URL, by: ControlFacts | None = None, hop: int = 0, **more: Any
) -> EvidenceHop:
    """One hop of the first chain."""
    return hops_of(view_of(*seen, target=target, by=by, **more))[0][hop]
