"""China: injectors that disagree, resets with a memory, names inside QUIC, port 443 cut for all.

Sources: Anonymous et al.: Triplet Censors (FOCI 2020); Hoang et al.: How Great is the Great Firewall? (USENIX
Security 2021); Bock et al.: Even Censors Have a Backup (FOCI 2021); Zohaib et al.: SNI-based QUIC censorship (USENIX
Security 2025); Wu et al.: Henan (IEEE S&P 2025); net4people/bbs#294 (forged addresses that complete handshakes), #511
(port 443).
"""

from __future__ import annotations

from tests.lab.checks import answers, get, hello, quic, tcp, works
from tests.lab.records import Act, Check, Control, Expect, Interference, Site
from tests.lab.scenarios.wording import ANY, PLAIN, REACHABLE, blocked, cut, family

_case = family("china")
POISON = ("31.13.94.41", "108.160.165.8", "202.160.130.52")
_THREE = Interference(act=Act.DNS_INJECT, name="{host}", answers=POISON)
_TLS = Interference(act=Act.CENSOR, name="{host}", address="{a}", port=443, after=40, page="rst rst")
_HUSH = Interference(act=Act.CENSOR, name="{host}", address="{a}", port=443, after=40, page="rst drop")
_HTTP = Interference(act=Act.CENSOR, name="{host}", address="{a}", port=80, after=30, page="rst drop")
_RST3 = Interference(act=Act.HELLO_RST3, name="{host}")


def elsewhere(first: Check) -> tuple[Check, ...]:
    """The check from another line, because the target's own would be punished for it."""
    return (Check(command=first.command, finds=first.finds, where="witness"), works())


_QUIC = (Site(quic=True),)
_BY_NAME = Interference(act=Act.QUIC_NAME, name="{host}", address="{a}", after=110)
SCENARIOS = (
    _case("china-three-answers", blocked("dns.injected"), answers(*POISON, "{a}"), works(), does=_THREE),
    _case("china-three-answers-domain", blocked("dns.injected"), answers(*POISON, "{a}"), does=_THREE, target="{host}"),
    _case(
        "china-three-answers-dns",
        blocked("dns.injected"),
        answers(*POISON, "{a}"),
        does=_THREE,
        target="dns://{host}",
        control=Control.NO_ENTRY,
    ),
    _case(
        "china-public-resolver",
        blocked("dns.injected"),
        answers(*POISON, "{a}"),
        works(),
        does=_THREE,
        vantage="public-dns",
    ),
    _case(
        "china-answering-forgery",
        blocked("dns.injected"),
        answers("{trap_a}", "{a}"),
        tcp("open", "{trap_a}"),
        works(),
        sites=(Site(), Site(label="trap", https="hang", http="hang")),
        does=Interference(act=Act.DNS_INJECT, name="{host}", answers=("{trap_a}",)),
    ),
    _case("china-resets-remembered", blocked("tls.reset"), *elsewhere(hello("errno=104")), does=_TLS),
    _case(
        "china-resets-remembered-alone",
        Expect(status="blocked|unreachable", causes=("tls.reset", ANY)),
        *elsewhere(hello("errno=104")),
        does=_TLS,
        control=Control.NONE,
    ),
    _case("china-reset-then-hush", blocked("tls.reset"), *elsewhere(hello("errno=104")), does=_HUSH),
    _case(
        "china-reset-then-hush-domain",
        blocked("tls.reset"),
        *elsewhere(hello("errno=104")),
        does=_HUSH,
        target="{host}",
    ),
    _case(
        "china-host-remembered",
        blocked("http.reset"),
        *elsewhere(get("reset by peer", PLAIN)),
        does=_HTTP,
        target=PLAIN,
    ),
    _case(
        "china-host-remembered-domain",
        blocked("http.reset"),
        *elsewhere(get("reset by peer", PLAIN)),
        does=_HTTP,
        target="{host}",
    ),
    _case(
        "china-neighbour-of-reset",
        Expect(status="reachable|unknown", causes=(ANY,)),
        works(),
        sites=(Site(shares="china-resets-remembered"),),
    ),
    _case(
        "china-neighbour-of-hush",
        Expect(status="reachable|unknown", causes=(ANY,)),
        works(),
        sites=(Site(shares="china-reset-then-hush"),),
    ),
    _case(
        "china-neighbour-in-clear",
        Expect(status="reachable|unknown", causes=(ANY,)),
        works(PLAIN),
        sites=(Site(shares="china-host-remembered"),),
        target=PLAIN,
    ),
    _case(
        "china-dns-and-name",
        blocked("dns.injected"),
        answers(*POISON, "{a}"),
        get("reset by peer"),
        works(),
        does=(_THREE, _RST3),
    ),
    _case(
        "china-quic-name",
        blocked("quic.timeout"),
        quic("answered lost", later=1),
        quic("answered", where="control"),
        sites=_QUIC,
        does=_BY_NAME,
        target="quic://{host}:443",
    ),
    _case("china-quic-name-https", REACHABLE, works(where="vantage"), sites=_QUIC, does=_BY_NAME),
    _case("china-address", blocked("tcp.timeout"), tcp("exit=124"), works(), does=cut(), target="{host}"),
    _case(
        "china-port-443",
        Expect(status="unknown", state="offline|online|portal|allowlist"),
        tcp("refused"),
        works(),
        vantage="no-443",
    ),
)
