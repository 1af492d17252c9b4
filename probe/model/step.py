"""Steps: the single network acts that a plan asks for and `probe.measure` performs.

Each kind of step describes itself: the address whose packets show it, whether more observations may follow its first,
and the observation to record where it could not be performed. Its `position` comes back on each observation.
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from probe.model.address import parse_address
from probe.model.failure import Failure
from probe.model.hop import StepPosition
from probe.model.observation import (
    Connection,
    Exchange,
    QuicExchange,
    Resolution,
    Sending,
    TlsHandshake,
    TracePayload,
    TraceReply,
)
from probe.model.resolver import PlainResolver, Trust, resolver_label


class _StepBase(msgspec.Struct, frozen=True, kw_only=True):
    position: StepPosition = StepPosition()

    listens_on: ClassVar[bool] = False
    """Whether further observations may follow the first, so that the caller need not wait for the end."""

    def _observed(self, failure: Failure, detail: str, at: int) -> dict[str, Any]:
        """The fields that every observation of this step has in common."""
        position = self.position
        return {
            "at": at,
            "chain": position.chain,
            "hop": position.hop,
            "attempt": position.attempt,
            "purpose": position.purpose,
            "failure": failure,
            "detail": detail,
        }


class Resolve(_StepBase, frozen=True, kw_only=True):
    """Ask one resolver for one name and record type.

    Attributes:
        name: A-label host name.
        rrtype: `A`, `AAAA` or `HTTPS`.
        resolver: `system`, `udp:ADDRESS:PORT` or `tcp:ADDRESS:PORT` (IPv6 in brackets), `tls://host[:port]`
            or an https URL.
        rank: position of the resolver in the system's order, from 1; 0 for its only one and for one it does not ask.
        rotates: the system asks its resolvers in turns (`options rotate`), so that the first is not always asked first.
    """

    name: str
    rrtype: str
    resolver: str
    trust: Trust
    rank: int = 0
    rotates: bool = False

    listens_on: ClassVar[bool] = True

    @property
    def capture_address(self) -> str:
        """The address of a network resolver; empty for an encrypted one, and for one on this host."""
        server = PlainResolver.parse(self.resolver)
        found = parse_address(server.address) if server is not None and self.trust is Trust.NETWORK else None
        return "" if found is None or found.is_loopback else str(found)

    def unperformed(self, failure: Failure, detail: str, at: int) -> Resolution:
        """The observation of this step where it could not be performed, `at` milliseconds into the measurement."""
        return Resolution(
            name=self.name,
            rrtype=self.rrtype,
            resolver=resolver_label(self.resolver),
            trust=self.trust,
            rank=self.rank,
            rotates=self.rotates,
            **self._observed(failure, detail, at),
        )


class _AddressStep(_StepBase, frozen=True, kw_only=True):
    address: str

    @property
    def capture_address(self) -> str:
        """The address that the step connects to."""
        return self.address


class Connect(_AddressStep, frozen=True, kw_only=True):
    """Open a TCP connection and close it.

    Attributes:
        seconds: to wait for the connection at most; 0: as long as for any step.
    """

    port: int
    seconds: float = 0.0

    def unperformed(self, failure: Failure, detail: str, at: int) -> Connection:
        """The observation of this step where it could not be performed, `at` milliseconds into the measurement."""
        return Connection(address=self.address, port=self.port, **self._observed(failure, detail, at))


class ConnectEach(_StepBase, frozen=True, kw_only=True):
    """Find which of several addresses accept a connection: by a SYN to each where this host may send one.

    Attributes:
        addresses: of one family, each once.
    """

    addresses: tuple[str, ...]
    port: int

    listens_on: ClassVar[bool] = False

    def __hash__(self) -> int:
        """Hash one field: a step is a key for each of its thousands of observations."""
        return hash(self.addresses[0])

    @property
    def capture_address(self) -> str:
        """None: no name of the target's is sent, so that no packet would be shown."""
        return ""

    def unperformed(self, failure: Failure, detail: str, at: int) -> Connection:
        """The observation of this step where it could not be performed, `at` milliseconds into the measurement."""
        return Connection(address=self.addresses[0], port=self.port, **self._observed(failure, detail, at))


class Handshake(_AddressStep, frozen=True, kw_only=True):
    """Connect, then a TLS handshake with this server name, then close.

    Attributes:
        sni: the server name, and the name that the certificate is verified for.
        verify: whether a certificate that does not verify ends the handshake.
        alpn: protocols offered, in order.
        segment: the largest TCP segment that the server is asked to send, in octets; 0 for the usual.
    """

    port: int
    sni: str
    verify: bool = True
    alpn: tuple[str, ...] = ("http/1.1",)
    segment: int = 0

    def unperformed(self, failure: Failure, detail: str, at: int) -> TlsHandshake:
        """The observation of this step where it could not be performed, `at` milliseconds into the measurement."""
        return TlsHandshake(address=self.address, port=self.port, sni=self.sni, **self._observed(failure, detail, at))


class Fetch(_AddressStep, frozen=True, kw_only=True):
    """Connect, TLS where the URL is https, one GET, all in one connection; redirects are not followed here.

    Attributes:
        url: absolute URL without fragment. Its host is the server name and the Host header.
        address: connected to in place of resolving the host.
        sni: the server name, where it differs from the URL's host; empty otherwise.
        verify: whether a certificate that does not verify ends the step.
        segment: the largest TCP segment that the server is asked to send, in octets; 0 for the usual.
        body_limit: bytes of the body that are read; None for the usual bound, 0 to ask for the head alone (HEAD).
    """

    url: str
    sni: str = ""
    verify: bool = True
    segment: int = 0
    body_limit: int | None = None

    def unperformed(self, failure: Failure, detail: str, at: int) -> Exchange:
        """The observation of this step where it could not be performed, `at` milliseconds into the measurement."""
        return Exchange(url=self.url, address=self.address, **self._observed(failure, detail, at))


class Send(_AddressStep, frozen=True, kw_only=True):
    """Connect, TLS, then padded HEAD requests one after another, until 64 KiB of them were answered in one connection.

    Attributes:
        url: absolute https URL without fragment. Its host is the Host header.
        address: connected to in place of resolving the host.
        sni: the server name, where it differs from the URL's host; empty otherwise.
        verify: whether a certificate that does not verify ends the step.
    """

    url: str
    sni: str = ""
    verify: bool = True

    def unperformed(self, failure: Failure, detail: str, at: int) -> Sending:
        """The observation of this step where it could not be performed, `at` milliseconds into the measurement."""
        fields = self._observed(failure, detail, at)
        return Sending(url=self.url, address=self.address, sni=self.sni, opened=False, **fields)


class QuicHandshake(_AddressStep, frozen=True, kw_only=True):
    """A QUIC handshake with this server name; where it succeeds, a later check that the same ports still work.

    Attributes:
        sni: the server name, and the name that the certificate is verified for.
        verify: whether a certificate that does not verify ends the handshake.
        later: seconds after the handshake at which a PING must still be answered on the same addresses and ports; 0
            for no such check. The GFW reads the Initial and drops what follows it only after about 110 ms, half of the
            time later (USENIX'25), so the handshake itself may pass.
    """

    port: int
    sni: str
    verify: bool = True
    later: float = 5.0

    def unperformed(self, failure: Failure, detail: str, at: int) -> QuicExchange:
        """The observation of this step where it could not be performed, `at` milliseconds into the measurement."""
        return QuicExchange(address=self.address, port=self.port, sni=self.sni, **self._observed(failure, detail, at))


class Trace(_AddressStep, frozen=True, kw_only=True):
    """Send one message with a limited TTL and see who answers.

    A TCP connection is opened with the full TTL first, so that only the message itself is limited.

    Attributes:
        payload: the kind of message.
        name: the server name, the URL, or the name to resolve.
        ttl: of the packets that carry the message, 1 to 255; the router that counts it down to zero drops the packet.
        rrtype: of a query.
    """

    payload: TracePayload
    port: int
    name: str
    ttl: int
    rrtype: str = "A"

    def unperformed(self, failure: Failure, detail: str, at: int) -> TraceReply:
        """The observation of this step where it could not be performed, `at` milliseconds into the measurement."""
        return TraceReply(
            payload=self.payload,
            address=self.address,
            port=self.port,
            name=self.name,
            ttl=self.ttl,
            opened=False,
            **self._observed(failure, detail, at),
        )


Step = Resolve | Connect | ConnectEach | Handshake | Fetch | Send | QuicHandshake | Trace
