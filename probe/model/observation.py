"""Observations: what one step saw at one layer, without a conclusion. One record a kind.

A step makes one observation for each layer it reached: a `Fetch` over https makes a `Connection`, a `TlsHandshake` and
an `Exchange`, and stops at the first that failed. All times are whole milliseconds: `at` since the measurement began,
`took` from the layer's start to its end. Evidence stores these records as they are: names are short, defaults are left
out of the JSON, and no field identifies the vantage (no local addresses, cookies or private resolvers' addresses).

Each kind describes itself: how it failed (`ending`), what traffic it stands for, and the name a packet capture shows.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from probe.model.failure import Failure
from probe.model.flow import MAX_FREEZE_BYTES, MIN_ANSWER_BYTES, MIN_SENT_BYTES, Flow, is_freeze
from probe.model.hop import Layer, LayerFailure, Purpose
from probe.model.resolver import Trust


class ObservationTraffic(NamedTuple):
    """The traffic that one observation stands for; UDP is not counted.

    Attributes:
        connections: TCP handshakes begun.
        handshakes: TLS handshakes begun.
        address: where they went.
    """

    connections: int = 0
    handshakes: int = 0
    address: str = ""


class _ObservationBase(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind"):
    at: int = 0
    took: int = 0
    chain: int = 0
    hop: int = 0
    attempt: int = 0
    purpose: Purpose = Purpose.SUBJECT
    failure: Failure | None = None
    detail: str = ""
    """A few words for a person (an alert's name, an OpenSSL reason); no rule may read it."""

    @property
    def traffic(self) -> ObservationTraffic:
        """The connections and handshakes begun; none for a kind that does not say."""
        return ObservationTraffic()

    @property
    def capture_name(self) -> str:
        """The name by which a packet capture finds this conversation; empty unless the kind says so."""
        return ""


class Resolution(_ObservationBase, frozen=True, kw_only=True, omit_defaults=True, tag="dns"):
    """One resolver's (first) answer.

    Attributes:
        resolver: as in the step, except that a resolver at a private address is written `network`.
        addresses: of the type asked for, in the answer's order, aliases followed.
        aliases: CNAME targets in order.
        ech: of an HTTPS record: it offers Encrypted ClientHello.
    """

    name: str
    rrtype: str
    resolver: str
    trust: Trust
    addresses: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    ech: bool = False

    @property
    def capture_name(self) -> str:
        """The name asked for, where it was asked for in plain DNS."""
        return self.name if self.trust is Trust.NETWORK else ""


class LateAnswer(_ObservationBase, frozen=True, kw_only=True, omit_defaults=True, tag="dns_late"):
    """A further answer to the same query (same socket, same id) that differs from the first.

    Attributes:
        gap: milliseconds after the first answer.
    """

    name: str
    rrtype: str
    resolver: str
    trust: Trust
    gap: int
    addresses: tuple[str, ...] = ()


class Connection(_ObservationBase, frozen=True, kw_only=True, omit_defaults=True, tag="tcp"):
    """A TCP handshake.

    Attributes:
        segment: the largest segment that the other side was asked to send, in octets; 0 for the usual.
    """

    address: str
    port: int
    segment: int = 0

    @property
    def ending(self) -> LayerFailure | None:
        """How the connection failed; None where it stood."""
        return None if self.failure is None else LayerFailure(Layer.TCP, self.failure)

    @property
    def traffic(self) -> ObservationTraffic:
        """One connection."""
        return ObservationTraffic(connections=1, address=self.address)


class Certificate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The leaf certificate that was shown.

    Attributes:
        sha256: of its DER, hexadecimal.
        issuer: common name (or organisation) of the issuer.
        subject: common name of the subject.
        names: at most eight DNS names of the SAN.
        not_before: RFC 3339, UTC.
        not_after: RFC 3339, UTC.
        error: OpenSSL's short reason when it did not verify (`self-signed certificate`, `Hostname mismatch`, ...).
    """

    sha256: str = ""
    issuer: str = ""
    subject: str = ""
    names: tuple[str, ...] = ()
    not_before: str = ""
    not_after: str = ""
    error: str = ""


class TlsHandshake(_ObservationBase, frozen=True, kw_only=True, omit_defaults=True, tag="tls"):
    """A TLS handshake on a connection that stood.

    Attributes:
        sni: the server name sent.
        verified: the certificate chain verified for the name sent.
        version: `TLSv1.2`, `TLSv1.3`.
        alert: the name of the alert that ended it (`handshake_failure`), empty when none did.
        answered: at least one byte came back before it ended.
        acked: Linux only: whether the ClientHello had been acknowledged when the step gave up (TCP_INFO); None unknown.
    """

    address: str
    port: int
    sni: str
    verified: bool = False
    version: str = ""
    alpn: str = ""
    alert: str = ""
    answered: bool = False
    acked: bool | None = None
    certificate: Certificate | None = None

    @property
    def ending(self) -> LayerFailure | None:
        """How the handshake failed; None where it was complete, verified or not."""
        return None if self.failure is None else LayerFailure(Layer.TLS, self.failure)

    @property
    def traffic(self) -> ObservationTraffic:
        """One handshake."""
        return ObservationTraffic(handshakes=1, address=self.address)

    @property
    def capture_name(self) -> str:
        """The server name."""
        return self.sni


class Exchange(_ObservationBase, frozen=True, kw_only=True, omit_defaults=True, tag="http"):
    """One HTTP request and its answer on a connection that stood.

    Attributes:
        secure: over a TLS session whose certificate verified.
        status: 0 when no status line came.
        location: the absolute URL of a redirect, fragment removed; empty when there is none.
        title: the page's title, at most 120 characters.
        headers: names of the header fields, lower case, sorted, without those that most servers send
            (`COMMON_HEADERS` in `probe.measure.html_facts`); no values.
        length: bytes of the decoded body that were read.
        sha256: of those bytes, hexadecimal, first 32 digits.
        complete: the whole body came (or as much as our bound allows).
        server: of a sampled page, the value of its Server header field, at most 48 characters.
        sample: of a page that somebody else than the server may have written, its markup, at most 1,536 characters
            (`probe.measure.page_sample`).
        marks: ids of fingerprints that versions up to 0.1.0 found while measuring, in place of a sample; not written.
        flow: how it came in; None for a small page that came whole.
    """

    url: str
    address: str
    secure: bool = False
    status: int = 0
    location: str = ""
    title: str = ""
    headers: tuple[str, ...] = ()
    length: int = 0
    sha256: str = ""
    complete: bool = False
    server: str = ""
    sample: str = ""
    marks: tuple[str, ...] = ()
    flow: Flow | None = None

    @property
    def answered(self) -> bool:
        """Whether an answer came that is more than its beginning.

        A page that stops in silence before `MAX_FREEZE_BYTES` does not count. A page cut by RST or FIN after some of
        its body does: servers do that, and filters cut before the first byte.
        """
        if self.status == 0:
            return False
        if self.complete or self.failure is None:
            return True
        if self.failure is not Failure.TIMEOUT:
            return self.length > 0
        return (self.length if self.flow is None else self.flow.bytes) >= MAX_FREEZE_BYTES

    @property
    def ending(self) -> LayerFailure | None:
        """How the exchange failed: no answer came, or (`Layer.BODY`) one that stopped; None where it answered."""
        if self.answered:
            return None
        failure = self.failure or Failure.EOF
        return LayerFailure(Layer.BODY if self.begun and failure is Failure.TIMEOUT else Layer.HTTP, failure)

    @property
    def capture_name(self) -> str:
        """The host of the URL."""
        return urlsplit(self.url).hostname or ""

    @property
    def begun(self) -> bool:
        """Whether at least the beginning of an answer came."""
        return self.status > 0 or (self.flow is not None and self.flow.bytes >= MIN_ANSWER_BYTES)

    @property
    def frozen(self) -> bool:
        """Whether the answer stopped after its first kilobytes and did not go on while the step waited."""
        flow = self.flow
        if flow is None or self.failure is not Failure.TIMEOUT or not MIN_ANSWER_BYTES <= flow.bytes < MAX_FREEZE_BYTES:
            return False
        return is_freeze(flow.quiet, longest_pause=flow.stall, before=flow.took)

    @property
    def rate(self) -> float:
        """Bytes a second over the whole answer, silence at the end included; 0 where nothing is known of it."""
        return 1000 * self.flow.bytes / max(1, self.flow.took + self.flow.quiet) if self.flow is not None else 0.0

    @property
    def redirects(self) -> bool:
        """Whether the status is one whose Location a client follows by itself (RFC 9110 section 15.4)."""
        return self.status in {301, 302, 303, 307, 308}


class Sending(_ObservationBase, frozen=True, kw_only=True, omit_defaults=True, tag="sent"):
    """Padded HEAD requests sent in one TLS connection, each after the answer to the one before.

    `at` and `took` are those of the requests, or of what failed before them.

    Attributes:
        sni: the server name sent.
        opened: the TCP connection stood.
        sent: bytes of the requests that were answered, as given to TLS.
        answers: how many were.
        status: of the last answer, 0 when there was none.
        complete: at least `MAX_FREEZE_BYTES` bytes were answered.
        stall: the longest wait for an answer that came, milliseconds.
        quiet: milliseconds of silence at the end of a sending that stopped.
    """

    url: str
    address: str
    sni: str
    opened: bool = True
    sent: int = 0
    answers: int = 0
    status: int = 0
    complete: bool = False
    stall: int = 0
    quiet: int = 0

    @property
    def frozen(self) -> bool:
        """Whether answers came to the first kilobytes and to nothing later, by the measure of `Exchange.frozen`."""
        if self.failure is not Failure.TIMEOUT or self.complete:
            return False
        if not MIN_SENT_BYTES <= self.sent < MAX_FREEZE_BYTES:
            return False
        return is_freeze(self.quiet, longest_pause=self.stall, before=self.took - self.quiet)

    @property
    def traffic(self) -> ObservationTraffic:
        """One connection, and one handshake where it stood."""
        return ObservationTraffic(connections=1, handshakes=int(self.opened), address=self.address)


class TracePayload(StrEnum):
    """The kind of message that a trace sends."""

    HELLO = "tls"
    """A ClientHello."""
    REQUEST = "http"
    """An HTTP request in clear."""
    QUERY = "dns"
    """A plain DNS query."""


class QuicExchange(_ObservationBase, frozen=True, kw_only=True, omit_defaults=True, tag="quic"):
    """A QUIC handshake, or the look at its addresses and ports some seconds after it.

    Attributes:
        sni: the server name sent.
        verified: the certificate chain verified for the name sent.
        alert: the name of the TLS alert that ended it, empty when none did.
        answered: at least one datagram came back in this part.
        gap: 0 for the handshake; else milliseconds after its end at which the same tuple was tried again.
    """

    address: str
    port: int
    sni: str
    verified: bool = False
    alpn: str = ""
    alert: str = ""
    answered: bool = False
    gap: int = 0

    @property
    def ending(self) -> LayerFailure | None:
        """How the handshake, or the later look, failed; None where it did not."""
        return None if self.failure is None else LayerFailure(Layer.QUIC, self.failure)


class TraceReply(
    _ObservationBase, frozen=True, kw_only=True, omit_defaults=True, tag="trace", rename={"payload": "said"}
):
    """What came back to one message of a trace; without a failure, somebody answered it.

    `unreachable` is an ICMP Time Exceeded. Its sender is never read: the first routers are the vantage's own.

    Attributes:
        payload: the kind of message; `said` in JSON. `name` and `ttl` as in the step.
        opened: the connection stood, and nobody had cut it, before the message was sent.
        acked: Linux only: whether the message was acknowledged although nothing answered; None unknown.
    """

    payload: TracePayload
    address: str
    port: int
    name: str
    ttl: int
    opened: bool = True
    acked: bool | None = None

    @property
    def traffic(self) -> ObservationTraffic:
        """A connection for everything but a query, and a handshake for a ClientHello on one that stood."""
        hello = self.payload is TracePayload.HELLO and self.opened
        return ObservationTraffic(int(self.payload is not TracePayload.QUERY), int(hello), self.address)


Conversation = Connection | TlsHandshake | Exchange | QuicExchange
"""What is seen of a hop's subject at one address."""

Observation = Resolution | LateAnswer | Connection | TlsHandshake | Exchange | Sending | QuicExchange | TraceReply
