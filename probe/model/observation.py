"""Observations: the result of one step at one layer, without a conclusion. Each kind has a record.

A step makes one observation for each layer it reached: a `Fetch` over https makes a `Connection`, a `TlsHandshake` and
an `Exchange`, and stops at the first that failed. `at` (since the measurement began) and `took` (from the
layer's start to its end) are whole milliseconds; `rtt`, `floor` and `wait`, which are held against each other, are
microseconds. Evidence stores these records as they are: names are short, defaults are left out of the JSON, and no
field identifies the vantage (no local addresses, cookies or private resolvers' addresses).

Each kind describes itself: how it failed (`ending`), its traffic, and the name by which a packet capture finds it.
"""

from __future__ import annotations

from enum import StrEnum
from urllib.parse import urlsplit

import msgspec

from probe.model.failure import Failure
from probe.model.flow import MAX_FREEZE_BYTES, MIN_ANSWER_BYTES, MIN_SENT_BYTES, Flow, is_freeze
from probe.model.hop import Layer, LayerFailure
from probe.model.observation_base import ObservationBase, ObservationTraffic
from probe.model.resolution import LateAnswer, Resolution

__all__ = [
    "Certificate",
    "Connection",
    "Conversation",
    "Exchange",
    "LateAnswer",
    "Observation",
    "ObservationTraffic",
    "QuicExchange",
    "Resolution",
    "Sending",
    "TlsHandshake",
    "TracePayload",
    "TraceReply",
]


class Connection(ObservationBase, frozen=True, kw_only=True, omit_defaults=True, tag="tcp"):
    """A TCP handshake.

    Attributes:
        segment: the maximum segment size that was advertised, in octets; 0 for the usual.
        rtt: round trip of the SYN by the kernel's clock, in microseconds; 0 when unknown or when a SYN was sent again.
        resent: SYNs that were sent again, as far as the kernel tells.
    """

    address: str
    port: int
    segment: int = 0
    rtt: int = 0
    resent: int = 0

    @property
    def ending(self) -> LayerFailure | None:
        """How the connection failed; None where it was established."""
        return None if self.failure is None else LayerFailure(Layer.TCP, self.failure)

    @property
    def traffic(self) -> ObservationTraffic:
        """One connection."""
        return ObservationTraffic(connections=1, address=self.address)


class Certificate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The leaf certificate that the server sent.

    Attributes:
        sha256: hash of its DER, hexadecimal.
        issuer: common name (or organisation) of the issuer.
        subject: common name of the subject.
        names: at most eight DNS names of the SAN.
        not_before: start of its validity, RFC 3339, UTC.
        not_after: end of its validity, RFC 3339, UTC.
        error: OpenSSL's short reason when verification failed (`self-signed certificate`, `Hostname mismatch`, ...).
    """

    sha256: str = ""
    issuer: str = ""
    subject: str = ""
    names: tuple[str, ...] = ()
    not_before: str = ""
    not_after: str = ""
    error: str = ""


class TlsHandshake(ObservationBase, frozen=True, kw_only=True, omit_defaults=True, tag="tls"):
    """A TLS handshake on an established connection.

    Attributes:
        sni: the server name sent.
        verified: the certificate chain verified for the name sent.
        version: `TLSv1.2`, `TLSv1.3`.
        alert: the name of the alert that ended it (`handshake_failure`), empty when none did.
        answered: at least one byte arrived before it ended.
        acked: whether the ClientHello was acknowledged before the time-out (TCP_INFO, Linux only); None when unknown.
        wait: microseconds from the connection's establishment by the kernel's clock to the first answer: bytes, RST or
            FIN; 0 when none came or the kernel does not tell.
        floor: the lowest round trip of the connection by the kernel's clock, in microseconds; 0 when unknown, and for
            the subject, whose connection somebody on the path may have answered.
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
    wait: int = 0
    floor: int = 0
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


class Exchange(ObservationBase, frozen=True, kw_only=True, omit_defaults=True, tag="http"):
    """One HTTP request and its answer on an established connection.

    Attributes:
        secure: over a TLS session whose certificate verified.
        status: HTTP status; 0 when no status line arrived.
        location: the absolute URL of a redirect, without fragment, user name and the values in its query that could
            identify the visitor (`probe.measure.redaction`); empty when there is none.
        sets_cookie: a redirect that sets a cookie, so that the same URL asked for again may have another answer.
        title: the page's title, at most 120 characters.
        headers: names of the header fields, lower case, sorted, without those that most servers send
            (`COMMON_HEADERS` in `probe.measure.html_facts`); no values.
        head: names of the first header fields in the order and case in which they came, at most eight, of a sampled
            page in clear text: they show which program wrote it.
        length: bytes of the decoded body that were read; where the head alone was asked for, the length that it states.
        sha256: hash of those bytes, hexadecimal, first 32 digits.
        complete: the whole body arrived (or as much as the size limit allows).
        server: value of the Server header field of a sampled page, at most 48 characters.
        sample: text and markup of a page that another than the server may have written, at most 1,536 characters
            (`probe.measure.page_sample`).
        marks: ids of fingerprints that versions up to 0.1.0 found while measuring, instead of a sample; not written.
        flow: speed and pauses of the answer; None for a small page that arrived whole.
        wait: microseconds to the first answer: data, RST or FIN. In clear text since the connection's establishment by
            the kernel's clock; over TLS, under other names alone, since our last flight of the handshake; else 0.
        floor: the lowest round trip of the connection by the kernel's clock, in microseconds; 0 when unknown, and for
            the subject, whose connection somebody on the path may have answered.
    """

    url: str
    address: str
    secure: bool = False
    status: int = 0
    location: str = ""
    sets_cookie: bool = False
    title: str = ""
    headers: tuple[str, ...] = ()
    head: tuple[str, ...] = ()
    length: int = 0
    sha256: str = ""
    complete: bool = False
    server: str = ""
    sample: str = ""
    marks: tuple[str, ...] = ()
    flow: Flow | None = None
    wait: int = 0
    floor: int = 0

    @property
    def answered(self) -> bool:
        """Whether more than the beginning of an answer arrived.

        A page that stops without a reset before `MAX_FREEZE_BYTES` does not count. A page that a RST or FIN cuts after
        some of its body does: servers do that, while filters cut before the first byte. Over a verified session a
        status line is the server's word, however broken what follows is.
        """
        if self.status == 0:
            return False
        if self.complete or self.failure is None:
            return True
        if self.failure is Failure.GARBAGE and self.secure:
            return True
        if self.failure is not Failure.TIMEOUT:
            return self.length > 0
        return (self.length if self.flow is None else self.flow.bytes) >= MAX_FREEZE_BYTES

    @property
    def ending(self) -> LayerFailure | None:
        """How the exchange failed: without an answer, or (`Layer.BODY`) after its beginning; None where it answered."""
        if self.answered:
            return None
        failure = self.failure or Failure.EOF
        return LayerFailure(Layer.BODY if self.begun and failure is Failure.TIMEOUT else Layer.HTTP, failure)

    @property
    def capture_name(self) -> str:
        """The host of the URL."""
        return urlsplit(self.url).hostname or ""

    @property
    def transferred(self) -> int:
        """The bytes of its flow."""
        return self.flow.bytes if self.flow is not None else 0

    @property
    def begun(self) -> bool:
        """Whether at least the beginning of an answer arrived."""
        return self.status > 0 or (self.flow is not None and self.flow.bytes >= MIN_ANSWER_BYTES)

    @property
    def frozen(self) -> bool:
        """Whether the answer stopped after its first kilobytes until the time-out."""
        flow = self.flow
        if flow is None or self.failure is not Failure.TIMEOUT or not MIN_ANSWER_BYTES <= flow.bytes < MAX_FREEZE_BYTES:
            return False
        return is_freeze(flow.quiet, longest_pause=flow.stall, before=flow.took)

    @property
    def rate(self) -> float:
        """Bytes a second over the whole answer, the silence at its end included; 0 when unknown."""
        return self.flow.rate if self.flow is not None else 0.0

    @property
    def redirects(self) -> bool:
        """Whether clients follow the Location of this status automatically (RFC 9110 section 15.4)."""
        return self.status in {301, 302, 303, 307, 308}


class Sending(ObservationBase, frozen=True, kw_only=True, omit_defaults=True, tag="sent"):
    """Padded HEAD requests sent in one TLS connection, each after the answer to the one before.

    `at` and `took` are those of the requests, or of what failed before them.

    Attributes:
        sni: the server name sent.
        opened: the TCP connection was established.
        sent: bytes of the answered requests, as given to TLS.
        answers: number of answered requests.
        status: HTTP status of the last answer, 0 when there was none.
        complete: at least `MAX_FREEZE_BYTES` bytes were answered.
        stall: the longest wait for an answer that arrived, milliseconds.
        quiet: milliseconds of silence at the end when answers stopped.
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
        """Whether only the first kilobytes were answered, by the same limits as `Exchange.frozen`."""
        if self.failure is not Failure.TIMEOUT or self.complete:
            return False
        if not MIN_SENT_BYTES <= self.sent < MAX_FREEZE_BYTES:
            return False
        return is_freeze(self.quiet, longest_pause=self.stall, before=self.took - self.quiet)

    @property
    def traffic(self) -> ObservationTraffic:
        """One connection, and one handshake where it was established."""
        return ObservationTraffic(connections=1, handshakes=int(self.opened), address=self.address)


class TracePayload(StrEnum):
    """The kind of message that a trace sends."""

    HELLO = "tls"
    """A ClientHello."""
    REQUEST = "http"
    """An HTTP request in clear."""
    QUERY = "dns"
    """A plain DNS query."""


class QuicExchange(ObservationBase, frozen=True, kw_only=True, omit_defaults=True, tag="quic"):
    """A QUIC handshake, or a PING in the same connection some seconds later.

    Attributes:
        sni: the server name sent.
        verified: the certificate chain verified for the name sent.
        alert: the name of the TLS alert that ended it, empty when none did.
        answered: at least one datagram arrived.
        gap: 0 for the handshake; for the PING, milliseconds since the end of the handshake.
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
        """How the handshake or the PING failed; None where it did not."""
        return None if self.failure is None else LayerFailure(Layer.QUIC, self.failure)


class TraceReply(
    ObservationBase, frozen=True, kw_only=True, omit_defaults=True, tag="trace", rename={"payload": "said"}
):
    """The reply to one message of a trace; without a failure, the server or a device answered it.

    The failure `unreachable` is an ICMP Time Exceeded. The program does not read its sender, because the first routers
    belong to the vantage's own network.

    Attributes:
        payload: the kind of message; `said` in JSON.
        name, ttl: as in the step.
        opened: the connection was established, and still open, when the message was sent.
        acked: whether an unanswered message was acknowledged (Linux only); None when unknown.
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
        """A connection for everything but a query, and a handshake for a ClientHello on an established connection."""
        hello = self.payload is TracePayload.HELLO and self.opened
        return ObservationTraffic(int(self.payload is not TracePayload.QUERY), int(hello), self.address)


Conversation = Connection | TlsHandshake | Exchange | QuicExchange
"""An observation of a hop's subject at one address."""

Observation = Resolution | LateAnswer | Connection | TlsHandshake | Exchange | Sending | QuicExchange | TraceReply
