"""Random verdicts for hypothesis, from so few names and addresses that their observations belong together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from probe.model.failure import Failure
from probe.model.flow import Flow
from probe.model.glance import GlanceKind
from probe.model.glance_evidence import GlanceEvidence
from probe.model.hop import Purpose
from probe.model.observation import (
    Certificate,
    Connection,
    Exchange,
    LateAnswer,
    Observation,
    QuicExchange,
    Resolution,
    Sending,
    TlsHandshake,
    TracePayload,
    TraceReply,
)
from probe.model.resolver import Trust
from probe.model.verdict import (
    IPV6_WORKS,
    AnchorAnswer,
    AnchorKind,
    AnchorLook,
    Cause,
    ControlFacts,
    ControlPage,
    Evidence,
    RecentCut,
    Status,
    Vantage,
    VantageNote,
    VantageState,
    Verdict,
)

TIME = datetime(2026, 10, 1, 12, tzinfo=UTC)
HOST = "news.example.org"
NAMES = (HOST, "www.news.example.org", "notice.isp.example", "xkqvdwpzrjtm.com")
ADDRESSES = ("151.101.1.10", "146.75.65.10", "2a04:4e42::10", "64:ff9b::9765:10a", "10.1.1.1", "62.33.207.196")
URLS = tuple(f"{scheme}://{name}/" for scheme in ("https", "http") for name in NAMES)
LOCATIONS = ("", *URLS, "http://10.1.1.1/", "mailto:x@y", "tg://x", "http://[", f"https://{HOST}:0/")
TARGETS = (
    HOST,
    f"https://{HOST}/",
    f"http://{HOST}/",
    f"dns://{HOST}",
    "tcp://151.101.1.10:443",
    f"tls://151.101.1.10:443/{HOST}",
    "https://151.101.1.10/",
    f"quic://{HOST}:443",
    "151.101.0.0/16",
    "2a04:4e42::/32",
    "0.0.0.0/0",
)
SHA = ("", "aa", "bb")
SAMPLES = (
    *("", "<h1>Daily news</h1>", "see eais.rkn.gov.ru", "g-recaptcha", "x" * 9_000, "access denied"),
    *('<iframe src="//10.10.34.35">', "council votes about bridge, harvest begins early, school opens again"),
)
HEADS = ((), ("Server", "Date"), ("Date", "Server"))


def _some(values: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), max_size=3, unique=True).map(tuple)


_PLACE = {
    "at": st.sampled_from((0, 2_000, 70_000)),
    "chain": st.integers(0, 1),
    "hop": st.integers(0, 2),
    "attempt": st.integers(0, 2),
    "purpose": st.sampled_from(Purpose),
    "failure": st.none() | st.sampled_from(Failure),
}
_WHOM = {
    "name": st.sampled_from(NAMES),
    "rrtype": st.sampled_from(("A", "AAAA")),
    "resolver": st.sampled_from(("system", "network", "https://9.9.9.9/dns-query")),
    "trust": st.sampled_from(Trust),
    "rank": st.integers(0, 2),
    "rotates": st.booleans(),
    "addresses": _some(ADDRESSES),
}
_WAITS = st.sampled_from((0, 9_000, 43_000))
_FLOORS = st.sampled_from((0, 40_000, 41_000))
_WHERE = {"address": st.sampled_from(ADDRESSES)}
_CERTIFICATE = st.builds(
    Certificate,
    sha256=st.sampled_from(SHA),
    error=st.sampled_from(("", "certificate has expired", "Hostname mismatch")),
)

_FLOW = st.builds(
    Flow,
    bytes=st.sampled_from((0, 700, 16_000, 70_000)),
    took=st.sampled_from((10, 9_000)),
    stall=st.sampled_from((0, 700)),
    quiet=st.sampled_from((0, 2_800)),
)

KINDS: dict[type, st.SearchStrategy[Observation]] = {
    Resolution: st.builds(
        Resolution,
        truncated=st.booleans(),
        recursion=st.none() | st.booleans(),
        errors=st.sampled_from(((), (15,), (22, 23))),
        wait=_WAITS,
        **_WHOM,
        **_PLACE,
    ),
    LateAnswer: st.builds(LateAnswer, gap=st.integers(0, 500), **_WHOM, **_PLACE),
    Connection: st.builds(Connection, port=st.sampled_from((80, 443)), rtt=_FLOORS, **_WHERE, **_PLACE),
    TlsHandshake: st.builds(
        TlsHandshake,
        port=st.sampled_from((80, 443)),
        sni=st.sampled_from(NAMES),
        verified=st.booleans(),
        alert=st.sampled_from(("", "handshake_failure")),
        certificate=st.none() | _CERTIFICATE,
        wait=_WAITS,
        floor=_FLOORS,
        **_WHERE,
        **_PLACE,
    ),
    Exchange: st.builds(
        Exchange,
        url=st.sampled_from(URLS),
        secure=st.booleans(),
        status=st.sampled_from((0, 200, 302, 403, 503)),
        location=st.sampled_from(LOCATIONS),
        sets_cookie=st.booleans(),
        title=st.sampled_from(("", "Daily news", "Blocked by order", "Just a moment")),
        headers=_some(("x-served-by", "cf-ray")),
        head=st.sampled_from(HEADS),
        length=st.sampled_from((0, 500, 16_000, 70_000)),
        sha256=st.sampled_from(SHA),
        complete=st.booleans(),
        marks=_some(("ru.mts", "own.captcha")),
        server=st.sampled_from(("", "nginx", "ddos-guard")),
        sample=st.sampled_from(SAMPLES),
        flow=st.none() | _FLOW,
        wait=_WAITS,
        floor=_FLOORS,
        **_WHERE,
        **_PLACE,
    ),
    Sending: st.builds(
        Sending,
        url=st.sampled_from(URLS),
        sni=st.sampled_from(NAMES),
        opened=st.booleans(),
        sent=st.sampled_from((0, 4_500, 18_000, 67_000)),
        complete=st.booleans(),
        stall=st.sampled_from((0, 700)),
        quiet=st.sampled_from((0, 2_800)),
        **_WHERE,
        **_PLACE,
    ),
    QuicExchange: st.builds(
        QuicExchange,
        port=st.just(443),
        sni=st.sampled_from(NAMES),
        verified=st.booleans(),
        answered=st.booleans(),
        gap=st.sampled_from((0, 5_000)),
        **_WHERE,
        **_PLACE,
    ),
    TraceReply: st.builds(
        TraceReply,
        payload=st.sampled_from(TracePayload),
        port=st.sampled_from((53, 80, 443)),
        name=st.sampled_from(NAMES),
        ttl=st.integers(1, 4),
        opened=st.booleans(),
        **_WHERE,
        **_PLACE,
    ),
}
"""Each kind of observation by how one is drawn."""
OBSERVATIONS = st.one_of(*KINDS.values())

CONTROLS = st.builds(
    ControlFacts,
    time=st.sampled_from((TIME, TIME - timedelta(days=30))),
    statuses=_some(tuple(Status)).map(lambda found: tuple(Status(one) for one in sorted(found))),
    causes=_some(tuple(Cause)).map(lambda found: tuple(Cause(one) for one in found)),
    addresses=st.dictionaries(st.sampled_from(NAMES), _some(ADDRESSES), max_size=2),
    certificates=st.dictionaries(st.sampled_from(NAMES), _some(SHA), max_size=2),
    failing=st.lists(st.sampled_from((*ADDRESSES, "ipv4", "ipv6")), max_size=2).map(tuple),
    hits=st.dictionaries(st.sampled_from(ADDRESSES), st.sampled_from(("tcp", "tls")), max_size=4),
    misses=_some(ADDRESSES),
    pages=st.lists(
        st.builds(
            ControlPage,
            url=st.sampled_from(URLS),
            status=st.sampled_from((200, 302)),
            location=st.sampled_from(LOCATIONS),
            title=st.sampled_from(("", "Daily news")),
            headers=_some(("x-served-by",)),
            head=st.sampled_from(HEADS),
            server=st.sampled_from(("", "nginx")),
            sample=st.sampled_from(SAMPLES),
            length=st.sampled_from((0, 500)),
            sha256=st.sampled_from(SHA),
        ),
        max_size=2,
    ).map(tuple),
    failures=_some(("dns.nxdomain", "tcp.timeout", "tls.alert")),
)

GLANCES = st.builds(
    GlanceEvidence,
    kind=st.sampled_from(GlanceKind),
    answered=_some(ADDRESSES),
    address=st.sampled_from(("", *ADDRESSES)),
    seen=st.sampled_from(("", "TLSv1.3 1301 001d")),
    failure=st.sampled_from(("", "", "", "tls.reset", "dns.nxdomain")),
    known=st.sampled_from(("", "TLSv1.3 1301 001d")),
    known_addresses=_some(ADDRESSES),
    full_look=st.sampled_from((None, TIME, TIME)),
    same_as=st.sampled_from((0, 0, int(TIME.timestamp()))),
)

EVIDENCE = st.builds(
    Evidence,
    glance=st.just(()) | st.lists(GLANCES, max_size=2).map(tuple),
    observations=st.lists(OBSERVATIONS, max_size=14).map(tuple),
    control=st.none() | CONTROLS,
    recent_cuts=st.lists(
        st.builds(
            RecentCut,
            address=st.sampled_from(ADDRESSES),
            name=st.sampled_from(NAMES),
            at=st.sampled_from((-200_000, -60_000, 1_000)),
            until=st.sampled_from((None, -5_000, 3_000)),
            silenced=st.booleans(),
        ),
        max_size=2,
    ).map(tuple),
    nat64=st.sampled_from(((), ("64:ff9b::/96",), ("2a04:4e42::/96", "not a prefix"))),
    attempt=st.integers(0, 3),
    error=st.sampled_from(("", "", "", "ValueError: oops")),
)

_LOOK = st.builds(
    AnchorLook,
    url=st.sampled_from(("http://a.example/generate_204", "https://b.example/")),
    kind=st.sampled_from(AnchorKind),
    at=st.just(TIME),
    failure=st.sampled_from((None, None, Failure.TIMEOUT, Failure.CERTIFICATE)),
    foreign_content=st.booleans(),
    outdated=st.booleans(),
    resolver=st.sampled_from((None, Failure.TIMEOUT)),
    ipv6_result=st.sampled_from(("", IPV6_WORKS, "timeout")),
    cut_by_name=st.booleans(),
    answer=st.none()
    | st.builds(
        AnchorAnswer,
        status=st.sampled_from((0, 200, 204, 302)),
        location=st.sampled_from(("", "http://portal.lan/")),
        sample=st.sampled_from(SAMPLES),
        certificate_error=st.sampled_from(("", "certificate has expired", "self-signed certificate")),
    ),
)
VERDICTS = st.builds(
    Verdict,
    time=st.just(TIME),
    target=st.sampled_from(TARGETS),
    status=st.sampled_from(Status),
    evidence=EVIDENCE,
    vantage=st.builds(
        Vantage,
        state=st.sampled_from((*[VantageState.ONLINE] * 4, *VantageState)),
        notes=_some(tuple(VantageNote)).map(lambda found: tuple(sorted(found))),
        anchors=st.lists(_LOOK, max_size=2).map(tuple),
        ipv6_answered=st.booleans(),
    ),
)
