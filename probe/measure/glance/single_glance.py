"""One glance from its request to its result: resolve the name, wait for a slot, connect, listen for a second answer."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from probe.measure.failures import FailureInfo, Operation, OperationError, classify
from probe.measure.glance.admission import Admission
from probe.measure.glance.answer_readers import reader_for
from probe.measure.glance.client_hello import ClientHelloTemplates
from probe.measure.glance.deadlines import Deadlines
from probe.measure.glance.poller import Poller
from probe.measure.glance.shared_resolver import NameQuery, SharedResolver
from probe.measure.glance.tcp_glance import TcpGlance
from probe.measure.tools import Tools
from probe.model.address import Family, is_bogon
from probe.model.failure import Failure
from probe.model.glance import GlanceKind, GlanceRequest, GlanceResult
from probe.model.hop import Layer, LayerFailure

if TYPE_CHECKING:
    from probe.measure.glance.quic_glance import QuicGlance

_IPV4, _NAME, _QUIC = Family.IPV4, GlanceKind.NAME, GlanceKind.QUIC
"""Looked up once: a member of an enumeration takes a call of Python in version 3.11."""
_MAY_BE_SPECIAL = frozenset({"0", "10", "100", "127", "169", "172", "192", "198", "203"})
"""First octets of IPv4 ranges below 224 that no public host has, or that have such parts."""


class GlanceParts(NamedTuple):
    """What all glances of an engine share.

    Attributes:
        tools: limits and time-out.
        hellos: packs ClientHellos.
    """

    tools: Tools
    poller: Poller
    deadlines: Deadlines
    admission: Admission
    hellos: ClientHelloTemplates


class SingleGlance:
    """One glance. It ends by itself, with one call of `on_end`.

    Attributes:
        request: what to glance at.
        address: the address that is tried; empty before it is known.
    """

    # Attributes of the class: most glances end without setting most of them.
    _addresses: tuple[str, ...] = ()
    _query: NameQuery | None = None
    _connection: TcpGlance | QuicGlance | None = None
    _seen = ""
    _failure: LayerFailure | None = None
    _detail = ""
    _octets = 0
    _began = 0.0
    _spent = 0.0
    _listening = False
    _contradicted = False
    _connected = False
    _ended = False

    def __init__(
        self, request: GlanceRequest, parts: GlanceParts, on_end: Callable[[SingleGlance, GlanceResult], None]
    ) -> None:
        self.request = request
        self.address = request.address
        self._parts = parts
        self._on_end = on_end

    def begin(self, resolver: SharedResolver | Exception | None) -> None:
        """Send the first packet, or wait for a slot.

        Args:
            resolver: to ask where there is a name; the error where there is none. None for an address.
        """
        if self.address or resolver is None:
            self._parts.admission.enter(self)
            return
        self._began = monotonic()
        try:
            if isinstance(resolver, Exception):
                raise resolver
            self._listening = True
            rrtype = "A" if self.request.family is _IPV4 else "AAAA"
            self._query = resolver.ask(self.request.name, rrtype, self)
        except (OSError, OperationError, ValueError) as error:
            self._listening = False
            failed = classify(error, Operation.DATAGRAM, at_once=True)
            if isinstance(error, ValueError):
                failed = FailureInfo(Failure.LOCAL, str(error))
            self._end("", LayerFailure(Layer.DNS, failed.failure), failed.detail)

    def resolved(self, first: str, addresses: tuple[str, ...], octets: int) -> None:
        """Go on with the first address; a second one would need a connection of its own."""
        self._octets = octets
        self._addresses = addresses
        self._count_time()
        if self.request.kind is _NAME:
            self._end("", None, "")
        elif _cannot_be_public(first):
            self._end("", LayerFailure(Layer.DNS, Failure.GARBAGE), "no public host has this address")
        else:
            self.address = first
            self._parts.admission.enter(self)

    def unresolved(self, failed: FailureInfo, octets: int) -> None:
        """End: there is no address."""
        self._octets = octets
        self._listening = False
        self._count_time()
        self._end("", LayerFailure(Layer.DNS, failed.failure), failed.detail)

    def contradicted(self) -> None:
        """Remember that a second answer contradicts the first, whatever the server says."""
        self._contradicted = True

    def listened(self) -> None:
        """End where the server has answered meanwhile."""
        self._listening = False
        if self._ended:
            self._report()

    def connect(self) -> None:
        """Open the connection: a slot is free."""
        parts = self._parts
        self._connected = True
        self._began = monotonic()
        try:
            connection = self._connection = _make_connection(self, parts)
        except OperationError as error:
            self.failed(Layer.QUIC, error.info, 0)
            return
        connection.open(self.address, self.request.port)

    def refused(self, error: OperationError) -> None:
        """End: the round's budget is spent."""
        self._end("", LayerFailure(Layer.TCP, error.info.failure), error.info.detail)

    def saw(self, seen: str, octets: int) -> None:
        """End: the server has answered."""
        self._disconnect(octets)
        self._end(seen, None, "")

    def failed(self, layer: Layer, failed: FailureInfo, octets: int) -> None:
        """End: the server has not answered, or otherwise."""
        self._disconnect(octets)
        if failed.failure is Failure.TIMEOUT:
            self._parts.tools.pace.back_off(self.address)
        self._end("", LayerFailure(layer, failed.failure), failed.detail)

    def broken(self, error: Exception) -> None:
        """End, unless that has happened: this program has a fault, which must not hold up the others."""
        if not self._ended:
            self.drop()
            self._listening = False
            failed = classify(error, Operation.DATAGRAM)
            self._end("", LayerFailure(Layer.DNS, failed.failure), failed.detail)

    def drop(self) -> None:
        """End without a result."""
        if self._query is not None:
            self._query.resolver.drop(self._query)
        if self._connection is not None:
            self._connection.close()
        if self._connected:
            self._disconnect(0)

    def _disconnect(self, octets: int) -> None:
        self._connected = False
        self._connection = None
        self._count_time()
        self._octets += octets
        self._parts.tools.pace.budget.count(octets)
        self._parts.admission.leave(self.address, monotonic() - self._began)

    def _count_time(self) -> None:
        self._spent += monotonic() - self._began

    def _end(self, seen: str, failure: LayerFailure | None, detail: str) -> None:
        self._seen = seen
        self._failure = failure
        self._detail = detail
        self._ended = True
        if not self._listening:
            self._report()

    def _report(self) -> None:
        if self._contradicted and self._failure is None:
            self._seen = ""
            self._failure = LayerFailure(Layer.DNS, Failure.GARBAGE)
            self._detail = "a second answer contradicts the first"
        result = GlanceResult(
            request=self.request,
            addresses=self._addresses,
            address=self.address,
            seen=self._seen,
            failure=self._failure,
            detail=self._detail,
            took=int(self._spent * 1000),
            octets=self._octets,
        )
        self._on_end(self, result)


def _make_connection(glance: SingleGlance, parts: GlanceParts) -> TcpGlance | QuicGlance:
    """Return the connection of a glance, not yet opened.

    Raises:
        OperationError: the Initial cannot be made.
    """
    request, seconds = glance.request, parts.tools.timeout
    if request.kind is _QUIC:
        from probe.measure.glance.quic_glance import QuicGlance  # noqa: PLC0415 - cryptography is slow to load

        return QuicGlance(glance, request.sni, parts.poller, parts.deadlines, seconds)
    return TcpGlance(glance, lambda: reader_for(request, parts.hellos), parts.poller, parts.deadlines, seconds)


def _cannot_be_public(address: str) -> bool:
    """Whether no public host can have the address; most are recognised by their first octet."""
    octet, _, _ = address.partition(".")
    special = octet in _MAY_BE_SPECIAL or ":" in address or (len(octet) == 3 and octet > "223")
    return special and is_bogon(address)
