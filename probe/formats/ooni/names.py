"""Convert OONI's look-ups into resolutions, each with the trust that its resolver deserves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from probe.formats.ooni.failure_words import failure_of
from probe.formats.ooni.records import OoniQuery
from probe.model.address import parse_address
from probe.model.failure import Failure
from probe.model.observation import LateAnswer, Resolution
from probe.model.resolver import Trust
from probe.model.target import normalise_host

SYSTEM_RESOLVER: Final = "system"
MAX_ADDRESSES: Final = 64
"""Addresses of one answer that are read; no honest answer has more."""
_ENCRYPTED: Final = frozenset({"doh", "doh3", "dot"})
_PLAIN: Final = frozenset({"udp", "tcp"})
_KNOWN_PUBLIC: Final = frozenset(
    {
        *("8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9", "149.112.112.112"),
        *("208.67.222.222", "208.67.220.220", "2001:4860:4860::8888", "2001:4860:4860::8844"),
    }
)
"""The public resolvers that OONI asks. Any other address may be that of the client's provider, and is not kept."""
_FAMILIES: Final = {"A": ("A",), "AAAA": ("AAAA",), "ANY": ("A", "AAAA")}
_MAX_HOPS: Final = 32
_MAX_ATTEMPTS: Final = 64


def depth_of(tags: Iterable[str] | None) -> int | None:
    """The number of the hop in a record's tags (`depth=N`); None where they have none."""
    for tag in tags or ():
        if tag.startswith("depth="):
            number = tag[6:]
            return min(int(number), _MAX_HOPS) if number.isdecimal() and len(number) <= 3 else None
    return None


def attempt_of(tags: Iterable[str] | None) -> int:
    """The number of the attempt in a record's tags (`attempt=N`, as this program writes them); 0 where none is."""
    for tag in tags or ():
        if tag.startswith("attempt="):
            number = tag[8:]
            return min(int(number), _MAX_ATTEMPTS) if number.isdecimal() and len(number) <= 3 else 0
    return 0


def milliseconds(seconds: float | None) -> int:
    """A time of OONI in whole milliseconds; 0 for one that cannot be."""
    return int(1000 * seconds) if seconds is not None and 0 <= seconds < 86_400 else 0


def resolutions(query: OoniQuery, hop: int) -> Iterator[Resolution]:
    """The resolutions of a look-up, one for each record type it asked for."""
    asked = _asked(query)
    name = normalise_host(query.hostname)
    if asked is None or name is None or parse_address(name) is not None:
        return
    trust, resolver = asked
    addresses = addresses_of(query)
    failed = None if addresses else failure_of(query.failure)
    at = milliseconds(query.t0 if query.t0 is not None else query.t)
    for rrtype in _FAMILIES.get(query.query_type.upper(), ()):
        own = tuple(one for one in addresses if (":" in one) is (rrtype == "AAAA"))
        yield Resolution(
            name=name,
            rrtype=rrtype,
            resolver=resolver,
            trust=trust,
            addresses=own,
            failure=None if own else failed or Failure.NODATA,
            detail="" if own or not query.failure else query.failure[:60],
            hop=hop,
            attempt=attempt_of(query.tags),
            at=at,
            took=max(0, milliseconds(query.t) - at),
        )


def late_answers(query: OoniQuery, first: OoniQuery | None, hop: int) -> Iterator[LateAnswer]:
    """The later answer to a query that was answered before.

    Args:
        query: the later answer.
        first: the first answer; None where it was not found.
        hop: the number of the hop.
    """
    asked = _asked(query)
    name = normalise_host(query.hostname)
    rrtype = query.query_type.upper()
    if asked is None or name is None or rrtype not in {"A", "AAAA"}:
        return
    trust, resolver = asked
    addresses = tuple(one for one in addresses_of(query) if (":" in one) is (rrtype == "AAAA"))
    if first is not None and set(addresses) == set(addresses_of(first)):
        return
    began = milliseconds(first.t) if first is not None else 0
    yield LateAnswer(
        name=name,
        rrtype=rrtype,
        resolver=resolver,
        trust=trust,
        gap=max(0, milliseconds(query.t) - began),
        addresses=addresses,
        failure=None if addresses else failure_of(query.failure) or Failure.NODATA,
        hop=hop,
        attempt=attempt_of(query.tags),
        at=milliseconds(query.t),
    )


def addresses_of(query: OoniQuery) -> tuple[str, ...]:
    """The addresses of an answer, in its order."""
    found = (parse_address(one.address[:45]) for one in (query.answers or ())[:MAX_ADDRESSES] if one.address)
    return tuple(dict.fromkeys(str(one) for one in found if one is not None))


def is_system(query: OoniQuery) -> bool:
    """Whether a look-up is that of the host itself, which programs on it get."""
    asked = _asked(query)
    return asked is not None and asked[0] is Trust.SYSTEM


def _asked(query: OoniQuery) -> tuple[Trust, str] | None:
    """Whom a look-up asked: the trust and the name of the resolver; None for an engine that is not known."""
    engine = (query.engine or "system").lower()
    if engine in {"system", "getaddrinfo", "golang_net_resolver", "netgo"}:
        return Trust.SYSTEM, SYSTEM_RESOLVER
    if engine in _ENCRYPTED:
        return Trust.TRUSTED, (query.resolver_address or engine)[:120]
    if engine not in _PLAIN:
        return None
    host, _, port = (query.resolver_address or "").rpartition(":")
    address = host.removeprefix("[").removesuffix("]")
    if address not in _KNOWN_PUBLIC or port != "53":
        return Trust.PUBLIC, "other"
    return Trust.PUBLIC, f"{engine}:{query.resolver_address}"
