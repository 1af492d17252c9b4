"""Observations of name resolution: the first answer of a resolver, and later answers to the same query.

Everybody imports them from `probe.model.observation`, where the other kinds are.
"""

from __future__ import annotations

from probe.model.observation_base import ObservationBase
from probe.model.resolver import Trust


class Resolution(ObservationBase, frozen=True, kw_only=True, omit_defaults=True, tag="dns"):
    """The first answer of one resolver.

    Attributes:
        resolver: as in the step, except that a resolver at a private address is written `network`.
        rank: position of the resolver in the system's order, from 1; tells resolvers written `network` apart. 0 for its
            only one, for one that it does not ask, and when not known.
        rotates: the system asks its resolvers in turns, so that the first is not always asked first.
        addresses: addresses of the requested type, in the answer's order, CNAME records followed.
        aliases: CNAME targets in order.
        ech: the HTTPS record offers Encrypted ClientHello.
        truncated: the answer was cut short (TC) and the complete one could not be fetched over TCP. With addresses,
            they are those of the cut answer; without, `failure` is that of TCP, not silence about the name.
        recursion: the answer says that the server recurses (RA); None when not known, and for a trusted resolver that
            never says so.
        errors: extended DNS error codes of the answer (RFC 8914), at most four.
        wait: microseconds from the answered query to its answer, over UDP; 0 when unknown.
    """

    name: str
    rrtype: str
    resolver: str
    trust: Trust
    addresses: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    ech: bool = False
    rank: int = 0
    rotates: bool = False
    truncated: bool = False
    recursion: bool | None = None
    errors: tuple[int, ...] = ()
    wait: int = 0

    @property
    def capture_name(self) -> str:
        """The name of the query, where it was sent in plain DNS."""
        return self.name if self.trust is Trust.NETWORK else ""


class LateAnswer(ObservationBase, frozen=True, kw_only=True, omit_defaults=True, tag="dns_late"):
    """A later answer to the same query (same socket, same id) that differs from the first.

    Attributes:
        rank, rotates: as in `Resolution`.
        gap: milliseconds since the first answer.
    """

    name: str
    rrtype: str
    resolver: str
    trust: Trust
    gap: int
    rank: int = 0
    rotates: bool = False
    addresses: tuple[str, ...] = ()
