"""What one step saw, layer by layer, without opinion. One record a kind.

A step yields one observation per layer it reached: a `Fetch` over https yields a `Connection`, a `TlsHandshake` and
an `Exchange`, and stops at the first that failed. All times are whole milliseconds: `at` since the measurement began,
`took` from the layer's start to its end. Records are what goes into evidence, so names are short, defaults are left out
of the JSON and nothing in them can identify the vantage: no local addresses, cookies or private resolvers' addresses.
"""

from __future__ import annotations

import msgspec

from probe.model.failure import Failure
from probe.model.hop import Layer, LayerFailure
from probe.model.step import Purpose, Said, Trust


class _Observed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind"):
    at: int = 0
    took: int = 0
    chain: int = 0
    hop: int = 0
    attempt: int = 0
    purpose: Purpose = Purpose.SUBJECT
    failure: Failure | None = None
    detail: str = ""
    """A few words for a person (an alert's name, an OpenSSL reason); no rule may read it."""


class Resolution(_Observed, frozen=True, kw_only=True, omit_defaults=True, tag="dns"):
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


class LateAnswer(_Observed, frozen=True, kw_only=True, omit_defaults=True, tag="dns_late"):
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


class Connection(_Observed, frozen=True, kw_only=True, omit_defaults=True, tag="tcp"):
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


class TlsHandshake(_Observed, frozen=True, kw_only=True, omit_defaults=True, tag="tls"):
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


class Flow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How an answer's bytes came in, as the socket saw them: under TLS and content coding.

    Attributes:
        bytes: received since the request was sent.
        took: milliseconds from the first to the last of them.
        stall: the longest silence between two of them, milliseconds.
        quiet: milliseconds of silence after the last of them, until the step ended.
    """

    bytes: int
    took: int = 0
    stall: int = 0
    quiet: int = 0


ENOUGH_FLOW = 65_536
"""Bytes in one connection after which no freeze is to be expected: they stop transfers after 12 to 34 KiB
(net4people/bbs#490, #546; published checkers look at 10 to 69 KB)."""
_BEGUN = 4_096
"""Bytes that are more than the session tickets which follow a TLS 1.3 handshake: an answer has begun, even where no
whole TLS record (at most 16 KiB) has come of it."""
_QUIET = 2_000
"""Milliseconds of silence that a lost packet alone does not make: four repetitions at the usual 0.2 s, doubled."""


class Exchange(_Observed, frozen=True, kw_only=True, omit_defaults=True, tag="http"):
    """One HTTP request and its answer on a connection that stood.

    Attributes:
        secure: over a TLS session whose certificate verified.
        status: 0 when no status line came.
        location: the absolute URL of a redirect, fragment removed; empty when there is none.
        title: the page's title, at most 120 characters.
        headers: names of the header fields, lower case, sorted, without the everyday ones.
        length: bytes of the decoded body that were read.
        sha256: of those bytes, hexadecimal, first 32 digits.
        complete: the whole body came (or as much as our bound allows).
        server: of a sampled page, the value of its Server header field, at most 48 characters.
        sample: of a page that somebody else than the server may have written, its markup, at most 2,048 characters
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

        A page that stops in silence before `ENOUGH_FLOW` is none. One that is cut by RST or FIN after some of its body
        is: servers do that, and filters cut before the first byte.
        """
        if self.status == 0:
            return False
        if self.complete or self.failure is None:
            return True
        if self.failure is not Failure.TIMEOUT:
            return self.length > 0
        return (self.length if self.flow is None else self.flow.bytes) >= ENOUGH_FLOW

    @property
    def ending(self) -> LayerFailure | None:
        """How the exchange failed: no answer came, or (`Layer.BODY`) one that stopped; None where it answered."""
        if self.answered:
            return None
        failure = self.failure or Failure.EOF
        return LayerFailure(Layer.BODY if self.begun and failure is Failure.TIMEOUT else Layer.HTTP, failure)

    @property
    def begun(self) -> bool:
        """Whether at least the beginning of an answer came."""
        return self.status > 0 or (self.flow is not None and self.flow.bytes >= _BEGUN)

    @property
    def frozen(self) -> bool:
        """Whether the answer stopped after its first kilobytes and never went on while we waited.

        The silence must be longer than all that came before it, and twice as long as any pause in that: a line that
        loses many packets pauses longer and longer.
        """
        flow = self.flow
        if flow is None or self.failure is not Failure.TIMEOUT or not _BEGUN <= flow.bytes < ENOUGH_FLOW:
            return False
        return flow.quiet >= max(_QUIET, 2 * flow.stall, flow.took)

    @property
    def rate(self) -> float:
        """Bytes a second over the whole answer, silence at the end included; 0 where nothing is known of it."""
        return 1000 * self.flow.bytes / max(1, self.flow.took + self.flow.quiet) if self.flow is not None else 0.0

    @property
    def redirects(self) -> bool:
        """Whether the status is one whose Location a client follows by itself (RFC 9110 section 15.4)."""
        return self.status in {301, 302, 303, 307, 308}


_SENT = 8_192
"""Bytes sent and answered before a silence counts as a freeze: two requests, so that a connection which never carried
anything of size is no case of it. Freezes after 25 packets were seen from about here on (net4people/bbs#490)."""


class Sending(_Observed, frozen=True, kw_only=True, omit_defaults=True, tag="sent"):
    """Padded HEAD requests sent in one TLS connection, each after the answer to the one before.

    `at` and `took` are those of the requests, or of what failed before them.

    Attributes:
        sni: the server name sent.
        opened: the TCP connection stood.
        sent: bytes of the requests that were answered, as given to TLS.
        answers: how many were.
        status: of the last answer, 0 when there was none.
        complete: at least `ENOUGH_FLOW` bytes were answered.
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
        if self.failure is not Failure.TIMEOUT or self.complete or not _SENT <= self.sent < ENOUGH_FLOW:
            return False
        return self.quiet >= max(_QUIET, 2 * self.stall, self.took - self.quiet)


class QuicExchange(_Observed, frozen=True, kw_only=True, omit_defaults=True, tag="quic"):
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


class Traced(_Observed, frozen=True, kw_only=True, omit_defaults=True, tag="trace"):
    """What came back to words that only so many routers pass on. No failure: somebody answered them.

    `unreachable` is the path's own word that they ran out of routers (ICMP Time Exceeded). Who said so is never read:
    the first routers are the vantage's own.

    Attributes:
        said: what was said; `name` and `ttl` as in the step.
        opened: the connection stood, and nobody had cut it, before anything was said.
        acked: Linux only: whether somebody acknowledged the words when silence followed; None unknown.
    """

    said: Said
    address: str
    port: int
    name: str
    ttl: int
    opened: bool = True
    acked: bool | None = None


Conversation = Connection | TlsHandshake | Exchange | QuicExchange
"""What is seen of a hop's subject at one address."""

Observation = Resolution | LateAnswer | Connection | TlsHandshake | Exchange | Sending | QuicExchange | Traced
