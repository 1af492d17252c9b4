"""A world whose servers have moods: what a connection meets may depend on chance and on the connections before it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

from msgspec.structs import replace

from probe.model.failure import Failure
from probe.model.observation import Connection, Exchange, Observation, TlsHandshake
from probe.model.step import Step
from tests.golden.scenario import ALLOWED, HOME, NAME, SITE, A
from tests.golden.world import Cert, World


def answers(act: Act) -> None:
    """Answer everything."""


class Act(NamedTuple):
    """One act that a server or a network answers, or does not.

    Attributes:
        layer: `tcp`, `tls` or `http`.
        name: the server name, or the host of the URL; empty for `tcp`.
        address, port: where.
        number: of the connection at that address and port, from 0.
        now: milliseconds since the measurement began.
        chance: draws what depends on chance.
    """

    layer: str
    name: str
    address: str
    port: int
    number: int
    now: int
    chance: Random


Temper = Callable[[Act], Failure | None]
"""How an act fails; None where it is answered."""


@dataclass
class TemperedWorld(World):
    """A world in which each act that would be answered meets a temper first. Time-outs take their time.

    Attributes:
        temper: makes the temper of one measurement, which may keep a state.
        slowed: server name -> milliseconds that its handshakes take.
    """

    temper: Callable[[], Temper] = field(default=lambda: answers)
    slowed: dict[str, int] = field(default_factory=dict)

    def play(self, *args: Any, **more: Any) -> tuple[Observation, ...]:
        """Drive a plan with a fresh temper."""
        self._mood = self.temper()
        self._connections: dict[tuple[str, int], int] = {}
        return super().play(*args, **more)

    def _failure(self, layer: str, name: str, address: str, port: int) -> Failure | None:
        number = self._connections.get((address, port), 0) - 1
        failure = self._mood(Act(layer, name, address, port, number, self._ticks, self.chance))
        self._ticks += 5_000 if failure is Failure.TIMEOUT else 20
        return failure

    def _connect(self, step: Step, address: str, port: int) -> Connection:
        self._connections[address, port] = self._connections.get((address, port), 0) + 1
        one = super()._connect(step, address, port)
        failure = one.failure or self._failure("tcp", "", address, port)
        return replace(one, failure=failure, took=5_000 if failure is Failure.TIMEOUT else 20)

    def _handshake(self, *args: Any, **more: Any) -> Iterator[Connection | TlsHandshake]:
        for one in super()._handshake(*args, **more):
            if isinstance(one, TlsHandshake) and one.failure in {None, Failure.CERTIFICATE}:
                yield self._cut(one, self._failure("tls", one.sni, one.address, one.port))
            else:
                yield one

    def _fetch(self, step: Step, url: str, address: str, *, verify: bool) -> Iterable[Observation]:
        for one in super()._fetch(step, url, address, verify=verify):
            if isinstance(one, Exchange):
                port, name = (443 if url.startswith("https") else 80), url.split("/")[2]
                failure = self._failure("http", name, address, port)
                yield one if failure is None else Exchange(url=url, address=address, **_place(one, failure))
            else:
                yield one

    def _cut(self, one: TlsHandshake, failure: Failure | None) -> TlsHandshake:
        if failure is None:
            return replace(one, took=self.slowed.get(one.sni, one.took))
        return TlsHandshake(address=one.address, port=one.port, sni=one.sni, **_place(one, failure))


def _place(one: TlsHandshake | Exchange, failure: Failure) -> dict[str, Any]:
    """The fields that say where and when an act failed."""
    return {
        "at": one.at,
        "took": 5_000 if failure is Failure.TIMEOUT else 20,
        "chain": one.chain,
        "hop": one.hop,
        "attempt": one.attempt,
        "purpose": one.purpose,
        "failure": failure,
    }


def moody(temper: Callable[[], Temper], pages: dict[object, object] | None = None) -> TemperedWorld:
    """The site at one address, whose conversations end as the temper says."""
    return TemperedWorld(
        names={NAME: (A,), ALLOWED: ("208.80.154.224",)},
        certs={A: SITE, "208.80.154.224": Cert((ALLOWED,))},
        http={NAME: HOME} if pages is None else pages,
        temper=temper,
    )


def connections_end(*ends: str, port: int = 0) -> Callable[[], Temper]:
    """A temper by which the connections with each address and port end so, one after another; the last item stays.

    Args:
        ends: `ok`, or layer and failure, such as `http.timeout`. An end that a connection does not reach does not show.
        port: the only port at which they do; 0 for every port.
    """

    def make() -> Temper:
        def temper(act: Act) -> Failure | None:
            return _failure_at(act.layer, ends[min(act.number, len(ends) - 1)]) if port in {0, act.port} else None

        return temper

    return make


def conversations_end(name: str, *ends: str) -> Callable[[], Temper]:
    """The same for the conversations that carry this name, after the TCP handshake."""

    def make() -> Temper:
        begun: dict[tuple[str, int], int] = {}

        def temper(act: Act) -> Failure | None:
            if act.layer == "tcp" or act.name != name:
                return None
            turn = begun.setdefault((act.address, act.number), len(begun))
            return _failure_at(act.layer, ends[min(turn, len(ends) - 1)])

        return temper

    return make


def _failure_at(layer: str, end: str) -> Failure | None:
    where, _, failure = end.partition(".")
    return Failure(failure) if where == layer else None
