"""The redirect chain of a measurement: which request, connection and handshake belongs to which hop.

Web Connectivity 0.5 tags every record with its hop (`depth=N`). Older versions list the requests newest first, and say
of connections and look-ups nothing but the address or the name.
"""

from __future__ import annotations

from collections.abc import Sequence

from probe.errors import TargetError
from probe.formats.ooni.names import addresses_of, depth_of, is_system
from probe.formats.ooni.records import OoniQuery, OoniTransaction
from probe.model.address import parse_address
from probe.model.hop import MAX_REDIRECTS, subjects_of
from probe.model.target import Target, UrlTarget, normalise_host, parse

UNRECORDED = "::"
"""Stands for the address of a hop that the measurement did not record. Success there counts; failure accuses nobody,
because no host has this address."""


class OoniChain:
    """The hops of a measurement.

    Args:
        target: what was measured.
        requests: as OONI lists them.
        queries: all look-ups.

    Attributes:
        transactions: the transactions in the order of their hops, each with its hop and canonical URL.
    """

    def __init__(self, target: Target, requests: Sequence[OoniTransaction], queries: Sequence[OoniQuery]) -> None:
        self.transactions: list[tuple[int, UrlTarget, OoniTransaction]] = []
        host = subjects_of(target)[0].host
        self._hops: dict[str, int] = {host: 0}
        """Host -> the first hop that has it."""
        self._names: dict[str, str] = {}
        """Address -> the host that it was given for."""
        self._given: dict[str, list[str]] = {}
        for number, one in enumerate(reversed(requests)):
            depth = depth_of(one.tags)
            hop = number if depth is None else depth
            url = parsed_url(one.request.url)
            if hop > MAX_REDIRECTS + 1 or url is None:
                continue
            if hop == 0 and isinstance(target, UrlTarget) and url.host == host:
                url = target
            self.transactions.append((hop, url, one))
            self._hops.setdefault(url.host, hop)
        for query in queries:
            self._add_names(query)

    def _add_names(self, query: OoniQuery) -> None:
        host = normalise_host(query.hostname) or ""
        depth = depth_of(query.tags)
        if host and depth is not None:
            self._hops.setdefault(host, depth)
        addresses = addresses_of(query)
        for address in addresses:
            self._names.setdefault(address, host)
        if is_system(query):
            self._given.setdefault(host, []).extend(addresses)

    def hop_of_host(self, host: str, tags: Sequence[str] | None = None) -> int:
        """The hop of a record about a host."""
        depth = depth_of(tags)
        return self._hops.get(host, 0) if depth is None else depth

    def hop_of_address(self, address: str, tags: Sequence[str] | None = None) -> int:
        """The hop of a record about an address."""
        depth = depth_of(tags)
        return self._hops.get(self._names.get(address, ""), 0) if depth is None else depth

    def given(self, host: str) -> tuple[str, ...]:
        """The addresses that programs on the host got for a name; the address itself for a literal."""
        literal = parse_address(host)
        return (str(literal),) if literal is not None else tuple(dict.fromkeys(self._given.get(host, ())))


def parsed_url(text: str) -> UrlTarget | None:
    """The URL of a request; None for a text that is none."""
    try:
        found = parse(text.partition("#")[0])
    except TargetError:
        return None
    return found if isinstance(found, UrlTarget) else None


def endpoint_of(text: str | None) -> tuple[str, int] | None:
    """The address and port of `ADDRESS:PORT`; None where the text is none."""
    host, separator, port = (text or "").rpartition(":")
    address = parse_address(host[:60])
    if not separator or address is None or not port.isdecimal() or len(port) > 5:
        return None
    number = int(port)
    return (str(address), number) if 0 < number < 65536 else None
