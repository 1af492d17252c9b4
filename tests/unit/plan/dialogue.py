"""Drive a plan by hand: a test reads its steps and gives the observations, one short line each."""

from __future__ import annotations

from typing import Any

from probe.model.failure import Failure
from probe.model.hop import StepPosition
from probe.model.observation import (
    Connection,
    Exchange,
    LateAnswer,
    Observation,
    QuicExchange,
    Resolution,
    TlsHandshake,
)
from probe.model.step import Connect, Fetch, Handshake, QuicHandshake, Resolve, Step
from probe.plan import Plan, PlanContext

NAME = "news.example.org"
A, B, FORGED = "151.101.1.10", "146.75.65.10", "31.13.94.10"
ISP, DOH = "udp:95.165.1.1:53", "https://9.9.9.9/dns-query"
FOUR = frozenset({"ipv4"})
CONTEXT = PlanContext(network_resolvers=(ISP,), trusted_resolvers=(DOH,), families=FOUR)  # type: ignore[arg-type]


def line(step: Step) -> str:
    """Return a step as one short line: kind, address, and the parts of its position that differ from the default."""
    position = step.position
    marks = "".join(
        f" {mark}"
        for mark in (
            position.purpose if position.purpose != "subject" else "",
            f"try {position.attempt}" if position.attempt else "",
            f"chain {position.chain}" if position.chain else "",
            f"hop {position.hop}" if position.hop else "",
        )
        if mark
    )
    match step:
        case Resolve():
            return f"{step.rrtype} {step.name} @{step.trust}{marks}"
        case Connect():
            return f"connect {step.address}:{step.port}{marks}"
        case Handshake():
            small = " in small segments" if step.segment else ""
            return f"hello {step.sni} at {step.address}{'' if step.verify else ' unverified'}{small}{marks}"
        case Fetch():
            wrapped = f" as {step.sni}" if step.sni else ""
            wrapped += " in small segments" if step.segment else ""
            return f"get {step.url} at {step.address}{wrapped}{'' if step.verify else ' unverified'}{marks}"
        case QuicHandshake():
            return f"quic {step.sni} at {step.address}{'' if step.verify else ' unverified'}{marks}"


class Dialogue:
    """Drives one plan, step by step."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.open: dict[str, Step] = {}

    def asks(self) -> list[str]:
        """Return the steps that the plan asks for now, sorted; without ECH queries, which cause no further step."""
        steps = [step for step in self.plan.pending() if step.position.purpose != "ech"]
        fresh = {line(step): step for step in steps}
        assert len(fresh) == len(steps), "two steps have the same line"
        self.open |= fresh
        return sorted(fresh)

    def tell(self, what: str, *seen: str | Failure | tuple[str, ...] | Exchange | LateAnswer) -> Dialogue:
        """Give the plan the observations of an open step, and its end.

        The observation of a lookup is a tuple of addresses or a failure. That of any other step is one word (`ok`,
        `tcp.reset`, `tls.timeout`, `http.eof`, `tls.certificate`) or the exchange itself.
        """
        step = self.open[what]
        for one in seen:
            for observation in self._seen(step, one):
                self.plan.observe(step, observation)
        self.end(what)
        return self

    def end(self, what: str) -> None:
        """Give the plan the end of a step."""
        self.plan.finish(self.open.pop(what))

    def _seen(self, step: Step, told: str | Failure | tuple[str, ...] | Exchange | LateAnswer) -> list[Observation]:
        if isinstance(told, Exchange | LateAnswer):
            return [told] if isinstance(told, LateAnswer) or told.failure is not None else [*_met(step, 2), told]
        if isinstance(step, Resolve):
            addresses, failure = (told, None) if isinstance(told, tuple) else ((), Failure(told))
            return [answer(step, addresses, failure)]
        assert isinstance(told, str)
        if isinstance(step, QuicHandshake):
            return _quic(step, told)
        if told == "ok":
            return [*_met(step, 2), *([page(step)] if isinstance(step, Fetch) else [])]
        layer, _, word = told.partition(".")
        failure = Failure(word)
        if layer == "tcp":
            return [Connection(address=step.address, port=443, failure=failure)]
        if layer == "tls":
            return [*_met(step, 1), TlsHandshake(address=step.address, port=443, sni="", failure=failure)]
        assert isinstance(step, Fetch)
        return [*_met(step, 2), Exchange(url=step.url, address=step.address, failure=failure)]


def _quic(step: QuicHandshake, told: str) -> list[Observation]:
    """`ok`, `later.timeout` for silence some seconds after the handshake, or `quic.` and a failure."""
    where: dict[str, Any] = {"address": step.address, "port": step.port, "sni": step.sni}
    layer, _, word = told.partition(".")
    if layer == "quic":
        return [QuicExchange(**where, failure=Failure(word))]
    failure = Failure(word) if word else None
    return [QuicExchange(**where, verified=True), QuicExchange(**where, gap=5000, failure=failure)]


def answer(step: Resolve, addresses: tuple[str, ...], failure: Failure | None = None) -> Resolution:
    """The answer of a resolver to a step."""
    return Resolution(
        name=step.name,
        rrtype=step.rrtype,
        resolver=step.resolver,
        trust=step.trust,
        addresses=addresses,
        failure=failure,
    )


def late(addresses: tuple[str, ...]) -> LateAnswer:
    """A later answer to the same query."""
    return LateAnswer(name=NAME, rrtype="A", resolver=ISP, trust="network", gap=40, addresses=addresses)  # type: ignore[arg-type]


def page(step: Step, status: int = 200, location: str = "", title: str = "News", **more: object) -> Exchange:
    """An answer to a request."""
    assert isinstance(step, Fetch)
    fields = {"complete": True, "length": 500, **more}
    return Exchange(url=step.url, address=step.address, status=status, location=location, title=title, **fields)  # type: ignore[arg-type]


def at(chain: int = 0, hop: int = 0) -> StepPosition:
    """A place."""
    return StepPosition(chain=chain, hop=hop)


def _met(step: Step, layers: int) -> list[Observation]:
    assert not isinstance(step, Resolve)
    met: list[Observation] = [Connection(address=step.address, port=443)]
    if layers > 1 and (isinstance(step, Handshake) or (isinstance(step, Fetch) and step.url.startswith("https"))):
        met.append(TlsHandshake(address=step.address, port=443, sni="", verified=True, answered=True))
    return met
