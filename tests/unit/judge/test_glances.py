"""What a glance shows: it acquits where everything is the same, and says nothing otherwise."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from probe import judge
from probe.judge import glances, rules
from probe.model.failure import Failure
from probe.model.glance import GlanceKind
from probe.model.glance_evidence import GlanceEvidence
from probe.model.target import parse
from probe.model.verdict import Evidence, Status, Vantage, VantageState
from tests.unit.judge.builders import NAME, TIME, URL, A, hop_of, served, tls
from tests.unit.judge.random_evidence import GLANCES, TARGETS

SUITE = "TLSv1.3 1301 001d"
SAME = GlanceEvidence(
    kind=GlanceKind.TLS, answered=(A,), address=A, seen=SUITE, known=SUITE, known_addresses=(A,), full_look=TIME
)
FAILED = msgspec.structs.replace(SAME, seen="", failure="tls.reset")


def test_a_glance_that_saw_the_same_acquits() -> None:
    assert glances.same(hop_of(glance=(SAME,)))
    assert not glances.differs(hop_of(glance=(SAME,)))


def test_a_glance_that_failed_says_nothing() -> None:
    assert not glances.same(hop_of(glance=(FAILED,)))
    assert glances.differs(hop_of(glance=(FAILED,)))


def test_beside_a_full_look_no_rule_of_glances_applies() -> None:
    for seen in (served(), (tls(failure=Failure.RESET),)):
        hop = hop_of(*seen, glance=(SAME,))

        assert not glances.same(hop)
        assert not glances.differs(hop)


def test_one_of_two_chains_that_differs_leaves_the_domain_unknown() -> None:
    other = msgspec.structs.replace(SAME, kind=GlanceKind.HTTP, seen="200 Blocked", known="200 Daily news")
    judged = judge.judge(parse(NAME), Evidence(glance=(SAME, other)), VantageState.ONLINE)

    assert (judged.status, judged.rule) == (Status.UNKNOWN, "glance.differs")


@given(
    target=st.sampled_from(TARGETS),
    found=st.lists(GLANCES, min_size=1, max_size=2),
    state=st.sampled_from(VantageState),
)
def test_the_short_way_says_what_the_table_says(target: str, found: list[GlanceEvidence], state: VantageState) -> None:
    """Glances are judged without reading hops; the table is what counts."""
    evidence = Evidence(glance=tuple(found))
    decided = {rules.decide(hop_of(target=target, state=state, glance=tuple(found))).id}
    judged = judge.judge(parse(target), evidence, state)

    assert {judged.rule} == decided
    assert judged.causes == ()


@given(target=st.sampled_from(TARGETS), found=st.lists(GLANCES, max_size=3))
def test_a_glance_never_accuses(target: str, found: list[GlanceEvidence]) -> None:
    judged = judge.verdict(
        time=TIME,
        text=target,
        target=parse(target),
        evidence=Evidence(glance=tuple(found)),
        vantage=Vantage(state=VantageState.ONLINE),
    )

    assert judged.status in {Status.REACHABLE, Status.UNKNOWN}
    assert judge.again(judged) == judged


def test_the_evidence_of_a_glance_is_small() -> None:
    """A few hundred bytes of JSON, and they decode to the same."""
    written = msgspec.json.encode(Evidence(glance=(SAME,)))

    assert len(written) < 300
    assert msgspec.json.decode(written, type=Evidence).glance == (SAME,)
    assert URL.encode() not in written
