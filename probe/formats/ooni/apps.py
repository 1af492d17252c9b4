"""The experiments on apps, divided into the endpoints that they try: each becomes a target of its own.

`whatsapp`, `telegram`, `signal`, `facebook_messenger` and `tor` record connections to many hosts in one measurement,
without a control. A connection becomes `tcp://ADDRESS:PORT`; a request its URL, with the look-ups, connections and
handshakes of its host; a name without a request `dns://NAME`. Apps bring authorities of their own: where OONI says that
a handshake was complete, the certificate verified for the app.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from probe.formats.ooni.chain import endpoint_of, parsed_url
from probe.formats.ooni.names import addresses_of
from probe.formats.ooni.records import OoniConnect, OoniTestKeys
from probe.model.address import parse_address
from probe.model.target import DnsTarget, Target, TcpTarget, UrlTarget, normalise_host

APPS: Final = frozenset({"whatsapp", "telegram", "signal", "facebook_messenger", "tor"})
MAX_PARTS: Final = 256
"""Targets of one measurement; the largest experiment has some sixty."""


class _TorTarget(msgspec.Struct, frozen=True):
    """One relay, directory or bridge that `tor` tried."""

    tcp_connect: list[OoniConnect] | None = None


_tor_targets = msgspec.json.Decoder(dict[str, _TorTarget] | None)


def parts_of(test_name: str, keys: OoniTestKeys) -> list[tuple[Target, OoniTestKeys]]:
    """The targets of an app's measurement, each with the records that are about it.

    Args:
        test_name: of the experiment.
        keys: its test keys.
    """
    if test_name == "tor":
        keys = OoniTestKeys(tcp_connect=list(_tor_connections(keys.targets)))
    found: dict[Target, OoniTestKeys] = {}
    for target, part in (*_requests(keys), *_connections(keys), *_names(keys)):
        found.setdefault(target, part)
    return list(found.items())[:MAX_PARTS]


def _tor_connections(raw: msgspec.Raw) -> Iterator[OoniConnect]:
    try:
        targets = _tor_targets.decode(raw) or {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    for target in targets.values():
        yield from target.tcp_connect or ()


def _requests(keys: OoniTestKeys) -> Iterator[tuple[Target, OoniTestKeys]]:
    """Each URL that was asked for, the first request of each."""
    for one in reversed(keys.requests or ()):
        url = parsed_url(one.request.url)
        if url is None:
            continue
        target = UrlTarget(url.scheme, url.host, url.port)
        request = msgspec.structs.replace(one, request=msgspec.structs.replace(one.request, url=str(target)), tags=None)
        yield target, _about(url.host, keys, msgspec.structs.replace(keys, requests=[request]))


def _about(host: str, keys: OoniTestKeys, part: OoniTestKeys) -> OoniTestKeys:
    """The records about one host."""
    queries = [one for one in keys.queries or () if normalise_host(one.hostname) == host]
    given = {address for one in queries for address in addresses_of(one)}
    literal = parse_address(host)
    given |= {str(literal)} if literal is not None else set()
    shakes = [one for one in keys.tls_handshakes or () if (one.server_name or "").lower() == host]
    given |= {endpoint[0] for one in shakes if (endpoint := endpoint_of(one.address)) is not None}
    return msgspec.structs.replace(
        part,
        queries=queries,
        tcp_connect=[one for one in keys.tcp_connect or () if str(parse_address(one.ip[:60])) in given],
        tls_handshakes=shakes,
    )


def _connections(keys: OoniTestKeys) -> Iterator[tuple[Target, OoniTestKeys]]:
    """Each endpoint that was connected to, with all connections to it."""
    for one in keys.tcp_connect or ():
        address = parse_address(one.ip[:60])
        if address is None or not 0 < one.port < 65536:
            continue
        same = [other for other in keys.tcp_connect or () if (other.ip, other.port) == (one.ip, one.port)]
        yield TcpTarget(str(address), one.port), OoniTestKeys(tcp_connect=_as_attempts(same))


def _as_attempts(connections: list[OoniConnect]) -> list[OoniConnect]:
    """Connections to one endpoint as attempts: names that share an address lead to it several times."""
    return [
        msgspec.structs.replace(one, tags=[f"attempt={number}"]) for number, one in enumerate(connections[:MAX_PARTS])
    ]


def _names(keys: OoniTestKeys) -> Iterator[tuple[Target, OoniTestKeys]]:
    """Each name that was looked up and is in no request."""
    asked = {url.host for one in keys.requests or () if (url := parsed_url(one.request.url)) is not None}
    for query in keys.queries or ():
        host = normalise_host(query.hostname)
        if host is None or host in asked or parse_address(host) is not None:
            continue
        queries = [one for one in keys.queries or () if normalise_host(one.hostname) == host]
        yield DnsTarget(host), OoniTestKeys(queries=queries)
