"""Answers that came sooner than the path's round trip, so that the server did not send them.

A round trip is proven where another name at the same address was answered in full time. Then something nearer than the
server answers the subject's name: interference, whatever a control says (Weaver, Sommer, Paxson: Detecting Forged TCP
Reset Packets, NDSS 2009). Every doubt is the server's:

- The lowest round trip counts, of all connections to the port and of all answers that the server itself gave. A proxy
  or accelerator that answers SYNs nearby lowers it, and so does an instance of an anycast address that is near.
- Each try's own SYN is among them, so that tries that met two machines do not accuse the farther one.
- Three round trips must agree with each other, and the other name's answer with them: a radio link that wakes up for
  each SYN, and a line with jitter, give no round trip.
- The kernel must tell a round trip of data too, which needs no set-up and no work of the server.
- Two tries must have ended so, and none later.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from msgspec.structs import replace

from probe.judge.observed_endpoint import ObservedEndpoint
from probe.model.failure import Failure
from probe.model.hop import Purpose, subject_of_url
from probe.model.nearness import is_sooner, is_unproven
from probe.model.observation import Connection, Exchange, Observation, TlsHandshake
from probe.model.target import DEFAULT_PORTS
from probe.model.verdict import NearerAnswer

MIN_TRIES = 2
"""Tries of the subject that ended sooner."""
MIN_ROUND_TRIPS = 3
"""Connections whose round trips agree."""
MAX_SPREAD = 0.25
"""How far they may lie apart, as a share of what the answer was sooner."""
MIN_FULL_TIME = 0.9
"""Share of the lowest SYN's round trip that another name's answer must have taken; the kernel's clock and this
program's differ by less."""
PAGE = "http.page"
"""The kind of answer that is a page in clear."""
_OTHER_NAMES = frozenset({Purpose.NEUTRAL, Purpose.ALLOWED, Purpose.DISTANCE})

_TcpObservation = Connection | TlsHandshake | Exchange


class PathTimes(msgspec.Struct, frozen=True):
    """The times of one port of an address, in microseconds.

    Attributes:
        syns: round trips of SYNs, the lowest first.
        lowest: the lowest round trips of connections on which the server itself answered.
        others: waits for answers under other names.
        own: waits for answers under the subject's name that only the server can give.
    """

    syns: tuple[int, ...] = ()
    lowest: tuple[int, ...] = ()
    others: tuple[int, ...] = ()
    own: tuple[int, ...] = ()

    @property
    def floor(self) -> int:
        """No answer of the server can come sooner; 0 when nothing is known."""
        return min((*self.syns, *self.lowest, *self.others, *self.own), default=0)

    def proves(self, waits: Sequence[int]) -> bool:
        """Whether these waits were too short for the server, beyond doubt."""
        longest = max(waits, default=0)
        if len(waits) < MIN_TRIES or not self.others or not self.lowest or len(self.syns) < MIN_ROUND_TRIPS:
            return False
        spread = self.syns[MIN_ROUND_TRIPS - 1] - self.syns[0]
        return (
            is_sooner(longest, self.floor)
            and min(self.others) >= MIN_FULL_TIME * self.syns[0]
            and spread <= MAX_SPREAD * (self.floor - longest)
        )


def nearer_answers(endpoint: ObservedEndpoint, observations: Iterable[Observation]) -> tuple[NearerAnswer, ...]:
    """The kinds of answers under the subject's name at an address that came sooner than its lowest round trip.

    Args:
        endpoint: the address, with the tries of the subject.
        observations: all of the measurement.
    """
    waits: dict[tuple[int, str], list[int]] = {}
    for attempt in endpoint.attempts:
        last = attempt[-1]
        if isinstance(last, TlsHandshake | Exchange) and last.wait and is_unproven(last):
            waits.setdefault((_port(last), _kind(last)), []).append(last.wait)
    if not waits:
        return ()
    here = [one for one in observations if isinstance(one, _TcpObservation) and one.address == endpoint.address]
    return tuple(
        answer
        for (port, kind), found in waits.items()
        if (answer := _nearer_answer(endpoint.address, port, kind, found, here)) is not None
    )


def is_proxied(address: str, observations: Iterable[Observation]) -> bool:
    """Whether port 80 of an address answers SYNs far sooner than port 443: a proxy near by ends its connections.

    For readers: a proxy that gives the server's page harms nobody. Two connections to each port must say so.
    """
    rtts: dict[int, list[int]] = {80: [], 443: []}
    for one in observations:
        if isinstance(one, Connection) and one.address == address and one.rtt and one.port in rtts:
            rtts[one.port].append(one.rtt)
    clear, encrypted = rtts.values()
    return min(len(clear), len(encrypted)) >= MIN_TRIES and is_sooner(max(clear), min(encrypted))


def _nearer_answer(
    address: str, port: int, kind: str, waits: Sequence[int], here: Sequence[_TcpObservation]
) -> NearerAnswer | None:
    """The answer of one kind with its numbers; None where the server can have sent one of them."""
    times = _path_times(one for one in here if _port(one) == port)
    elsewhere = _path_times(one for one in here if _port(one) != port)  # other ports of the address are as far
    if times.others:
        times = replace(times, own=(*times.own, *elsewhere.own))
    else:
        times = replace(elsewhere, syns=times.syns, own=(*times.own, *elsewhere.own))
    if not is_sooner(max(waits), times.floor):
        return None
    return NearerAnswer(
        address=address,
        port=port,
        what=kind,
        waits=tuple(waits),
        floor=times.floor,
        connections=len(times.syns),
        other=min(times.others, default=0),
        proven=times.proves(waits),
    )


def _path_times(seen: Iterable[_TcpObservation]) -> PathTimes:
    syns: list[int] = []
    lowest: list[int] = []
    others: list[int] = []
    own: list[int] = []
    for one in seen:
        if isinstance(one, Connection):
            syns.append(one.rtt)
        elif one.purpose in _OTHER_NAMES and _answers(one):
            lowest.append(one.floor)
            others.append(one.wait)
        elif isinstance(one, TlsHandshake) and one.verified:
            lowest.append(one.floor)
            own.append(one.wait)
    known = (tuple(sorted(filter(None, times))) for times in (syns, lowest, others, own))
    return PathTimes(*known)


def _answers(one: TlsHandshake | Exchange) -> bool:
    """Whether the server of another name may have answered, whatever it said."""
    if isinstance(one, Exchange):
        return one.status > 0
    return one.failure in {None, Failure.CERTIFICATE, Failure.ALERT}


def _kind(one: TlsHandshake | Exchange) -> str:
    return PAGE if isinstance(one, Exchange) and one.answered else str(one.ending)


def _port(one: _TcpObservation) -> int:
    if not isinstance(one, Exchange):
        return one.port
    subject = subject_of_url(one.url)
    return DEFAULT_PORTS["http"] if subject is None else subject.port
