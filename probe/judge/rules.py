"""The rules: one ordered table. The first that holds for a hop decides it, and the verdict names it.

Order is meaning. What cannot be known comes first; then what works, so that nothing below can accuse a target that was
served; then what an allow-list or our own pace excuses; then lies that are proven whatever the control says; then the
control's word; then what fails here alone; and last what nothing explains, which is never `blocked`.

After a rule that says `blocked`, later ones of another layer that hold too add their causes: a name may be poisoned
*and* silenced. An id is never renamed and never reused; a changed rule raises `RULES_VERSION`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from probe.judge import dns, http, quic, ranges, tcp_tls, throttling, upload
from probe.judge.control import Word
from probe.judge.evidence_view import Leg
from probe.model.address import is_bogon, parse_address
from probe.model.failure import Failure
from probe.model.hop import Layer
from probe.model.verdict import Cause, Status, VantageState

RULES_VERSION = 1
"""Raised whenever a rule is added, removed, moved or changed in what it says."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One row.

    Attributes:
        id: stable name, `layer.what` or `topic.what`.
        holds: the condition, a predicate of a leg.
        status: what it says.
        causes: of a rule that says `blocked`; what an unreachable leg saw is read from the leg.
        why: one line for a reader of the verdict.
        source: where the rule comes from.
    """

    id: str
    holds: Callable[[Leg], bool]
    status: Status
    why: str
    causes: tuple[Cause, ...] = ()
    source: str = "contract: the verdict"


def _in_state(state: VantageState) -> Callable[[Leg], bool]:
    def predicate(leg: Leg) -> bool:
        return leg.case.state is state

    return predicate


def _control_says(word: Word) -> Callable[[Leg], bool]:
    def predicate(leg: Leg) -> bool:
        return leg.word is word

    return predicate


def _mismeasured(leg: Leg) -> bool:
    return bool(leg.evidence.error)


def _nothing_seen(leg: Leg) -> bool:
    return not leg.hop.tried and not leg.hop.resolved and not _forbidden(leg)


def _cut_short(leg: Leg) -> bool:
    """Addresses were known, and none was tried: no time was left, or this host has no route for their family."""
    names = leg.names
    if leg.hop.tried or leg.hop.subject.scheme == "dns" or _forbidden(leg):
        return False
    return names is None or any(not is_bogon(address) for address in names.reference | names.given)


def _forbidden(leg: Leg) -> bool:
    """A redirect to an address that may not be tried, since it can be nobody's."""
    host = leg.hop.subject.host
    return leg.hop.index > 0 and parse_address(host) is not None and is_bogon(host)


def _always(leg: Leg) -> bool:  # noqa: ARG001 - the shape of every predicate
    return True


def _relayed_in_vain(leg: Leg) -> bool:
    """A success that is not believed, at a vantage that lets through only a list or punishes our pace."""
    doubtful = leg.case.state in {VantageState.ALLOWLIST, VantageState.POLICED}
    return doubtful and (tcp_tls.relayed(leg) or ranges.relayed(leg))


_READINGS = "contract: where two readings are possible"
_CAUSES = "contract: causes"
_ACQUITTAL = "OONI probe#2455, probe-engine#770: content networks answer differently everywhere"
_RU = "Russian resolvers since 2024: net4people/bbs#580, #657"
_GFW = "net4people/bbs#47, #466: the GFW's injectors forge public addresses"
_SNI = "IMC'22 (TSPU), USENIX'25 (GFW); net4people/bbs#516"
_QUIC = "IMC'22: UDP/443 dropped by TSPU; USENIX'25: QUIC by name at the GFW"
_FREEZES = "net4people/bbs#490, #546: transfers that stop after 12 to 34 KiB; zapret#1836"
_THROTTLES = "IMC'22, censoredplanet.org/throttling; net4people/bbs#65, #382"

R, B, D, U, X = Status.REACHABLE, Status.BLOCKED, Status.DOWN, Status.UNREACHABLE, Status.UNKNOWN
C = Cause

# fmt: off
RULES: tuple[Rule, ...] = (
    # What cannot be known.
    Rule("vantage.offline", _in_state(VantageState.OFFLINE), X,
         "no anchor answers: nothing can be said", source=_READINGS),
    Rule("vantage.portal", _in_state(VantageState.PORTAL), X,
         "a captive portal answers for everybody", source=_READINGS),
    Rule("measurement.failed", _mismeasured, X,
         "the measurement itself failed"),
    Rule("measurement.empty", _nothing_seen, X,
         "nothing was seen of it before time was up"),
    Rule("vantage.relayed", _relayed_in_vain, X,
         "a relay answers, on a line where failing proves nothing", source=_READINGS),
    # What works.
    Rule("tcp.relayed", tcp_tls.relayed, U,
         "every address accepts connections here: a relay answers", source="transparent relays: net4people/bbs#294"),
    Rule("range.relayed", ranges.relayed, U,
         "addresses where nothing listens accept connections here: a relay answers",
         source="transparent relays: net4people/bbs#294"),
    Rule("throttle.rate", throttling.slowed, Status.THROTTLED,
         "the same page at the same address comes far faster under another name", (C.THROTTLE_RATE,),
         source=_THROTTLES),
    Rule("throttle.freeze.sent", upload.frozen, Status.THROTTLED,
         "what is sent under this name stops after its first kilobytes, and not under another", (C.THROTTLE_FREEZE,),
         source=_FREEZES),
    Rule("server.refusal", http.refused, R,
         "the server itself says no, over verified TLS", source=_READINGS),
    Rule("served.acquitted", http.acquitted, R,
         "an odd address, acquitted by its certificate", source=_ACQUITTAL),
    Rule("served", http.works, R,
         "it works as it does for anyone"),
    # What fails, where failing proves nothing.
    Rule("vantage.allowlist", _in_state(VantageState.ALLOWLIST), X,
         "only an allow-list is let through here", source=_READINGS),
    Rule("vantage.policed", _in_state(VantageState.POLICED), X,
         "the network punishes our own pace", source="net4people/bbs#546"),
    Rule("path.large", http.only_small, U,
         "only small packets come through: large ones are lost on the way", source="RFC 2923: black holes of path MTU"),
    Rule("host.no_way", tcp_tls.own_fault, X,
         "this host has no way to any of the addresses"),
    Rule("host.trust", tcp_tls.own_trust, X,
         "the certificate is control's own: this host's clock or authorities are wrong"),
    Rule("host.clock", tcp_tls.own_clock, X,
         "the certificate is out of date, as those of all anchors are: this host's clock is wrong"),
    Rule("host.resolver", dns.resolver_dead, X,
         "the network's resolver is dead: it finds the anchors' names neither"),
    Rule("host.fake_addresses", dns.fake_addresses, X,
         "the resolver gives every name an impossible address: a proxy or a closed network"),
    Rule("tls.allowlist", tcp_tls.allowlisted, X,
         "at the same address only an allowed name is answered", source="net4people/bbs#516: mobile allow-lists"),
    # Lies about a name. They hold whatever the rest of the path does.
    Rule("dns.injected", dns.injected, B,
         "two answers to one query disagree, and the first is false", (C.DNS_INJECTED,), source=_GFW),
    Rule("dns.rewritten", dns.rewritten, D,
         "the name exists nowhere, and the resolver answers all such names", source=_READINGS),
    Rule("dns.bogon", dns.lies_by(C.DNS_BOGON), B,
         "the answer is an address that can be nobody's", (C.DNS_BOGON,), source=_CAUSES),
    Rule("dns.spoofed", dns.lies_by(C.DNS_SPOOFED), B,
         "the answer is an address that does not serve the name", (C.DNS_SPOOFED,), source=_CAUSES),
    Rule("dns.nxdomain", dns.lies_by(C.DNS_NXDOMAIN), B,
         "the resolver denies a name that exists", (C.DNS_NXDOMAIN,), source=_RU),
    Rule("dns.nodata", dns.lies_by(C.DNS_NODATA), B,
         "the resolver hides the addresses of a name that has some", (C.DNS_NODATA,), source=_CAUSES),
    Rule("dns.refused", dns.lies_by(C.DNS_REFUSED), B,
         "the resolver refuses this name and answers others", (C.DNS_REFUSED,), source=_CAUSES),
    Rule("dns.servfail", dns.lies_by(C.DNS_SERVFAIL), B,
         "the resolver fails at this name and answers others", (C.DNS_SERVFAIL,), source=_CAUSES),
    Rule("dns.timeout", dns.lies_by(C.DNS_TIMEOUT), B,
         "the resolver is silent about this name and answers others", (C.DNS_TIMEOUT,), source=_CAUSES),
    # Another name at the same address is answered.
    Rule("tls.reset.sni", tcp_tls.silenced_by(Failure.RESET), B,
         "reset after this server name, and after no other", (C.TLS_RESET, C.TLS_SNI), source=_SNI),
    Rule("tls.timeout.sni", tcp_tls.silenced_by(Failure.TIMEOUT), B,
         "silence after this server name, and after no other", (C.TLS_TIMEOUT, C.TLS_SNI), source=_SNI),
    Rule("tls.eof.sni", tcp_tls.silenced_by(Failure.EOF), B,
         "closed after this server name, and after no other", (C.TLS_EOF, C.TLS_SNI), source=_SNI),
    Rule("quic.timeout.sni", quic.silent_by_name, B,
         "QUIC under this server name is met with silence, and under no other", (C.QUIC_TIMEOUT,), source=_QUIC),
    Rule("throttle.freeze.sni", throttling.frozen_by_name, Status.THROTTLED,
         "the page stops after its first kilobytes, and not under another name", (C.THROTTLE_FREEZE,), source=_FREEZES),
    # The control's word.
    Rule("control.disagrees", _control_says(Word.DISAGREES), U,
         "the control says two things", source=_READINGS),
    Rule("control.failed", _control_says(Word.FAILED), D,
         "it fails from an uncensored place too", source=_READINGS),
    Rule("dns.absent", dns.absent, D,
         "a trusted resolver knows no address either", source=_READINGS),
    # What fails here alone.
    Rule("http.redirect", http.foreign_redirect, B,
         "sent to a host that nobody else is sent to", (C.HTTP_REDIRECT,), source=_CAUSES),
    Rule("http.blockpage", http.foreign_page, B,
         "a page that is not the target's", (C.HTTP_BLOCKPAGE,), source=_CAUSES),
    Rule("tls.mitm", tcp_tls.forged_certificate, B,
         "another certificate than the target's", (C.TLS_MITM,), source=_CAUSES),
    Rule("tcp.timeout.range", ranges.alone_by(Layer.TCP, Failure.TIMEOUT), B,
         "silence from the whole sample here, answers at control", (C.TCP_TIMEOUT, C.IP_RANGE), source=_CAUSES),
    Rule("tcp.reset.range", ranges.alone_by(Layer.TCP, Failure.RESET), B,
         "RST from the whole sample here, answers at control", (C.TCP_RESET, C.IP_RANGE), source=_CAUSES),
    Rule("tcp.unreachable.range", ranges.alone_by(Layer.TCP, Failure.UNREACHABLE), B,
         "ICMP from the whole sample here, answers at control", (C.TCP_UNREACHABLE, C.IP_RANGE), source=_CAUSES),
    Rule("tls.timeout.range", ranges.alone_by(Layer.TLS, Failure.TIMEOUT), B,
         "the whole sample connects, and is silent after any ClientHello here alone", (C.TLS_TIMEOUT, C.IP_RANGE),
         source="net4people/bbs#516: SYNs pass, ClientHellos do not"),
    Rule("tls.reset.range", ranges.alone_by(Layer.TLS, Failure.RESET), B,
         "the whole sample connects, and resets after any ClientHello here alone", (C.TLS_RESET, C.IP_RANGE),
         source=_CAUSES),
    Rule("tls.eof.range", ranges.alone_by(Layer.TLS, Failure.EOF), B,
         "the whole sample connects, and closes after any ClientHello here alone", (C.TLS_EOF, C.IP_RANGE),
         source=_CAUSES),
    Rule("tcp.timeout", tcp_tls.alone_by(Layer.TCP, Failure.TIMEOUT), B,
         "silence to the SYN here, served at control", (C.TCP_TIMEOUT,), source=_CAUSES),
    Rule("tcp.reset", tcp_tls.alone_by(Layer.TCP, Failure.RESET), B,
         "RST to the SYN here, served at control", (C.TCP_RESET,), source="net4people/bbs#511"),
    Rule("tcp.unreachable", tcp_tls.alone_by(Layer.TCP, Failure.UNREACHABLE), B,
         "ICMP to the SYN here, served at control", (C.TCP_UNREACHABLE,), source=_CAUSES),
    Rule("tls.reset", tcp_tls.alone_by(Layer.TLS, Failure.RESET), B,
         "RST after the ClientHello here, served at control", (C.TLS_RESET,), source=_SNI),
    Rule("tls.timeout", tcp_tls.alone_by(Layer.TLS, Failure.TIMEOUT), B,
         "silence after the ClientHello here, served at control", (C.TLS_TIMEOUT,), source=_SNI),
    Rule("tls.eof", tcp_tls.alone_by(Layer.TLS, Failure.EOF), B,
         "closed after the ClientHello here, served at control", (C.TLS_EOF,), source=_CAUSES),
    Rule("http.timeout.sni", tcp_tls.silenced_later, B,
         "silence after the request, and not under another name", (C.HTTP_TIMEOUT, C.TLS_SNI), source=_SNI),
    Rule("http.reset", tcp_tls.alone_by(Layer.HTTP, Failure.RESET), B,
         "RST after the request here, served at control", (C.HTTP_RESET,), source=_CAUSES),
    Rule("http.timeout", tcp_tls.alone_by(Layer.HTTP, Failure.TIMEOUT), B,
         "silence after the request here, served at control", (C.HTTP_TIMEOUT,), source=_CAUSES),
    Rule("http.eof", tcp_tls.alone_by(Layer.HTTP, Failure.EOF), B,
         "closed after the request here, served at control", (C.HTTP_EOF,), source=_CAUSES),
    Rule("throttle.freeze", throttling.frozen_alone, Status.THROTTLED,
         "the page stops after its first kilobytes here, control got more", (C.THROTTLE_FREEZE,), source=_FREEZES),
    Rule("quic.timeout", quic.silent_alone, B,
         "QUIC is silent here where TCP to the same address works, served at control", (C.QUIC_TIMEOUT,), source=_QUIC),
    # What nothing at hand explains.
    Rule("server.alert", tcp_tls.alert, U,
         "a TLS alert: the server's word or a forgery", source=_READINGS),
    Rule("redirect.astray", http.astray, U,
         "the redirects lead back, nowhere or on without end", source=_READINGS),
    Rule("http.doubtful", http.doubtful_page, U,
         "a page that may or may not be the target's", source="OONI probe#2661"),
    Rule("http.frozen", tcp_tls.failed_at(Layer.BODY), U,
         "the page stops after its first kilobytes", source=_FREEZES),
    Rule("measurement.cut", _cut_short, X,
         "no address was tried: no time or no route"),
    Rule("tls.outdated", tcp_tls.outdated, U,
         "a certificate out of date: a forgotten renewal or a wrong clock"),
    Rule("tls.certificate", tcp_tls.bad_certificate, U,
         "a certificate that does not verify, and nothing to hold it against", source=_READINGS),
    Rule("dns.resolver", dns.resolver_broken, U,
         "the resolver finds no other name either"),
    Rule("dns.unresolved", dns.unresolved, U,
         "no address, and nothing shows whose fault it is", source=_READINGS),
    Rule("range.mute", ranges.mute, U,
         "connections stand and say nothing, and too few spoke at control to tell why", source=_CAUSES),
    Rule("tcp.ambiguous", tcp_tls.failed_at(Layer.TCP), U,
         "no connection, and nothing shows whose fault it is", source=_READINGS),
    Rule("tls.ambiguous", tcp_tls.failed_at(Layer.TLS), U,
         "no handshake, and nothing shows whose fault it is", source=_READINGS),
    Rule("http.ambiguous", tcp_tls.failed_at(Layer.HTTP), U,
         "no answer, and nothing shows whose fault it is", source=_READINGS),
    Rule("quic.ambiguous", tcp_tls.failed_at(Layer.QUIC), U,
         "no QUIC handshake, and nothing shows that anybody speaks QUIC there", source=_READINGS),
    Rule("unexplained", _always, U,
         "it did not work, and no rule says why"),
)
# fmt: on


def decide(leg: Leg) -> Rule:
    """The rule that decides a leg."""
    return next(rule for rule in RULES if rule.holds(leg))


def causes_of(leg: Leg, decided: Rule) -> tuple[Cause, ...]:
    """The causes of a decided leg: the deciding rule's first, then those of other layers where it is blocked.

    Of an unreachable leg they say what was seen, of which nothing shows whose doing it was; `down` has none, since what
    was seen there is the target's own.
    """
    if decided.status is Status.UNREACHABLE:
        return _seen(leg)
    causes = dict.fromkeys(decided.causes)
    if decided.status is Status.BLOCKED:
        for rule in RULES[RULES.index(decided) + 1 :]:
            layers = {cause.partition(".")[0] for cause in causes}
            if rule.causes and rule.causes[0].partition(".")[0] not in layers and rule.holds(leg):
                causes.update(dict.fromkeys(rule.causes))
    return tuple(causes)


def _seen(leg: Leg) -> tuple[Cause, ...]:
    """What failed, in the words of causes, the name's failure before the addresses'."""
    found = []
    if leg.names is not None and leg.names.trouble is not None:
        found.append(leg.names.complaint(leg.names.trouble))
    if leg.decisive is not None and str(leg.decisive) in _CAUSE_WORDS:
        found.append(Cause(str(leg.decisive)))
    hush = ranges.hush(leg)
    if hush is not None:
        found.append(Cause(str(hush)))
    return tuple(cause for cause in found if cause is not None)


_CAUSE_WORDS = frozenset(Cause)


def documented() -> str:
    """The table as `docs/methods/rules.md` shows it to people."""
    rows = [
        "# Rules",
        "",
        f"Version {RULES_VERSION}. One ordered table: the first rule that holds for a hop decides it, and the verdict",
        "names it. This page is generated from `probe/judge/rules.py`; a test holds it against the table.",
        "",
        "| rule | status | causes | why | source |",
        "| --- | --- | --- | --- | --- |",
    ]
    for rule in RULES:
        causes = " ".join(f"`{cause}`" for cause in rule.causes)
        rows.append(f"| `{rule.id}` | {rule.status} | {causes} | {rule.why} | {rule.source} |")
    return "\n".join([*rows, ""])
