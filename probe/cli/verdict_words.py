"""Causes and statuses in words, for people at the command line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from probe.cli.localisation import mark
from probe.cli.localisation import translate as _
from probe.model.verdict import Status, VantageNote

CAUSE_WORDS: Mapping[str, str] = {
    "dns.nxdomain": mark("the resolver denies that the name exists"),
    "dns.refused": mark("the resolver refuses to answer"),
    "dns.servfail": mark("the resolver reports a failure"),
    "dns.timeout": mark("the resolver does not answer for this name"),
    "dns.nodata": mark("the resolver says that the name has no address"),
    "dns.bogon": mark("the resolver gives an address that cannot be the target's"),
    "dns.spoofed": mark("the resolver gives an address that is not the target's"),
    "dns.injected": mark("a forged answer comes before the resolver's"),
    "tcp.timeout": mark("the address does not answer"),
    "tcp.reset": mark("the connection is refused by a reset"),
    "tcp.unreachable": mark("a router says that the address cannot be reached"),
    "tls.timeout": mark("nothing answers once the server name has been sent"),
    "tls.reset": mark("the connection is reset once the server name has been sent"),
    "tls.eof": mark("the connection is closed once the server name has been sent"),
    "tls.sni": mark("the connection works under another server name"),
    "tls.mitm": mark("somebody else's certificate is shown"),
    "http.reset": mark("the connection is reset after the request"),
    "http.timeout": mark("nothing answers the request"),
    "http.eof": mark("the connection is closed after the request"),
    "http.blockpage": mark("another page is shown in the place of the target's"),
    "http.redirect": mark("the request is sent on to a host that is not the target's"),
    "throttle.rate": mark("far slower than other traffic on the same path"),
    "throttle.freeze": mark("the transfer stops after the first kilobytes"),
    "quic.timeout": mark("QUIC is not answered where TCP works"),
    "ip.range": mark("the whole range of addresses fails alike"),
}
"""Cause -> what was seen."""


STATUS_WORDS: Mapping[Status, str] = {
    Status.REACHABLE: mark("it works as it does for anyone"),
    Status.BLOCKED: mark("the network interferes"),
    Status.THROTTLED: mark("the network slows it"),
    Status.DOWN: mark("it fails from elsewhere, too"),
    Status.UNREACHABLE: mark("it fails, and nothing shows why"),
    Status.UNKNOWN: mark("nothing can be said"),
}
"""What a status means, where neither a cause nor a rule says more."""


def cause_words(cause: str) -> str:
    """A cause with its words: `tls.sni: the connection works under another server name`; the code stays for search."""
    return f"{cause}: {_(CAUSE_WORDS[cause])}" if cause in CAUSE_WORDS else cause


def causes_in_words(causes: Iterable[str]) -> str:
    """Causes with their words, the deciding one first."""
    return ", ".join(map(cause_words, causes))


def status_words(status: Status) -> str:
    """What a status means."""
    return _(STATUS_WORDS[status])


NOTE_SENTENCES: Mapping[str, str] = {
    VantageNote.CLOCK_WRONG: mark(
        "this host's clock seems to be wrong: the anchors' certificates are out of date here"
    ),
    VantageNote.IPV6_BROKEN: mark("IPv6 does not work here: failures over IPv6 are not counted against targets"),
    VantageNote.RESOLVER_DEAD: mark("the network's resolver does not work: it resolves no anchor's name"),
    VantageNote.TUNNEL: mark("traffic leaves through a tunnel: verdicts describe the network at its other end"),
    VantageNote.PROXY: mark("the environment names a proxy: other programs on this host may use another network"),
    VantageNote.FAKE_ADDRESSES: mark("the resolver returns fake addresses: a bypass tool takes over the connections"),
    VantageNote.ANCHORS_DISAGREE: mark(
        "some anchors fail here and others work: failures count only where one address proves them; if an anchor is"
        " blocked in this network for long, choose another (--anchor)"
    ),
    VantageNote.ONE_HOST: mark(
        "one unknown host answers in the place of unrelated sites: this seems to be a captive portal"
    ),
    VantageNote.NO_AUTHORITIES: mark(
        "this host has no trusted certificate authorities: install them (ca-certificates), or name a file in"
        " SSL_CERT_FILE"
    ),
}
"""Note of a vantage -> its sentence."""


def note_words(note: str) -> str:
    """The sentence of a note; a note of a later version is given as it is."""
    return _(NOTE_SENTENCES[note]) if note in NOTE_SENTENCES else note


def pace_words(waiting: int) -> str:
    """How many connections wait for the pace limit; empty when none does."""
    return _("{count} wait for the pace limit").format(count=waiting) if waiting else ""


def no_control_hint() -> str:
    """What a check without a control cannot tell, and how to give it one."""
    return _(
        "without a control, silence and resets cannot be told from a dead site: give --control FILE, the output of"
        " `probe check --json` for the same targets on a host where nobody interferes"
    )
