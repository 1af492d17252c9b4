"""The rules: one ordered table. The first rule that applies to a hop decides it, and the verdict names it.

The order matters. First comes what cannot be known; then what works, so that no later rule can accuse a target that was
served (above it, what only seems to work: a relay that answers for everybody, a throttled page); then what an
allow-list or our own pace explains; then false answers about a name, which are proven whatever the control says; then
the control's outcome; then what fails only here; and last what nothing explains, which is never `blocked`.

After a rule that says `blocked`, later rules of other layers that apply too add their causes: a name may be poisoned
*and* cut by SNI. An id is never renamed and never used again; every change of the table raises `RULES_VERSION`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from probe.judge import residual
from probe.judge.conditions import (
    Predicate,
    always,
    anchors_disagree,
    control_is,
    measurement_failed,
    no_address_tried,
    nothing_seen,
    one_host,
    relayed_where_failing_proves_nothing,
    vantage_is,
)
from probe.judge.control import ControlOutcome
from probe.judge.evidence_hop import EvidenceHop
from probe.judge.late_predicates import LatePredicates
from probe.model.failure import Failure
from probe.model.hop import Layer
from probe.model.observation import Exchange, QuicExchange
from probe.model.verdict import Cause, Status, VantageState

if TYPE_CHECKING:
    from probe.judge import dns, glances, http, line_load, quic, ranges, tcp_tls, throttling
else:
    dns = LatePredicates("probe.judge.dns", lambda hop: hop.subject.is_name)
    glances = LatePredicates("probe.judge.glances", lambda hop: bool(hop.evidence.glance))
    http = LatePredicates("probe.judge.http")
    line_load = LatePredicates("probe.judge.line_load")
    quic = LatePredicates("probe.judge.quic", lambda hop: QuicExchange in hop.view.kinds)
    ranges = LatePredicates("probe.judge.ranges", lambda hop: hop.is_range)
    tcp_tls = LatePredicates("probe.judge.tcp_tls")
    throttling = LatePredicates("probe.judge.throttling", lambda hop: Exchange in hop.view.kinds)

RULES_VERSION = 2
"""Raised whenever a rule is added, removed, moved or changed in what it says."""


class Rule(msgspec.Struct, frozen=True):
    """One row of the table.

    Attributes:
        id: stable name, `layer.what` or `topic.what`.
        applies: the condition.
        status: what the rule says of the hop.
        why: the reason in one line, for a reader of the verdict.
        causes: of a rule that says `blocked` or `throttled`; those of an unreachable hop are read from the hop.
        at_one_address: interference is proven by what one address answers: two answers to one query that disagree, or
            another name that works there. Where the line itself is in doubt, no other rule accuses the network.
        source: where the rule comes from.
    """

    id: str
    applies: Predicate
    status: Status
    why: str
    causes: tuple[Cause, ...] = ()
    source: str = "contract: the verdict"
    at_one_address: bool = False

    def decides(self, hop: EvidenceHop) -> bool:
        """Whether the rule applies to a hop and may say what it says at this vantage."""
        accuses = self.status in {Status.BLOCKED, Status.THROTTLED}
        if accuses and hop.view.is_in_doubt and not self.at_one_address:
            return False
        return self.applies(hop)


_READINGS = "contract: where two readings are possible"
_CAUSES = "contract: causes"
_CDN = "OONI probe#2455, probe-engine#770: content networks answer differently everywhere"
_RELAYS = "transparent relays: net4people/bbs#294"
_RU = "Russian resolvers since 2024: net4people/bbs#580, #657"
_GFW = "net4people/bbs#47, #466: the GFW's injectors forge public addresses"
_SNI = "IMC'22 (TSPU), USENIX'25 (GFW); net4people/bbs#516"
_ECHOES = "residual blocking: IMC'17, S&P'25 (GFW), 90 to 360 s for an address and port"
_NEAR = "Weaver, Sommer, Paxson: Detecting Forged TCP Reset Packets, NDSS 2009"
_LINE_LOST = "the whole line is lost after this name, twice of two times, and comes back"
_LINES = "net4people/bbs#516, #546: lines that freeze as a whole"
_QUIC = "IMC'22: UDP/443 dropped by TSPU; USENIX'25: QUIC by name at the GFW"
_FREEZES = "net4people/bbs#490, #546: transfers that stop after 12 to 34 KiB; zapret#1836"
_THROTTLES = "IMC'22, censoredplanet.org/throttling; net4people/bbs#65, #382"

# fmt: off
RULES: tuple[Rule, ...] = (
    # What cannot be known.
    Rule("vantage.offline", vantage_is(VantageState.OFFLINE), Status.UNKNOWN,
         "the vantage is offline: no anchor answers", source=_READINGS),
    Rule("vantage.portal", vantage_is(VantageState.PORTAL), Status.UNKNOWN,
         "a captive portal answers in the place of every site", source=_READINGS),
    Rule("measurement.failed", measurement_failed, Status.UNKNOWN,
         "the measurement itself failed"),
    Rule("glance.same", glances.same, Status.REACHABLE,
         "a glance sees what it saw right after the last full look, which found the target reachable",
         source="docs/methods/glance.md"),
    Rule("glance.differs", glances.differs, Status.UNKNOWN,
         "a glance sees something else than after the last full look, and no full look followed",
         source="docs/methods/glance.md"),
    Rule("measurement.empty", nothing_seen, Status.UNKNOWN,
         "time was up before anything was seen"),
    Rule("vantage.login_page", http.answered_like_anchor, Status.UNKNOWN,
         "what answers in the place of an anchor answers here too: a portal", source=_READINGS),
    Rule("vantage.relayed", relayed_where_failing_proves_nothing, Status.UNKNOWN,
         "a relay accepts the connection, and failures prove nothing at this vantage", source=_READINGS),
    # What works, after what only seems to.
    Rule("tcp.relayed", tcp_tls.relayed, Status.UNREACHABLE,
         "a relay accepts connections to every address, so that this one proves nothing", source=_RELAYS),
    Rule("range.relayed", ranges.relayed, Status.UNREACHABLE,
         "a relay accepts connections to addresses where nothing listens, so that none proves anything",
         source=_RELAYS),
    Rule("throttle.rate", throttling.rate_limited, Status.THROTTLED,
         "the page comes far faster under another name at the same address", (Cause.THROTTLE_RATE,),
         source=_THROTTLES, at_one_address=True),
    Rule("throttle.rate.address", throttling.slowed_by_address, Status.THROTTLED,
         "the page crawls under every name; the control's and an anchor's come fast", (Cause.THROTTLE_RATE,),
         source=_THROTTLES),
    Rule("throttle.freeze.sent", throttling.upload_frozen, Status.THROTTLED,
         "uploads under this name stop after their first kilobytes, and pass under another", (Cause.THROTTLE_FREEZE,),
         source=_FREEZES, at_one_address=True),
    Rule("server.refusal", http.server_refuses, Status.REACHABLE,
         "the server itself turns us away, over verified TLS", source=_READINGS),
    Rule("served.acquitted", http.served_by_unknown_address, Status.REACHABLE,
         "served at an address that only this resolver gives, with a certificate that verifies", source=_CDN),
    Rule("served", http.works, Status.REACHABLE,
         "it works as it does for anyone"),
    # What fails, where failing proves nothing.
    Rule("vantage.allowlist", vantage_is(VantageState.ALLOWLIST), Status.UNKNOWN,
         "the network lets only an allow-list through", source=_READINGS),
    Rule("vantage.policed", vantage_is(VantageState.POLICED), Status.UNKNOWN,
         "the network punishes the pace of our own handshakes", source="net4people/bbs#546"),
    Rule("path.large", http.only_small_packets, Status.UNREACHABLE,
         "only small packets come through; large ones are lost on the path",
         source="RFC 2923: black holes of path MTU"),
    Rule("host.no_way", tcp_tls.own_fault, Status.UNKNOWN,
         "this host can reach none of the addresses"),
    Rule("host.trust", tcp_tls.own_trust, Status.UNKNOWN,
         "the certificate verifies at the control: this host's clock or authorities are wrong"),
    Rule("host.clock", tcp_tls.own_clock, Status.UNKNOWN,
         "the certificate is out of date, like those of all anchors: this host's clock is wrong"),
    Rule("host.resolver", dns.resolver_dead, Status.UNKNOWN,
         "the network's resolver is dead: it does not find the anchors either"),
    Rule("host.fake_addresses", dns.fake_addresses, Status.UNKNOWN,
         "the resolver gives every name an impossible address: a proxy or a closed network"),
    Rule("tls.allowlist", tcp_tls.allowlisted, Status.UNKNOWN,
         "the same address answers only an allow-listed name", source="net4people/bbs#516: mobile allow-lists"),
    # False answers about a name. They are proven whatever the rest of the path does.
    Rule("dns.injected", dns.injected, Status.BLOCKED,
         "two answers to one query disagree, and the first is false", (Cause.DNS_INJECTED,), source=_GFW,
         at_one_address=True),
    Rule("dns.injected.nowhere", dns.answered_nowhere, Status.BLOCKED,
         "queries for this name are answered from an address that runs no resolver", (Cause.DNS_INJECTED,), source=_GFW,
         at_one_address=True),
    Rule("dns.rewritten", dns.rewritten, Status.DOWN,
         "the name does not exist, and the resolver gives an address for every such name", source=_READINGS),
    Rule("dns.bogon", dns.interferes_by(Cause.DNS_BOGON), Status.BLOCKED,
         "the resolver gives a private or reserved address", (Cause.DNS_BOGON,), source=_CAUSES),
    Rule("dns.spoofed", dns.interferes_by(Cause.DNS_SPOOFED), Status.BLOCKED,
         "the resolver gives an address that does not serve the name", (Cause.DNS_SPOOFED,), source=_CAUSES),
    Rule("dns.nxdomain", dns.interferes_by(Cause.DNS_NXDOMAIN), Status.BLOCKED,
         "the resolver says that a name does not exist which does", (Cause.DNS_NXDOMAIN,), source=_RU),
    Rule("dns.nodata", dns.interferes_by(Cause.DNS_NODATA), Status.BLOCKED,
         "the resolver gives no address for a name that has some", (Cause.DNS_NODATA,), source=_CAUSES),
    Rule("dns.refused", dns.interferes_by(Cause.DNS_REFUSED), Status.BLOCKED,
         "the resolver refuses this name and answers others", (Cause.DNS_REFUSED,), source=_CAUSES),
    Rule("dns.servfail", dns.interferes_by(Cause.DNS_SERVFAIL), Status.BLOCKED,
         "the resolver fails at this name and answers others", (Cause.DNS_SERVFAIL,), source=_CAUSES),
    Rule("dns.timeout", dns.interferes_by(Cause.DNS_TIMEOUT), Status.BLOCKED,
         "the resolver does not answer this name and answers others", (Cause.DNS_TIMEOUT,), source=_CAUSES),
    # Another name at the same address is answered.
    Rule("tls.reset.sni", tcp_tls.cut_by_name(Failure.RESET), Status.BLOCKED,
         "RST after a ClientHello with this server name, and with no other", (Cause.TLS_RESET, Cause.TLS_SNI),
         source=_SNI, at_one_address=True),
    Rule("tls.timeout.sni", tcp_tls.cut_by_name(Failure.TIMEOUT), Status.BLOCKED,
         "silence after a ClientHello with this server name, and with no other", (Cause.TLS_TIMEOUT, Cause.TLS_SNI),
         source=_SNI, at_one_address=True),
    Rule("tls.eof.sni", tcp_tls.cut_by_name(Failure.EOF), Status.BLOCKED,
         "closed after a ClientHello with this server name, and with no other", (Cause.TLS_EOF, Cause.TLS_SNI),
         source=_SNI, at_one_address=True),
    Rule("tls.eof.garbage", tcp_tls.cut_by_name(Failure.GARBAGE), Status.BLOCKED,
         "bytes that are not TLS end the handshake with this server name, and with no other", (Cause.TLS_EOF,
         Cause.TLS_SNI), source="notices in place of the ServerHello: docs/methods/handshake.md",
         at_one_address=True),
    Rule("tls.timeout.line", tcp_tls.line_cut_by(Layer.TLS, Failure.TIMEOUT), Status.BLOCKED, _LINE_LOST,
         (Cause.TLS_TIMEOUT,), source=_LINES, at_one_address=True),
    Rule("tls.reset.line", tcp_tls.line_cut_by(Layer.TLS, Failure.RESET), Status.BLOCKED, _LINE_LOST,
         (Cause.TLS_RESET,), source=_LINES, at_one_address=True),
    Rule("http.timeout.line", tcp_tls.line_cut_by(Layer.HTTP, Failure.TIMEOUT), Status.BLOCKED, _LINE_LOST,
         (Cause.HTTP_TIMEOUT,), source=_LINES, at_one_address=True),
    Rule("quic.timeout.sni", quic.silent_by_name, Status.BLOCKED,
         "QUIC under this server name is silent, and under another it answers", (Cause.QUIC_TIMEOUT,), source=_QUIC,
         at_one_address=True),
    Rule("throttle.freeze.sni", throttling.frozen_by_name, Status.THROTTLED,
         "the page stops after its first kilobytes, and comes under another name", (Cause.THROTTLE_FREEZE,),
         source=_FREEZES, at_one_address=True),
    # Sooner than the server can answer, while another name is answered in full time.
    Rule("tls.reset.near", tcp_tls.nearer_by(Layer.TLS, Failure.RESET), Status.BLOCKED,
         "RST after the ClientHello, sooner than the server can send one", (Cause.TLS_RESET,), source=_NEAR,
         at_one_address=True),
    Rule("tls.eof.near", tcp_tls.nearer_by(Layer.TLS, Failure.EOF), Status.BLOCKED,
         "closed after the ClientHello, sooner than the server can close", (Cause.TLS_EOF,), source=_NEAR,
         at_one_address=True),
    Rule("tls.eof.alert", tcp_tls.nearer_by(Layer.TLS, Failure.ALERT), Status.BLOCKED,
         "ended by a TLS alert, sooner than the server can send one", (Cause.TLS_EOF, Cause.TLS_SNI), source=_NEAR,
         at_one_address=True),
    Rule("tls.mitm.near", tcp_tls.nearer_by(Layer.TLS, Failure.CERTIFICATE), Status.BLOCKED,
         "a certificate that does not verify, sooner than the server can send its own", (Cause.TLS_MITM,),
         source=_NEAR, at_one_address=True),
    Rule("http.reset.near", tcp_tls.nearer_by(Layer.HTTP, Failure.RESET), Status.BLOCKED,
         "RST after the request, sooner than the server can send one", (Cause.HTTP_RESET,), source=_NEAR,
         at_one_address=True),
    Rule("http.eof.near", tcp_tls.nearer_by(Layer.HTTP, Failure.EOF), Status.BLOCKED,
         "closed after the request, sooner than the server can close", (Cause.HTTP_EOF,), source=_NEAR,
         at_one_address=True),
    Rule("http.redirect.near", http.nearer_redirect, Status.BLOCKED,
         "a redirect off the site, sooner than the server can send one", (Cause.HTTP_REDIRECT,), source=_NEAR,
         at_one_address=True),
    Rule("http.blockpage.near", http.nearer_page, Status.BLOCKED,
         "a page that came sooner than the server can send its own", (Cause.HTTP_BLOCKPAGE,), source=_NEAR,
         at_one_address=True),
    # The control's outcome.
    Rule("control.disagrees", control_is(ControlOutcome.DISAGREES), Status.UNREACHABLE,
         "the control's verdicts disagree with each other", source=_READINGS),
    Rule("control.failed", control_is(ControlOutcome.FAILED), Status.DOWN,
         "it fails at the control too", source=_READINGS),
    Rule("dns.absent", dns.absent, Status.DOWN,
         "a trusted resolver knows no address either", source=_READINGS),
    # What fails only here.
    Rule("http.redirect", http.foreign_redirect, Status.BLOCKED,
         "redirected to a host to which the target redirects nobody else", (Cause.HTTP_REDIRECT,), source=_CAUSES),
    Rule("http.blockpage", http.foreign_page, Status.BLOCKED,
         "a page that the target did not write", (Cause.HTTP_BLOCKPAGE,), source=_CAUSES),
    Rule("tls.mitm", tcp_tls.forged_certificate, Status.BLOCKED,
         "a certificate that does not verify, in the place of the target's own", (Cause.TLS_MITM,), source=_CAUSES),
    Rule(residual.RESIDUAL_RULE, residual.explained_by_recent_cut, Status.UNKNOWN,
         "another name was cut at the same address shortly before, and the silence may be its echo", source=_ECHOES),
    Rule("line.overloaded", line_load.silent_under_load, Status.UNREACHABLE,
         "silence while packets waited in a full queue: this line is overloaded", source="RFC 8033: bufferbloat"),
    Rule("tcp.timeout.range", ranges.fails_only_here_by(Layer.TCP, Failure.TIMEOUT), Status.BLOCKED,
         "SYNs to the whole sample time out here; it answers at the control", (Cause.TCP_TIMEOUT, Cause.IP_RANGE),
         source=_CAUSES),
    Rule("tcp.reset.range", ranges.fails_only_here_by(Layer.TCP, Failure.RESET), Status.BLOCKED,
         "RST from the whole sample here; it answers at the control", (Cause.TCP_RESET, Cause.IP_RANGE),
         source=_CAUSES),
    Rule("tcp.unreachable.range", ranges.fails_only_here_by(Layer.TCP, Failure.UNREACHABLE), Status.BLOCKED,
         "ICMP errors for the whole sample here; it answers at the control", (Cause.TCP_UNREACHABLE, Cause.IP_RANGE),
         source=_CAUSES),
    Rule("tls.timeout.range", ranges.fails_only_here_by(Layer.TLS, Failure.TIMEOUT), Status.BLOCKED,
         "the whole sample connects, and only here is silent after any ClientHello", (Cause.TLS_TIMEOUT,
         Cause.IP_RANGE), source="net4people/bbs#516: SYNs pass, ClientHellos do not"),
    Rule("tls.reset.range", ranges.fails_only_here_by(Layer.TLS, Failure.RESET), Status.BLOCKED,
         "the whole sample connects, and only here resets after any ClientHello", (Cause.TLS_RESET, Cause.IP_RANGE),
         source=_CAUSES),
    Rule("tls.eof.range", ranges.fails_only_here_by(Layer.TLS, Failure.EOF), Status.BLOCKED,
         "the whole sample connects, and only here closes after any ClientHello", (Cause.TLS_EOF, Cause.IP_RANGE),
         source=_CAUSES),
    Rule("tcp.timeout", tcp_tls.fails_only_here_by(Layer.TCP, Failure.TIMEOUT), Status.BLOCKED,
         "SYNs time out here; served at the control", (Cause.TCP_TIMEOUT,), source=_CAUSES),
    Rule("tcp.reset", tcp_tls.fails_only_here_by(Layer.TCP, Failure.RESET), Status.BLOCKED,
         "RST to the SYN here; served at the control", (Cause.TCP_RESET,), source="net4people/bbs#511"),
    Rule("tcp.unreachable", tcp_tls.fails_only_here_by(Layer.TCP, Failure.UNREACHABLE), Status.BLOCKED,
         "ICMP error to the SYN here; served at the control", (Cause.TCP_UNREACHABLE,), source=_CAUSES),
    Rule("tls.reset", tcp_tls.fails_only_here_by(Layer.TLS, Failure.RESET), Status.BLOCKED,
         "RST after the ClientHello here; served at the control", (Cause.TLS_RESET,), source=_SNI),
    Rule("tls.timeout", tcp_tls.fails_only_here_by(Layer.TLS, Failure.TIMEOUT), Status.BLOCKED,
         "silence after the ClientHello here; served at the control", (Cause.TLS_TIMEOUT,), source=_SNI),
    Rule("tls.eof", tcp_tls.fails_only_here_by(Layer.TLS, Failure.EOF), Status.BLOCKED,
         "closed after the ClientHello here; served at the control", (Cause.TLS_EOF,), source=_CAUSES),
    Rule("http.slowed", tcp_tls.slowed_by_name, Status.UNREACHABLE,
         "silence after the request, and handshakes far slower than under another name", source=_THROTTLES),
    Rule("http.timeout.sni", tcp_tls.request_silent_by_name, Status.BLOCKED,
         "silence after the request, and an answer under another name", (Cause.HTTP_TIMEOUT, Cause.TLS_SNI),
         source=_SNI, at_one_address=True),
    Rule("http.reset", tcp_tls.fails_only_here_by(Layer.HTTP, Failure.RESET), Status.BLOCKED,
         "RST after the request here; served at the control", (Cause.HTTP_RESET,), source=_CAUSES),
    Rule("http.timeout", tcp_tls.fails_only_here_by(Layer.HTTP, Failure.TIMEOUT), Status.BLOCKED,
         "silence after the request here; served at the control", (Cause.HTTP_TIMEOUT,), source=_CAUSES),
    Rule("http.eof", tcp_tls.fails_only_here_by(Layer.HTTP, Failure.EOF), Status.BLOCKED,
         "closed after the request here; served at the control", (Cause.HTTP_EOF,), source=_CAUSES),
    Rule("throttle.freeze", throttling.frozen_only_here, Status.THROTTLED,
         "the page stops after its first kilobytes here; the control got more of it", (Cause.THROTTLE_FREEZE,),
         source=_FREEZES),
    Rule("quic.timeout", quic.silent_only_here, Status.BLOCKED,
         "QUIC is silent here, TCP to the same address works; served at the control", (Cause.QUIC_TIMEOUT,),
         source=_QUIC),
    # What nothing explains.
    Rule("vantage.one_host", one_host, Status.UNKNOWN,
         "one unknown host answers in the place of unrelated sites: a portal", source=_READINGS),
    Rule("vantage.anchors_disagree", anchors_disagree, Status.UNKNOWN,
         "some anchors fail too: a walled garden, a used-up quota or a half-dead line", source=_READINGS),
    Rule("server.alert", tcp_tls.alert, Status.UNREACHABLE,
         "a TLS alert, from the server or forged", source=_READINGS),
    Rule("redirect.astray", http.redirect_broken, Status.UNREACHABLE,
         "the redirects lead back, to no URL, or on without end", source=_READINGS),
    Rule("http.doubtful", http.doubtful_page, Status.UNREACHABLE,
         "a page that may or may not be the target's", source="OONI probe#2661"),
    Rule("http.frozen", tcp_tls.failed_at(Layer.BODY), Status.UNREACHABLE,
         "the page stops after its first kilobytes", source=_FREEZES),
    Rule("measurement.cut", no_address_tried, Status.UNKNOWN,
         "no address was tried, for lack of time or of a route"),
    Rule("tls.outdated", tcp_tls.outdated, Status.UNREACHABLE,
         "the certificate is out of date: a forgotten renewal or a wrong clock"),
    Rule("tls.certificate", tcp_tls.bad_certificate, Status.UNREACHABLE,
         "the certificate does not verify, and there is nothing to compare it with", source=_READINGS),
    Rule("dns.resolver", dns.resolver_broken, Status.UNREACHABLE,
         "the resolver does not find another name either"),
    Rule("dns.unresolved", dns.unresolved, Status.UNREACHABLE,
         "the name has no address here, for an unknown reason", source=_READINGS),
    Rule("range.mute", ranges.unanswered, Status.UNREACHABLE,
         "addresses connect and do not answer, and too few answered at the control to tell why", source=_CAUSES),
    Rule("tcp.ambiguous", tcp_tls.failed_at(Layer.TCP), Status.UNREACHABLE,
         "no TCP connection, for an unknown reason", source=_READINGS),
    Rule("tls.ambiguous", tcp_tls.failed_at(Layer.TLS), Status.UNREACHABLE,
         "no TLS handshake, for an unknown reason", source=_READINGS),
    Rule("http.ambiguous", tcp_tls.failed_at(Layer.HTTP), Status.UNREACHABLE,
         "no answer to the request, for an unknown reason", source=_READINGS),
    Rule("quic.ambiguous", tcp_tls.failed_at(Layer.QUIC), Status.UNREACHABLE,
         "no QUIC handshake, and nothing shows that the host speaks QUIC", source=_READINGS),
    Rule("unexplained", always, Status.UNREACHABLE,
         "it did not work, and no other rule applies"),
)
# fmt: on


def decide(hop: EvidenceHop) -> Rule:
    """The rule that decides a hop."""
    return next(rule for rule in RULES if rule.decides(hop))


def causes_of(hop: EvidenceHop, decided: Rule) -> tuple[Cause, ...]:
    """The causes of a decided hop: the deciding rule's first, then those of other layers where it is blocked.

    The causes of an unreachable hop are what failed. `down` has none: what failed there is the target's own doing.
    """
    if decided.status is Status.UNREACHABLE:
        return _failed_causes(hop)
    causes = dict.fromkeys(decided.causes)
    if decided.status is Status.BLOCKED:
        for rule in RULES[RULES.index(decided) + 1 :]:
            if rule.status is Status.UNKNOWN and rule.decides(hop):
                break  # it excuses what the rules below it would accuse
            layers = {cause.partition(".")[0] for cause in causes}
            if rule.causes and rule.causes[0].partition(".")[0] not in layers and rule.decides(hop):
                causes.update(dict.fromkeys(rule.causes))
    return tuple(causes)


def _failed_causes(hop: EvidenceHop) -> tuple[Cause, ...]:
    """What failed, as causes; the name's failure before the addresses'."""
    found = []
    if hop.names is not None and hop.names.bad_answer is not None:
        found.append(hop.names.cause_of(hop.names.bad_answer))
    if hop.decisive_failure is not None and str(hop.decisive_failure) in _CAUSE_VALUES:
        found.append(Cause(str(hop.decisive_failure)))
    hello = ranges.hello_failure(hop) if hop.is_range else None
    if hello is not None:
        found.append(Cause(str(hello)))
    return tuple(cause for cause in found if cause is not None)


_CAUSE_VALUES = frozenset(Cause)
