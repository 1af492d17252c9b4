"""Convert the operations that an OONI measurement recorded into observations. Nothing here concludes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from probe.formats.ooni.chain import UNRECORDED, OoniChain, endpoint_of
from probe.formats.ooni.contents import ContentReader
from probe.formats.ooni.failure_words import CERTIFICATE_ERRORS, failure_of
from probe.formats.ooni.names import SYSTEM_RESOLVER, attempt_of, is_system, late_answers, milliseconds, resolutions
from probe.formats.ooni.received_bytes import read_events
from probe.formats.ooni.records import OoniConnect, OoniHandshake, OoniQuery, OoniTestKeys, OoniTransaction, octets_of
from probe.formats.ooni.transactions import PageContext, RequestPlace, read_exchange
from probe.model.address import parse_address
from probe.model.failure import Failure
from probe.model.observation import (
    Certificate,
    Connection,
    Exchange,
    Observation,
    QuicExchange,
    Resolution,
    TlsHandshake,
)
from probe.model.resolver import Trust
from probe.model.target import Target, UrlTarget

MAX_OBSERVATIONS = 512
"""Observations of one measurement. Web Connectivity tries some dozens of addresses."""
_SYSTEM = Trust.SYSTEM
_LAYER_ORDER: dict[type[Observation], int] = {Connection: 1, TlsHandshake: 2, QuicExchange: 2, Exchange: 3}
_MAX_CERTIFICATE_BYTES = 16_384


class OoniObservations:
    """The observations of one measurement.

    Args:
        target: what was measured.
        keys: the test keys.
        started: when the measurement began.
        reader: reads pages and certificates.
        verifies: this version of OONI's probe verified certificates.
    """

    def __init__(
        self, target: Target, keys: OoniTestKeys, started: datetime, reader: ContentReader, *, verifies: bool
    ) -> None:
        self._keys = keys
        self._started = started
        self._reader = reader
        self._verifies = verifies
        self._chain = OoniChain(target, keys.requests or (), keys.queries or ())
        self._pages = PageContext(reader, keys, read_events(keys.network_events), str(target))
        self._names: list[Observation] = []
        self._made: list[Connection] = []
        self._shakes: list[TlsHandshake | QuicExchange] = []

    def read(self) -> tuple[Observation, ...]:
        """All observations in the order of hops, attempts and layers."""
        self._names = list(self._resolutions())
        self._made = list(self._connections())
        self._shakes = list(self._handshakes())
        seen: list[Observation] = [*self._names, *self._made, *self._shakes]
        for hop, url, one in self._chain.transactions:
            seen.extend(self._transaction(hop, url, one))
        # Old records have no times, or those of their ends: the layers give the order.
        seen.sort(key=lambda one: (one.hop, one.attempt, _LAYER_ORDER.get(type(one), 0), one.at))
        return tuple(seen[:MAX_OBSERVATIONS])

    def _resolutions(self) -> Iterator[Observation]:
        queries = self._keys.queries or ()
        for query in queries:
            hop = self._chain.hop_of_host(query.hostname.lower(), query.tags)
            yield from resolutions(query, hop)
        firsts = {_key(query): query for query in reversed(queries)}
        for query in self._keys.x_dns_duplicate_responses or ():
            hop = self._chain.hop_of_host(query.hostname.lower(), query.tags)
            yield from late_answers(query, firsts.get(_key(query)), hop)

    def _connections(self) -> Iterator[Connection]:
        for one in self._keys.tcp_connect or ():
            found = connection(one, self._chain.hop_of_address(one.ip, one.tags))
            if found is not None:
                yield found

    def _handshakes(self) -> Iterator[TlsHandshake | QuicExchange]:
        for one in (*(self._keys.tls_handshakes or ()), *(self._keys.quic_handshakes or ())):
            endpoint = endpoint_of(one.address)
            if endpoint is None or not (self._verifies or one.failure):
                continue
            name = (one.server_name or "").lower()
            hop = self._chain.hop_of_host(name, one.tags)
            yield handshake(one, endpoint, hop, self._started, self._reader)

    def _transaction(self, hop: int, url: UrlTarget, one: OoniTransaction) -> Iterator[Observation]:
        """What a transaction adds to the connections that are recorded besides: the exchange, or what it failed at."""
        answered = one.response is not None and (one.response.code or 0) > 0
        failure = None if answered and _is_redirect(one) else failure_of(one.failure)
        endpoint = endpoint_of(one.address)
        address = endpoint[0] if endpoint is not None else self._address_of(hop, url)
        if address is None or (failure is not None and (one.failure or "").startswith("dns_")):
            if failure is not None and not self._was_resolved(url.host):
                yield from _failed_look_up(url.host, one, hop, failure)
            return
        if address == UNRECORDED and not self._was_resolved(url.host):
            yield _unrecorded_look_up(url.host, hop)
        shakes = [each for each in self._shakes if (each.address, each.sni) == (address, url.host)]
        verified = any(each.verified for each in shakes)
        if not answered and not self._is_connected(address, url.port):
            return
        if url.scheme == "https" and not answered and failure is not None and not verified:
            if not shakes:
                yield _guessed_handshake(url, address, one, hop, failure)
            return
        secure = url.scheme == "https" and answered and self._verifies
        if secure and not verified:
            yield _guessed_handshake(url, address, one, hop, None)
        yield read_exchange(one, RequestPlace(url, address, hop, secure), failure, self._pages)

    def _address_of(self, hop: int, url: UrlTarget) -> str | None:
        """The address of a transaction whose record has none; None where nothing was connected to.

        Old versions try the addresses of the first host one after the other and keep the first that accepts.
        """
        given = self._chain.given(url.host)
        tried = [one for one in self._made if one.address in given and one.port == url.port]
        if tried:
            return next((one.address for one in tried if one.failure is None), tried[0].address)
        if len(given) == 1:
            return given[0]
        if hop == 0 and self._keys.tcp_connect and given:
            return given[0]
        return UNRECORDED if hop > 0 or parse_address(url.host) is None else None

    def _was_resolved(self, host: str) -> bool:
        """Whether the host that measured looked a name up."""
        return any(isinstance(one, Resolution) and one.name == host and one.trust is _SYSTEM for one in self._names)

    def _is_connected(self, address: str, port: int) -> bool:
        """Whether an address accepted a connection, or whether that was not recorded."""
        tried = [one for one in self._made if (one.address, one.port) == (address, port)]
        return not tried or any(one.failure is None for one in tried)


def connection(one: OoniConnect, hop: int) -> Connection | None:
    """A TCP connection; None where it has no address or port."""
    address = parse_address(one.ip[:60])
    if address is None or not 0 < one.port < 65536:
        return None
    word = one.status.failure if isinstance(one.status.failure, str) else None
    failed = failure_of(word)
    if failed is None and one.status.success is False:
        failed = Failure.LOCAL
    at = milliseconds(one.t0 if one.t0 is not None else one.t)
    return Connection(
        address=str(address),
        port=one.port,
        failure=failed,
        hop=hop,
        attempt=attempt_of(one.tags),
        at=at,
        took=max(0, milliseconds(one.t) - at),
        detail=(word or "")[:60],
    )


def handshake(
    one: OoniHandshake, endpoint: tuple[str, int], hop: int, started: datetime, reader: ContentReader
) -> TlsHandshake | QuicExchange:
    """A TLS or QUIC handshake."""
    failed = failure_of(one.failure)
    verified = failed is None and one.no_tls_verify is not True
    name = (one.server_name or "").lower()
    at = milliseconds(one.t0 if one.t0 is not None else one.t)
    if one.network in {"udp", "quic"}:
        return QuicExchange(
            address=endpoint[0],
            port=endpoint[1],
            sni=name,
            verified=verified,
            alpn=(one.negotiated_protocol or "")[:20],
            answered=failed in {None, Failure.CERTIFICATE, Failure.ALERT},
            failure=failed,
            hop=hop,
            attempt=attempt_of(one.tags),
            at=at,
            took=max(0, milliseconds(one.t) - at),
            detail=(one.failure or "")[:60],
        )
    return TlsHandshake(
        address=endpoint[0],
        port=endpoint[1],
        sni=name,
        verified=verified,
        version=(one.tls_version or "")[:12],
        alpn=(one.negotiated_protocol or "")[:20],
        alert="unnamed" if failed is Failure.ALERT else "",
        answered=failed in {None, Failure.CERTIFICATE, Failure.ALERT},
        failure=failed,
        certificate=_certificate(one, name, started, reader, failed),
        hop=hop,
        attempt=attempt_of(one.tags),
        at=at,
        took=max(0, milliseconds(one.t) - at),
        detail=(one.failure or "")[:60],
    )


def _certificate(
    one: OoniHandshake, name: str, started: datetime, reader: ContentReader, failed: Failure | None
) -> Certificate | None:
    der = octets_of(one.peer_certificates[0], _MAX_CERTIFICATE_BYTES) if one.peer_certificates else b""
    error = CERTIFICATE_ERRORS.get(one.failure or "", "") if failed is Failure.CERTIFICATE else ""
    if not der:
        return Certificate(error=error) if error else None
    found = reader.certificate(der, name, started, verified=failed is None)
    if error and not found.error:
        return Certificate(
            sha256=found.sha256, issuer=found.issuer, subject=found.subject, names=found.names,
            not_before=found.not_before, not_after=found.not_after, error=error,
        )  # fmt: skip
    return found


def _guessed_handshake(
    url: UrlTarget, address: str, one: OoniTransaction, hop: int, failure: Failure | None
) -> TlsHandshake:
    """The handshake of a transaction over https that has no record of its own.

    A request without any answer failed there most likely; where an answer came it was complete.
    """
    return TlsHandshake(
        address=address,
        port=url.port,
        sni=url.host,
        verified=failure is None,
        failure=failure,
        answered=failure in {None, Failure.CERTIFICATE, Failure.ALERT},
        certificate=Certificate(error=CERTIFICATE_ERRORS[one.failure]) if one.failure in CERTIFICATE_ERRORS else None,
        hop=hop,
        at=milliseconds(one.t0 if one.t0 is not None else one.t),
        detail="not recorded by itself",
    )


def _unrecorded_look_up(host: str, hop: int) -> Resolution:
    """The look-up of a hop whose address was not recorded."""
    return Resolution(
        name=host,
        rrtype="AAAA",
        resolver=SYSTEM_RESOLVER,
        trust=_SYSTEM,
        addresses=(UNRECORDED,),
        detail="not recorded",
        hop=hop,
    )


def _failed_look_up(host: str, one: OoniTransaction, hop: int, failure: Failure) -> Iterator[Resolution]:
    """The look-up that a transaction failed at."""
    for rrtype in ("A", "AAAA"):
        yield Resolution(
            name=host,
            rrtype=rrtype,
            resolver=SYSTEM_RESOLVER,
            trust=_SYSTEM,
            failure=failure,
            hop=hop,
            at=milliseconds(one.t0 if one.t0 is not None else one.t),
            detail=(one.failure or "")[:60],
        )


def _is_redirect(one: OoniTransaction) -> bool:
    return one.response is not None and 300 <= (one.response.code or 0) < 400


def _key(query: OoniQuery) -> tuple[str, str, str, bool]:
    return query.hostname, query.query_type, query.resolver_address or "", is_system(query)
