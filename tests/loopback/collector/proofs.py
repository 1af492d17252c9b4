"""Verdicts whose evidence is judged as they say, for targets of any form."""

from __future__ import annotations

from datetime import datetime

import msgspec

from probe.judge import verdict
from probe.model.failure import Failure
from probe.model.observation import Connection, Exchange, Observation, Resolution, TlsHandshake
from probe.model.resolver import Trust
from probe.model.target import DnsTarget, DomainTarget, Target, UrlTarget, parse
from probe.model.verdict import ControlFacts, Evidence, Status, Vantage, VantageState, Verdict

ADDRESS, PRIVATE = "151.101.1.10", "10.10.34.36"
TRIES = 5


def proof(target: str, status: Status, time: datetime, title: str = "Daily news") -> Verdict | None:
    """A verdict with evidence for a status; None for one that needs no evidence."""
    parsed = parse(target)
    seen: tuple[Observation, ...]
    match status:
        case Status.REACHABLE:
            seen = _served(parsed, target, title)
        case Status.BLOCKED | Status.THROTTLED:  # both are interference, and either is evidence for it
            seen = _blocked(parsed)
        case _:
            return None
    served = ControlFacts(time=time, statuses=(Status.REACHABLE,), addresses={_host(parsed): (ADDRESS,)})
    made = verdict(
        time=time,
        text=target,
        target=parsed,
        evidence=Evidence(observations=seen, control=served),
        vantage=Vantage(state=VantageState.ONLINE),
    )
    assert (made.status is Status.REACHABLE) == (status is Status.REACHABLE), f"{target}: {made.rule}"
    return made


def _served(target: Target, text: str, title: str) -> tuple[Observation, ...]:
    host = _host(target)
    match target:
        case DnsTarget():
            return (_said(host, Trust.NETWORK, ADDRESS), _said(host, Trust.TRUSTED, ADDRESS))
        case UrlTarget() | DomainTarget():
            url = text if "://" in text else f"https://{host}/"
            secure = url.startswith("https")
            shaken = (_tls(ADDRESS, host),) if secure else ()
            page = Exchange(url=url, address=ADDRESS, status=200, title=title, length=500, complete=True, secure=secure)
            return (_said(host, Trust.SYSTEM, ADDRESS), Connection(address=ADDRESS, port=_port(target)), *shaken, page)
        case _:
            return (Connection(address=target.address, port=target.port), _tls(target.address, host))  # type: ignore[union-attr]


def _blocked(target: Target) -> tuple[Observation, ...]:
    """Forged addresses, or silence that the control does not meet."""
    host = _host(target)
    match target:
        case DnsTarget():
            return (_said(host, Trust.NETWORK, PRIVATE), _said(host, Trust.TRUSTED, ADDRESS))
        case UrlTarget() | DomainTarget():
            names = (_said(host, Trust.NETWORK, PRIVATE), _said(host, Trust.SYSTEM, PRIVATE))
            return (*names, _said(host, Trust.TRUSTED, ADDRESS))
        case _:
            silent = Connection(address=target.address, port=target.port, failure=Failure.TIMEOUT)  # type: ignore[union-attr]
            return tuple(msgspec.structs.replace(silent, attempt=number) for number in range(TRIES))


def _said(host: str, trust: Trust, address: str) -> Resolution:
    names = {Trust.SYSTEM: "system", Trust.NETWORK: "udp:95.165.1.1:53", Trust.TRUSTED: "https://9.9.9.9/dns-query"}
    return Resolution(name=host, rrtype="A", resolver=names[trust], trust=trust, addresses=(address,))


def _tls(address: str, host: str) -> TlsHandshake:
    return TlsHandshake(address=address, port=443, sni=host, verified=True)


def _host(target: Target) -> str:
    return str(getattr(target, "host", "") or getattr(target, "sni", "") or getattr(target, "address", ""))


def _port(target: Target) -> int:
    return int(getattr(target, "port", 0) or 443)
