"""Glances: they acquit where all of them are the same, and accuse nobody; a full look beside them decides alone."""

from typing import Any

from msgspec.structs import replace

from probe.model.failure import Failure
from probe.model.glance import GlanceKind
from probe.model.glance_evidence import GlanceEvidence
from probe.model.verdict import VantageState
from tests.golden.scenario import NAME, TIME, URL, A, B, Scenario, world

SUITE, LEAF, PAGE = "TLSv1.3 1301 001d", "TLSv1.2 00112233445566aa", "200 Daily news"
BESIDE_A = A.rpartition(".")[0] + ".77"
GOOD = (world(),)


def glance(kind: GlanceKind, seen: str = "", **more: Any) -> GlanceEvidence:
    """A glance at the target's name that saw the same; `more` changes it."""
    addresses = (A,) if more.pop("by_name", True) else ()
    fields = {
        "kind": kind,
        "answered": addresses,
        "address": "" if kind is GlanceKind.NAME else A,
        "seen": seen,
        "took": 23,
        "known": seen,
        "known_addresses": addresses,
        "full_look": TIME,
        **more,
    }
    return GlanceEvidence(**fields)


TLS, HTTP = glance(GlanceKind.TLS, SUITE), glance(GlanceKind.HTTP, PAGE)
RESET = glance(GlanceKind.TLS, seen="", known=SUITE, failure="tls.reset")


def alone(name: str, says: str, *glances: GlanceEvidence, **more: Any) -> Scenario:
    """Glances and nothing else; they acquit unless another verdict is given."""
    fields = {"status": "reachable", "rule": "glance.same", **more}
    return Scenario(f"glance-{name}", says, world(), limit=0, glance=glances, **fields)


DIFFERS = {"status": "unknown", "rule": "glance.differs"}

SCENARIOS = (
    alone("https", "the same cipher suite and group", TLS),
    alone("certificate", "the same certificate, which TLS 1.2 shows in clear", glance(GlanceKind.TLS, LEAF)),
    alone("http", "the same status and title", HTTP, target=f"http://{NAME}/"),
    alone("domain", "both chains are the same", TLS, HTTP, target=NAME),
    alone("name", "the same addresses", glance(GlanceKind.NAME), target=f"dns://{NAME}"),
    alone("tcp", "the port still accepts", glance(GlanceKind.TCP, by_name=False), target=f"tcp://{A}:443"),
    alone("tls", "an address and a name", glance(GlanceKind.TLS, SUITE, by_name=False), target=f"tls://{A}:443/{NAME}"),
    alone("quic", "the same version", glance(GlanceKind.QUIC, "quic 1"), target=f"quic://{NAME}:443"),
    alone(
        "neighbour",
        "a content network answers with an address next to a known one",
        glance(GlanceKind.TLS, SUITE, answered=(BESIDE_A,), address=BESIDE_A),
    ),
    alone("short", "the same, in few words: what is known is what was seen", TLS.shortened()),
    alone(
        "short-name",
        "one address more than the full look knew, next to a known one",
        glance(GlanceKind.NAME, answered=(A, BESIDE_A)).shortened(),
        target=f"dns://{NAME}",
    ),
    alone(
        "short-failed",
        "a failure is not the same, whatever it claims",
        replace(TLS.shortened(), failure="tls.reset"),
        **DIFFERS,
    ),
    alone("failed", "a RST that no full look followed shows nothing", RESET, **DIFFERS),
    alone("other-answer", "another cipher suite", glance(GlanceKind.TLS, "TLSv1.3 1302 001d", known=SUITE), **DIFFERS),
    alone("other-address", "an address that is not known", glance(GlanceKind.TLS, SUITE, answered=(A, B)), **DIFFERS),
    alone("no-reference", "there is nothing to compare with", glance(GlanceKind.TLS, SUITE, full_look=None), **DIFFERS),
    alone(
        "no-address",
        "a name without an address",
        glance(GlanceKind.NAME, answered=()),
        target=f"dns://{NAME}",
        **DIFFERS,
    ),
    alone("half-a-domain", "one of two chains", TLS, target=NAME, **DIFFERS),
    alone(
        "domain-http-differs",
        "https is the same and http is not",
        TLS,
        glance(GlanceKind.HTTP, "200 Blocked by order", known=PAGE),
        target=NAME,
        **DIFFERS,
    ),
    alone("of-another-kind", "a name alone does not stand for its page", glance(GlanceKind.NAME), **DIFFERS),
    alone("range", "ranges have no glance", glance(GlanceKind.TCP, by_name=False), target="151.101.0.0/16", **DIFFERS),
    alone("offline", "no anchor answers", TLS, state=VantageState.OFFLINE, status="unknown", rule="vantage.offline"),
    alone("portal", "a portal answers", TLS, state=VantageState.PORTAL, status="unknown", rule="vantage.portal"),
    alone(
        "error", "the measurement failed", TLS, error="ValueError: oops", status="unknown", rule="measurement.failed"
    ),
    Scenario(
        "glance-then-full-look-blocked",
        "a glance that differs, and the full look that followed: its observations decide",
        world(tls={("*", NAME): Failure.RESET}),
        "blocked",
        "tls.reset.sni",
        ("tls.reset", "tls.sni"),
        control=GOOD,
        glance=(RESET,),
    ),
    Scenario(
        "glance-then-full-look-served",
        "a glance that differs by chance, and the full look that followed",
        world(),
        "reachable",
        "served",
        target=URL,
        control=GOOD,
        glance=(RESET,),
    ),
)
