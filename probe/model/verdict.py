"""The judgment and its grounds (contract: The verdict)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Self

import msgspec

from probe.model.failure import Failure
from probe.model.location import Location
from probe.model.observation import Observation
from probe.model.packets import PacketTrace


class Status(StrEnum):
    """What is said of a target."""

    REACHABLE = "reachable"
    BLOCKED = "blocked"
    THROTTLED = "throttled"
    DOWN = "down"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"


class Cause(StrEnum):
    """What was seen; the first in a verdict decided."""

    DNS_NXDOMAIN = "dns.nxdomain"
    DNS_REFUSED = "dns.refused"
    DNS_SERVFAIL = "dns.servfail"
    DNS_TIMEOUT = "dns.timeout"
    DNS_NODATA = "dns.nodata"
    DNS_BOGON = "dns.bogon"
    DNS_SPOOFED = "dns.spoofed"
    DNS_INJECTED = "dns.injected"
    TCP_TIMEOUT = "tcp.timeout"
    TCP_RESET = "tcp.reset"
    TCP_UNREACHABLE = "tcp.unreachable"
    TLS_TIMEOUT = "tls.timeout"
    TLS_RESET = "tls.reset"
    TLS_EOF = "tls.eof"
    TLS_SNI = "tls.sni"
    TLS_MITM = "tls.mitm"
    HTTP_RESET = "http.reset"
    HTTP_TIMEOUT = "http.timeout"
    HTTP_EOF = "http.eof"
    HTTP_BLOCKPAGE = "http.blockpage"
    HTTP_REDIRECT = "http.redirect"
    THROTTLE_RATE = "throttle.rate"
    THROTTLE_FREEZE = "throttle.freeze"
    QUIC_TIMEOUT = "quic.timeout"
    IP_RANGE = "ip.range"


class VantageState(StrEnum):
    """Whether anything can be concluded here."""

    ONLINE = "online"
    OFFLINE = "offline"
    PORTAL = "portal"
    ALLOWLIST = "allowlist"
    POLICED = "policed"


class VantageNote(StrEnum):
    """What is wrong with a vantage, or stands between it and its network, whatever its state."""

    CLOCK_WRONG = "clock_wrong"
    """The anchors answer, and their certificates are expired or not yet valid: this host's clock is wrong."""
    IPV6_BROKEN = "ipv6_broken"
    """This host has a route for IPv6, and no anchor that has an IPv6 address is reached over it."""
    RESOLVER_DEAD = "resolver_dead"
    """The network's resolver finds none of the anchors' names, and they exist."""
    TUNNEL = "tunnel"
    """The default route leads through a tunnel device: what is seen is what its far end sees."""
    PROXY = "proxy"
    """The environment names a proxy: other programs on this host may see another network than this one does."""
    FAKE_ADDRESSES = "fake_addresses"
    """The resolver answers with addresses for benchmarks (198.18.0.0/15), as tools do that take connections over."""


class AnchorKind(StrEnum):
    """Which class of place an anchor belongs to."""

    FOREIGN = "foreign"
    DOMESTIC = "domestic"


IPV6_WORKS = "ok"
"""Value of `AnchorLook.ipv6_result` for an IPv6 address that accepted a connection."""


class AnchorAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What answered at an anchor's address, where no verified certificate shows that it was the anchor.

    Attributes:
        status: of a page in clear text; 0 for a certificate that did not verify.
        location: as in `Exchange`; likewise the following.
        sha256: empty for an empty body.
        complete: the whole body came.
        server: value of the Server header field.
        sample: the page's markup.
        certificate_error: why the certificate did not verify.
    """

    status: int = 0
    location: str = ""
    sha256: str = ""
    complete: bool = False
    server: str = ""
    sample: str = ""
    certificate_error: str = ""


class AnchorResult(NamedTuple):
    """Result of one fetch of an anchor from one address; the defaults describe an anchor that works.

    Attributes:
        failure: None when it answered.
        foreign: something else answered in its place.
        outdated: it answered, and only the dates of its certificate are wrong.
        over_ipv6: the address was an IPv6 address.
        answer: the facts from which `foreign` and `outdated` follow; None where nothing answered, or a verified
            session did.
    """

    failure: Failure | None = None
    foreign: bool = False
    outdated: bool = False
    over_ipv6: bool = False
    answer: AnchorAnswer | None = None

    @property
    def works(self) -> bool:
        """The anchor itself answered."""
        return self.failure is None and not self.foreign

    @classmethod
    def best(cls, results: Sequence[Self]) -> Self:
        """Return the result that stands for the anchor: one address that works is enough.

        A wrong answer ranks before silence, because it says more. No result at all counts as a time-out.
        """
        ranked = sorted(results, key=lambda result: (not result.works, not result.outdated, not result.foreign))
        return ranked[0] if ranked else cls(Failure.TIMEOUT)


class AnchorLook(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    rename={"ipv6_result": "six", "fake_address": "fake", "over_ipv6": "over_six"},
):
    """Result of one look at an anchor, a site that must work if the vantage works.

    Attributes:
        at: time of the look, RFC 3339 UTC.
        failure: how the anchor failed; None when it worked.
        foreign_content: something else answered (a certificate for another name, the redirect of a portal).
        outdated: the anchor answered, and only the dates of its certificate are wrong.
        resolver: how the system's resolver failed to find the anchor's name, where a trusted resolver found it.
        ipv6_result: whether the anchor's IPv6 address accepts connections: `ok`, or how it failed; empty where it was
            not tried. `six` in JSON.
        fake_address: the system's resolver gave an address of 198.18.0.0/15. `fake` in JSON.
        over_ipv6: the anchor answered over IPv6, so that the look shows nothing about IPv4. `over_six` in JSON.
        answer: the facts that judging reads to find `foreign_content` and `outdated`; None in looks of version 0.1.0.
    """

    url: str
    kind: AnchorKind
    at: datetime
    failure: Failure | None = None
    foreign_content: bool = False
    outdated: bool = False
    resolver: Failure | None = None
    ipv6_result: str = ""
    fake_address: bool = False
    over_ipv6: bool = False
    answer: AnchorAnswer | None = None


class Vantage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the verdict was made: never an address.

    Attributes:
        asn: AS number, 0 when not known.
        country: ISO 3166 code, empty when not known.
        anchors: the looks `state` was concluded from.
        notes: what else is known of it (`VantageNote`), sorted.
    """

    state: VantageState
    asn: int = 0
    country: str = ""
    anchors: tuple[AnchorLook, ...] = ()
    notes: tuple[str, ...] = ()


class ControlPage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A page as the control got it: what identifies it."""

    url: str
    status: int = 0
    location: str = ""
    title: str = ""
    headers: tuple[str, ...] = ()
    length: int = 0
    sha256: str = ""


class ControlFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the control says of one target; absent when it has no entry.

    Attributes:
        time: start of the control's (newest) measurement.
        statuses: the different statuses of the control's lines, sorted; more than one: it disagrees with itself.
        causes: of the newest line.
        addresses: host name -> addresses it resolved to there.
        certificates: host name -> SHA-256 of the leaf certificates that verified there.
        pages: per chain and hop, in order, as fetched there.
        failures: words of what failed there (`tcp.timeout`, `tls.certificate`, `tls.alert`), sorted.
        hits: of a range: address that answered there -> `tcp`, or `tls` where it answered a ClientHello too.
        misses: of a range: addresses that were silent there.
    """

    time: datetime
    statuses: tuple[Status, ...]
    causes: tuple[Cause, ...] = ()
    addresses: dict[str, tuple[str, ...]] = {}
    certificates: dict[str, tuple[str, ...]] = {}
    pages: tuple[ControlPage, ...] = ()
    failures: tuple[str, ...] = ()
    hits: dict[str, str] = {}
    misses: tuple[str, ...] = ()


class Evidence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was seen and what was compared with it: enough to judge again.

    The first block is what judging reads, the second what it found out on the way.

    Attributes:
        observations: in the order they were made.
        control: what was used of the control; None when it had no entry for this target or there was none.
        attempt: 0, or which re-test this was.
        error: why the measurement itself failed, when it did.
        rules: version of the rules that judged.
        server_refusal: HTTP status in which the server itself said no (403, 429, 451, 503 ..), over a verified session.
        server_alert: name of the TLS alert that ended the handshake here and not at control.
        families: family -> cause (or failure), for a family that fails while the other serves.
        failing: address -> cause (or failure), for addresses that fail while others serve; of a range likewise, and the
            sub-prefix in their place where it fails as a whole.
        hop: the URL of the redirect hop that decided.
        packets: what the packets of failing conversations showed, where a privileged watcher looked; no rule reads it.
        location: where on the path a blocked name or request met what blocks it, where that was looked for and found.
        notes: ids of further things worth a reader's eye (`cdn_acquitted`, `hosts_file`, `nxdomain_rewritten` ..).
    """

    observations: tuple[Observation, ...] = ()
    control: ControlFacts | None = None
    attempt: int = 0
    error: str = ""

    rules: int = 0
    server_refusal: int = 0
    server_alert: str = ""
    families: dict[str, str] = {}
    failing: dict[str, str] = {}
    hop: str = ""
    packets: tuple[PacketTrace, ...] = ()
    location: Location | None = None
    notes: tuple[str, ...] = ()


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `probe check --json`."""

    time: datetime
    target: str
    status: Status
    causes: tuple[Cause, ...] = ()
    rule: str = ""
    evidence: Evidence = Evidence()
    vantage: Vantage
