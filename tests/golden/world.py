"""A simulated world in which plans run without a network: names, servers, pages, and what the network does.

Everything is a table. A value may be a list: the first query gets its first item, the next its second, and the last
item stays. `play` performs the steps of a plan and returns the observations in order.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import urlsplit

from msgspec.structs import replace

from probe.measure.html_facts import header_names
from probe.measure.page_sample import is_sampled, page_sample
from probe.model.failure import Failure
from probe.model.flow import MAX_FREEZE_BYTES, Flow
from probe.model.hop import Purpose
from probe.model.nat64 import embedded_ipv4, synthesised
from probe.model.observation import (
    Certificate,
    Connection,
    Exchange,
    LateAnswer,
    Observation,
    QuicExchange,
    Resolution,
    Sending,
    TlsHandshake,
)
from probe.model.resolver import Trust
from probe.model.step import Connect, Fetch, Handshake, QuicHandshake, Resolve, Send, Step
from probe.model.target import UrlTarget, parse
from probe.plan import Plan

LATER = "later"
"""A QUIC handshake succeeds, and later packets get no answer."""


@dataclass(frozen=True)
class Race:
    """A forged answer, and the late answers that contradict it."""

    first: Any
    late: tuple[Any, ...]


@dataclass(frozen=True)
class Truncated:
    """A truncated answer whose rest does not come over TCP: the addresses that it has, or how TCP failed."""

    said: Any


@dataclass(frozen=True)
class Filtered:
    """A trusted resolver's answer that a filter wrote, and how it says so."""

    said: Any
    errors: tuple[int, ...] = ()
    recursion: bool | None = None


@dataclass(frozen=True)
class Alert:
    """A TLS alert."""

    name: str = "handshake_failure"


@dataclass(frozen=True)
class Cert:
    """A certificate for these names; `error` where it does not verify even for them."""

    names: tuple[str, ...]
    error: str = ""
    issuer: str = "Lab CA"

    def shown(self, sni: str) -> Certificate:
        """As a handshake records it."""
        digest = hashlib.sha256(f"{self.names}{self.issuer}".encode()).hexdigest()
        error = self.error or ("" if sni in self.names else "Hostname mismatch")
        return Certificate(sha256=digest, issuer=self.issuer, subject=self.names[0], names=self.names, error=error)


@dataclass(frozen=True)
class Page:
    """An HTTP answer; `failure` cuts its body short, `flow` has the timing of its arrival."""

    title: str = ""
    status: int = 200
    location: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    length: int = 0
    failure: Failure | None = None
    flow: Flow | None = None
    sets_cookie: bool = False


@dataclass(frozen=True)
class Sent:
    """The progress of an upload; `failure` ended it early."""

    sent: int = 68_000
    failure: Failure | None = None
    stall: int = 40
    quiet: int = 0
    took: int = 700


@dataclass
class World:
    """Tables of names and servers, and of the network's interference.

    Attributes:
        names: name -> true addresses; a failure for a name that has none.
        network: name -> what the network's resolvers answer instead; `*` for every name.
        system: name -> what getaddrinfo answers instead of what the network's resolvers do.
        trusted: name -> what trusted resolvers answer instead of the truth.
        nowhere: name -> what comes back from an address that runs no resolver; `*` for every name.
        certs: address -> certificate; a list of (sni, certificate) pairs where it depends.
        tcp: address or (address, port) -> failure of the TCP handshake. Addresses of no server are silent.
        tls: (address, sni) with `*` for either -> failure or alert after the ClientHello.
        http: (host, address) or host or URL -> page or failure; under another server name (sni, host) before those.
        quic: (address, sni) with `*` for either -> alert or failure after the Initial, `LATER` for silence some seconds
            after a handshake that succeeded; without an entry the certificate of the address answers.
        sends: server name or `*` -> how far uploads under it come.
        hole: addresses whose answers to hellos and requests vanish unless they come in small segments.
        nat64: the prefix with which the network's resolvers write the addresses of names without IPv6; empty for none.
        ech: the names whose HTTPS record offers Encrypted ClientHello.
        distance: the round trip to every server, in microseconds; 0 where the kernel does not tell.
        syns: address -> the round trip of a SYN, where it differs.
        near: `tls` and server name, `http` and host, or either name alone -> microseconds to the answer under it, where
            it differs from the round trip.
        loss: the share of acts that stay unanswered without interference.
        chance: draws them.
    """

    names: dict[str, Any] = field(default_factory=dict)
    network: dict[str, Any] = field(default_factory=dict)
    system: dict[str, Any] = field(default_factory=dict)
    trusted: dict[str, Any] = field(default_factory=dict)
    nowhere: dict[str, Any] = field(default_factory=dict)
    certs: dict[str, Any] = field(default_factory=dict)
    tcp: dict[Any, Any] = field(default_factory=dict)
    tls: dict[tuple[str, str], Any] = field(default_factory=dict)
    http: dict[Any, Any] = field(default_factory=dict)
    quic: dict[tuple[str, str], Any] = field(default_factory=dict)
    sends: dict[str, Any] = field(default_factory=dict)
    hole: tuple[str, ...] = ()
    nat64: str = ""
    ech: tuple[str, ...] = ()
    distance: int = 0
    syns: dict[str, Any] = field(default_factory=dict)
    near: dict[Any, Any] = field(default_factory=dict)
    loss: float = 0.0
    chance: Random = field(default_factory=Random)

    def play(self, plan: Plan, limit: int = 10_000, *, began: int = 0) -> tuple[Observation, ...]:
        """Drive a plan to its end, with at most `limit` steps before its deadline. It begins at `began` ms."""
        self._asked: Counter[str] = Counter()
        self._ticks = began
        seen: list[Observation] = []
        under_way: list[Step] = list(plan.pending())
        while under_way and limit > 0:
            limit -= 1
            step = under_way.pop(0)
            for one in self._perform(step):
                seen.append(one)
                plan.observe(step, one)
                under_way += plan.pending()
            plan.finish(step)
            under_way += plan.pending()
        return tuple(seen)

    def _perform(self, step: Step) -> Iterable[Observation]:
        """The observations of a step; with NAT64, a gateway leads to the IPv4 address inside the one it is sent to."""
        if not self.nat64 or isinstance(step, Resolve):
            return self._performed(step)
        there = replace(step, address=embedded_ipv4(step.address, (self.nat64,)))
        return [replace(one, address=step.address) for one in self._performed(there)]

    def _performed(self, step: Step) -> Iterable[Observation]:
        self._ticks += 10
        match step:
            case Resolve():
                return self._resolve(step)
            case Connect():
                return [self._connect(step, step.address, step.port)]
            case Handshake():
                return self._handshake(step, step.address, step.port, step.sni, verify=step.verify)
            case Fetch():
                return self._fetch(step, step.url, step.address, verify=step.verify)
            case QuicHandshake():
                return self._quic(step)
            case Send():
                return [self._send(step)]

    def _lost(self) -> bool:
        return self.loss > 0 and self.chance.random() < self.loss

    def _swallowed(self, step: Step, address: str) -> bool:
        """Whether the answer is made of packets too large for the path."""
        return address in self.hole and not (isinstance(step, Fetch | Handshake) and step.segment)

    def _common(self, step: Step, failure: Failure | None = None) -> dict[str, Any]:
        position = step.position
        took = 5000 if failure is Failure.TIMEOUT else 20
        return {
            "at": self._ticks,
            "took": took,
            "chain": position.chain,
            "hop": position.hop,
            "attempt": position.attempt,
            "purpose": position.purpose,
            "failure": failure,
        }

    def _pick(self, table: str, keys: Iterable[Any], default: Any) -> Any:
        """The value of the first key that the table has; one item of it where it is a list."""
        values: dict[Any, Any] = getattr(self, table)
        for key in keys:
            if key in values:
                value = values[key]
                if not isinstance(value, list):
                    return value
                turn = self._asked[f"{table} {key}"]
                self._asked[f"{table} {key}"] += 1
                return value[min(turn, len(value) - 1)]
        return default

    def _resolve(self, step: Resolve) -> Iterable[Observation]:
        if step.rrtype == "HTTPS":
            whom = {
                "name": step.name,
                "rrtype": step.rrtype,
                "resolver": step.resolver,
                "trust": step.trust,
                "rank": step.rank,
                "rotates": step.rotates,
            }
            offered = step.name in self.ech
            yield Resolution(ech=offered, **whom, **self._common(step, None if offered else Failure.NODATA))
            return
        if step.position.purpose is Purpose.NOWHERE:
            addresses, failure = _of_type(self._pick("nowhere", (step.name, "*"), Failure.TIMEOUT), step.rrtype)
            whom = {"name": step.name, "rrtype": step.rrtype, "resolver": step.resolver, "trust": step.trust}
            yield Resolution(addresses=addresses, **whom, **self._common(step, failure))
            return
        truth = self.names.get(step.name, Failure.NXDOMAIN)
        if step.trust is Trust.TRUSTED:
            said = self._pick("trusted", (step.name, "*"), truth)
        else:
            said = self._pick("network", ((step.name, step.resolver), step.name, "*"), truth)
            if step.trust is Trust.SYSTEM:
                said = self._pick("system", (step.name, "*"), said)
        marks: dict[str, Any] = {}
        if isinstance(said, Filtered):
            marks, said = {"errors": said.errors, "recursion": said.recursion}, said.said
        if isinstance(said, Truncated):
            marks, said = {"truncated": True}, said.said
        race = said if isinstance(said, Race) and step.trust is not Trust.SYSTEM else None
        first = said.first if isinstance(said, Race) else said
        prefix = "" if step.trust is Trust.TRUSTED else self.nat64
        addresses, failure = _of_type(Failure.TIMEOUT if self._lost() else first, step.rrtype, prefix)
        whom = {
            "name": step.name,
            "rrtype": step.rrtype,
            "resolver": step.resolver,
            "trust": step.trust,
            "rank": step.rank,
            "rotates": step.rotates,
        }
        yield Resolution(addresses=addresses, **whom, **marks, **self._common(step, failure))
        for late in race.late if race is not None else ():
            addresses, failure = _of_type(late, step.rrtype, prefix)
            yield LateAnswer(addresses=addresses, gap=40, **whom, **self._common(step, failure))

    def _connect(self, step: Step, address: str, port: int) -> Connection:
        known = address in self.certs or any(address in pair for pair in self.http if isinstance(pair, tuple))
        default = None if known else Failure.TIMEOUT
        failure = self._pick("tcp", ((address, port), address), default) or (Failure.TIMEOUT if self._lost() else None)
        segment = step.segment if isinstance(step, Fetch | Handshake) else 0
        rtt = 0 if failure else self._pick("syns", ((address, port), address), self.distance)
        return Connection(address=address, port=port, segment=segment, rtt=rtt, **self._common(step, failure))

    def _times(self, step: Step, layer: str, name: str, failure: Failure | None = None) -> dict[str, int]:
        """The wait for an answer under a name, and the lowest round trip where the server gave it."""
        if not self.distance or failure is Failure.TIMEOUT:
            return {}
        subject = step.position.purpose is Purpose.SUBJECT
        if subject and layer == "https":
            return {}
        wait = self._pick("near", ((layer, name), name), self.distance + 2_000)
        return {"wait": wait, "floor": 0 if subject or wait < self.distance else self.distance}

    def _handshake(
        self, step: Step, address: str, port: int, sni: str, *, verify: bool
    ) -> Iterable[Connection | TlsHandshake]:
        connection = self._connect(step, address, port)
        yield connection
        if connection.failure is not None:
            return
        where: dict[str, Any] = {"address": address, "port": port, "sni": sni}
        cut = self._pick("tls", ((address, sni), ("*", sni), (address, "*")), None)
        if isinstance(cut, Alert):
            where |= self._times(step, "tls", sni)
            yield TlsHandshake(**where, alert=cut.name, answered=True, **self._common(step, Failure.ALERT))
            return
        cut = cut or (Failure.TIMEOUT if self._lost() or self._swallowed(step, address) else None)
        cert = self._cert(address, sni)
        where |= self._times(step, "tls", sni, cut)
        if cut is not None or cert is None:
            yield TlsHandshake(**where, **self._common(step, cut or Failure.RESET))
            return
        shown = cert.shown(sni)
        failure = Failure.CERTIFICATE if shown.error and verify else None
        yield TlsHandshake(
            **where,
            verified=not shown.error,
            version="" if failure else "TLSv1.3",
            answered=True,
            certificate=None if failure else shown,
            **self._common(step, failure),
        )

    def _cert(self, address: str, sni: str) -> Cert | None:
        cert = self.certs.get(address)
        if isinstance(cert, list):
            return next((one for name, one in cert if name in {sni, "*"}), None)
        return cert

    def _fetch(self, step: Step, url: str, address: str, *, verify: bool) -> Iterable[Observation]:
        target = parse(url)
        assert isinstance(target, UrlTarget)
        secure = False
        sni = (isinstance(step, Fetch) and step.sni) or target.host
        if target.scheme == "https":
            shake = None
            for shake in self._handshake(step, address, target.port, sni, verify=verify):
                yield shake
            if not isinstance(shake, TlsHandshake) or shake.failure is not None:
                return
            secure = shake.verified
        else:
            connection = self._connect(step, address, target.port)
            yield connection
            if connection.failure is not None:
                return
        keys: tuple[Any, ...] = ((url, address), url, (target.host, address), target.host, ("*", address))
        if sni != target.host:
            keys = ((sni, target.host), ("*", target.host), *keys)
        page = self._pick("http", keys, Page(title="Not Found", status=404))
        page = Failure.TIMEOUT if self._lost() or self._swallowed(step, address) else page
        if isinstance(page, Failure):
            fields = self._times(step, target.scheme, target.host, page) | self._common(step, page)
            yield Exchange(url=url, address=address, secure=secure, **fields)
            return
        body = page.body or f"<title>{page.title}</title>"
        length = page.length or len(body)
        compared = step.position.purpose is Purpose.NEUTRAL and target.scheme == "http"
        sampled = (compared or step.position.purpose is Purpose.SUBJECT) and is_sampled(
            status=page.status, secure=secure, length=length
        )
        yield Exchange(
            url=url,
            address=address,
            secure=secure,
            status=page.status,
            location=page.location,
            sets_cookie=page.sets_cookie,
            title=page.title,
            headers=header_names([(name.lower(), b"") for name in page.headers]),
            head=tuple(page.headers)[:8] if sampled and not secure else (),
            length=length,
            sha256=hashlib.sha256(body.encode()).hexdigest()[:32],
            complete=page.failure is None,
            server=next((v for k, v in page.headers.items() if k.lower() == "server"), "") if sampled else "",
            sample=page_sample(body, url) if sampled else "",
            flow=page.flow,
            **self._times(step, target.scheme, target.host),
            **self._common(step, page.failure),
        )

    def _send(self, step: Send) -> Sending:
        sni = step.sni or urlsplit(step.url).hostname or ""
        found: Sent = self._pick("sends", (sni, "*"), Sent())
        self._ticks += found.took + found.quiet
        fields = {**self._common(step, found.failure), "took": found.took + found.quiet}
        return Sending(
            url=step.url,
            address=step.address,
            sni=sni,
            sent=found.sent,
            answers=found.sent // 4_500,
            status=200 if found.sent else 0,
            complete=found.sent >= MAX_FREEZE_BYTES,
            stall=found.stall,
            quiet=found.quiet,
            **fields,
        )

    def _quic(self, step: QuicHandshake) -> Iterable[QuicExchange]:
        where: dict[str, Any] = {"address": step.address, "port": step.port, "sni": step.sni}
        keys = ((step.address, step.sni), ("*", step.sni), (step.address, "*"))
        said = self._pick("quic", keys, None) or (Failure.TIMEOUT if self._lost() else None)
        cert = self._cert(step.address, step.sni)
        if isinstance(said, Alert):
            yield QuicExchange(**where, alert=said.name, answered=True, **self._common(step, Failure.ALERT))
            return
        if isinstance(said, Failure) or cert is None:
            yield QuicExchange(**where, **self._common(step, said or Failure.TIMEOUT))
            return
        if step.verify and cert.shown(step.sni).error:
            yield QuicExchange(**where, answered=True, **self._common(step, Failure.CERTIFICATE))
            return
        yield QuicExchange(**where, verified=step.verify, alpn="h3", answered=True, **self._common(step))
        if step.later:
            failure = Failure.TIMEOUT if said is LATER else None
            stood = step.verify and failure is None
            yield QuicExchange(
                **where, verified=stood, alpn="h3", answered=not failure, gap=5000, **self._common(step, failure)
            )


def _of_type(said: Any, rrtype: str, nat64: str = "") -> tuple[tuple[str, ...], Failure | None]:
    """Addresses of a record type, or why there are none; DNS64 makes IPv6 addresses where a name has none."""
    if isinstance(said, dict):
        said = said.get(rrtype, Failure.NODATA)
    if isinstance(said, Failure):
        return (), said
    addresses = tuple(address for address in said if (":" in address) == (rrtype == "AAAA"))
    if nat64 and rrtype == "AAAA" and not addresses:
        addresses = tuple(synthesised(address, nat64) for address in said)
    return addresses, None if addresses else Failure.NODATA
