"""The verdict on a target, and the evidence that it follows from (contract: The verdict)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Self

import msgspec

from probe.model.evidence_source import EvidenceSource
from probe.model.failure import Failure
from probe.model.flow import Flow
from probe.model.glance_evidence import GlanceEvidence
from probe.model.location import Location
from probe.model.observation import Observation
from probe.model.packets import PacketTrace


class Status(StrEnum):
    """The status of a target."""

    REACHABLE = "reachable"
    BLOCKED = "blocked"
    THROTTLED = "throttled"
    DOWN = "down"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"


_CAUSE_FORM = re.compile(r"[a-z0-9]{1,20}(\.[a-z0-9_]{1,30}){1,3}")


class Cause(StrEnum):
    """The cause of a status: layer, dot, observation. The first cause of a verdict decided it.

    A cause of a newer version, which this one has no word for, is kept as it was read.
    """

    @classmethod
    def _missing_(cls, value: object) -> Cause | None:
        if not isinstance(value, str) or not _CAUSE_FORM.fullmatch(value):
            return None
        kept = str.__new__(cls, value)
        kept._name_ = kept._value_ = str(value)
        return kept

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
    """The state of the vantage, which decides whether a failure shows anything about a target."""

    ONLINE = "online"
    OFFLINE = "offline"
    PORTAL = "portal"
    ALLOWLIST = "allowlist"
    POLICED = "policed"


class VantageNote(StrEnum):
    """A fault of a vantage, or a device between it and its network; independent of its state."""

    CLOCK_WRONG = "clock_wrong"
    """The anchors answer with certificates that are expired or not yet valid: this host's clock is wrong."""
    IPV6_BROKEN = "ipv6_broken"
    """This host has a route for IPv6, but reaches no anchor over it."""
    RESOLVER_DEAD = "resolver_dead"
    """The network's resolver finds none of the anchors' names, although they exist."""
    TUNNEL = "tunnel"
    """The default route leads through a tunnel device: observations are those of its far end."""
    PROXY = "proxy"
    """The environment names a proxy: other programs on this host may see another network than this program."""
    FAKE_ADDRESSES = "fake_addresses"
    """The resolver answers with addresses for benchmarks (198.18.0.0/15), as transparent proxies do."""
    ANCHORS_DISAGREE = "anchors_disagree"
    """Some anchors work; others are silent, or somebody else answers: a walled garden, a used-up quota, a bad line."""
    ONE_HOST = "one_host"
    """One unknown host answers in the place of unrelated sites, and hardly any certificate verifies: a portal."""
    NO_AUTHORITIES = "no_authorities"
    """This host has no trusted certificate authorities, so that no certificate can be verified."""


class AnchorKind(StrEnum):
    """Where an anchor is, seen from the vantage's country."""

    FOREIGN = "foreign"
    DOMESTIC = "domestic"


IPV6_WORKS = "ok"
"""Value of `AnchorLook.ipv6_result` for an IPv6 address that accepted a connection."""


class AnchorAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An answer from an anchor's address that no verified certificate attributes to the anchor.

    Attributes:
        status: HTTP status of a page in clear text; 0 for a certificate that did not verify.
        location: absolute URL of a redirect, as in `Exchange`.
        sha256: hash of the body, as in `Exchange`; empty for an empty body.
        complete: the whole body arrived.
        server: value of the Server header field.
        sample: markup of the page.
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
        failure: how the fetch failed; None when something answered.
        foreign: something else answered in the anchor's place.
        outdated: the anchor answered, and only the dates of its certificate are wrong.
        over_ipv6: the address was an IPv6 address.
        cut_at: the address, where it cut the conversation after the anchor's ClientHello; empty otherwise.
        answer: the facts from which `foreign` and `outdated` follow; None where nothing answered, or where the
            certificate verified.
    """

    failure: Failure | None = None
    foreign: bool = False
    outdated: bool = False
    over_ipv6: bool = False
    cut_at: str = ""
    answer: AnchorAnswer | None = None

    @property
    def works(self) -> bool:
        """Whether the anchor itself answered."""
        return self.failure is None and not self.foreign

    @classmethod
    def best(cls, results: Sequence[Self]) -> Self:
        """Return the result that stands for the anchor: one address that works is enough.

        A wrong answer ranks before silence, because it shows more. An empty sequence counts as a time-out.
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
    """Result of one look at an anchor, a site that must work if the vantage works; `at` is its time, RFC 3339 UTC.

    Attributes:
        failure: how the anchor failed; None when it worked.
        foreign_content: something else answered (a certificate for another name, the redirect of a portal).
        outdated: the anchor answered, and only the dates of its certificate are wrong.
        resolver: how the system's resolver failed to find the anchor's name, where a trusted resolver found it.
        ipv6_result: whether the anchor's IPv6 address accepts connections: `ok`, or how it failed; empty where it was
            not tried. `six` in JSON.
        fake_address: the system's resolver gave an address of 198.18.0.0/15. `fake` in JSON.
        over_ipv6: the anchor answered over IPv6, so that the look shows nothing about IPv4. `over_six` in JSON.
        cut_by_name: the anchor's address cut its name and answered another: a censor blocks this anchor.
        lost_under_load: it was silent a moment before, while other connections of this program carried data.
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
    cut_by_name: bool = False
    lost_under_load: bool = False
    answer: AnchorAnswer | None = None


class Vantage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The vantage of a verdict, named by network and country and never by address.

    Attributes:
        asn: AS number, 0 when not known.
        country: ISO 3166 code, empty when not known.
        anchors: the looks from which `state` follows.
        ipv6_answered: another target of the same pass answered over IPv6.
        notes: values of `VantageNote`, and other ids, sorted.
    """

    state: VantageState
    asn: int = 0
    country: str = ""
    anchors: tuple[AnchorLook, ...] = ()
    ipv6_answered: bool = False
    notes: tuple[str, ...] = ()


class ControlPage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The features that identify a page, as the control received it.

    Attributes:
        flow: speed and pauses of a page large enough to show them, as in `Exchange`; None in facts of version 0.1.0.
    """

    url: str
    status: int = 0
    location: str = ""
    title: str = ""
    headers: tuple[str, ...] = ()
    head: tuple[str, ...] = ()
    server: str = ""
    sample: str = ""
    length: int = 0
    sha256: str = ""
    flow: Flow | None = None


class ControlFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The control's facts about one target; a target that it did not measure has none.

    Attributes:
        time: start of the control's newest measurement of the target.
        statuses: the different statuses of the control's verdicts, sorted; several mean that they disagree.
        causes: causes of the newest verdict.
        addresses: host name -> addresses to which it resolved.
        certificates: host name -> SHA-256 of the leaf certificates that verified.
        pages: pages by chain and hop, in order.
        failures: layer failures (`tcp.timeout`, `tls.certificate`, `tls.alert`), sorted.
        hits: address of a range that answered -> `tcp`, or `tls` where it answered a ClientHello too.
        misses: addresses of a range that were silent.
        failing: addresses of the target, and address families, that failed there while others served; sorted.
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
    failing: tuple[str, ...] = ()


class RecentCut(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A conversation of another target that was cut at an address tried here, shortly before or meanwhile.

    Some censors keep an address silent for everybody's names for minutes after a forbidden one (residual blocking).

    Attributes:
        address: the address tried here; where the cut silenced its own address, that may be a neighbour (/24, /64).
        name: the server name that was cut.
        at: milliseconds of this measurement at which it was sent; negative before the measurement began.
        until: the moment at which the address answered some name again; None where it did not.
        silenced: the address accepted connections before, and no more after it.
    """

    address: str
    name: str
    at: int
    until: int | None = None
    silenced: bool = False


class NearerAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An answer that came sooner than the path's round trip; times are in microseconds.

    Attributes:
        address, port: where the subject was tried.
        what: `http.page`, or the failure: `tls.reset`.
        waits: time to the answer, of each try that ended so.
        floor: the lowest time in which the server can answer.
        connections: those with a known round trip.
        other: the shortest time in which another name was answered there; 0 where none was.
        proven: whether the server cannot have sent it (`probe.judge.nearer`).
    """

    address: str
    port: int
    what: str
    waits: tuple[int, ...]
    floor: int
    connections: int
    other: int = 0
    proven: bool = False


class Outage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A loss of the whole line, anchors included, right after this target's name was sent.

    Attributes:
        at: start of the measurement that lost the line.
        alone: nothing else was under way, anchors worked right before, and other names were answered before this one.
        back: the line came back.
    """

    at: datetime
    alone: bool = False
    back: bool = False


class Evidence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The evidence of a verdict. To judge again needs nothing else: it reads the first block and writes the second.

    Attributes:
        observations: observations in the order they were made.
        control: the control's facts about this target; None without a control or where it did not measure the target.
        recent_cuts: cuts under other names that may explain failures at the same addresses.
        nat64: prefixes with which the network's resolvers write IPv4 addresses inside IPv6 ones (RFC 6052).
        outages: losses of the whole line after this target's name.
        glance: glances at the target's chains; a rule reads them where no full look followed.
        attempt: 0, or the number of the re-test.
        error: why the measurement itself failed; empty when it did not.
        source: the measurement of another project that it was read from; None where this program measured.
        rules: version of the rules that judged.
        server_refusal: HTTP status with which the server refused over a verified session (403, 451 ..).
        server_alert: name of the TLS alert that ended the handshake here and not at the control.
        families: family -> cause (or failure), for a family that fails while the other serves.
        failing: the same of addresses; in a range, a sub-prefix that fails as a whole stands for its addresses.
        hop: URL of the redirect hop that decided.
        packets: packets of failing conversations, where the capture process ran; no rule reads them.
        location: position on the path of the device that blocks a name or request, where a search found it.
        nearer: answers that came sooner than the server can send them.
        notes: ids of further findings (`cdn_acquitted`, `hosts_file`, `nxdomain_rewritten` ..).
    """

    observations: tuple[Observation, ...] = ()
    control: ControlFacts | None = None
    recent_cuts: tuple[RecentCut, ...] = ()
    outages: tuple[Outage, ...] = ()
    glance: tuple[GlanceEvidence, ...] = ()
    nat64: tuple[str, ...] = ()
    attempt: int = 0
    error: str = ""
    source: EvidenceSource | None = None

    rules: int = 0
    server_refusal: int = 0
    server_alert: str = ""
    families: dict[str, str] = {}
    failing: dict[str, str] = {}
    hop: str = ""
    packets: tuple[PacketTrace, ...] = ()
    location: Location | None = None
    nearer: tuple[NearerAnswer, ...] = ()
    notes: tuple[str, ...] = ()


ANSWERED_BESIDE_NOTES = frozenset({"other_port_answered", "tcp_answered"})
"""Notes of evidence: the target's host answered at another port, or over TCP, while the target was silent."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on one target; one line of `probe check --json`."""

    time: datetime
    target: str
    status: Status
    causes: tuple[Cause, ...] = ()
    rule: str = ""
    evidence: Evidence = Evidence()
    vantage: Vantage
