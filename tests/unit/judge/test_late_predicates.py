"""Conditions of rules in modules that are imported late: called in the same way, and left out only where none holds."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given

from probe.judge import dns, glances, quic, ranges, rules, throttling
from probe.judge.evidence_hop import EvidenceHop, hops_of
from probe.judge.evidence_view import EvidenceView
from probe.judge.late_predicates import LatePredicates
from probe.model.failure import Failure
from probe.model.hop import Layer
from probe.model.target import parse
from probe.model.verdict import Verdict
from tests.unit.judge.random_evidence import VERDICTS

MODULES = {one.__name__: one for one in (dns, glances, quic, ranges, throttling)}
"""The modules whose conditions are left out for hops that they do not concern."""


def hops(verdict: Verdict) -> list[EvidenceHop]:
    """The hops of a verdict, as rules see them."""
    view = EvidenceView(
        parse(verdict.target),
        verdict.evidence,
        verdict.vantage.state,
        verdict.time,
        frozenset(verdict.vantage.notes),
        verdict.vantage.anchors,
        verdict.vantage.ipv6_answered,
    )
    return [hop for chain in hops_of(view) for hop in chain]


@given(VERDICTS)
def test_a_condition_that_is_left_out_does_not_hold(verdict: Verdict) -> None:
    """What a module concerns is exact: its conditions hold for no other hop, whatever was seen there."""
    for rule in rules.RULES:
        late = rule.applies
        module = MODULES.get(getattr(late, "_module", ""))
        if module is None:
            continue
        direct = getattr(module, late._name)
        if late._arguments is not None:
            direct = direct(*late._arguments)
        for hop in hops(verdict):
            if not late._concerns(hop):
                assert not direct(hop), rule.id


@given(VERDICTS)
def test_a_late_condition_says_what_the_condition_says(verdict: Verdict) -> None:
    late = LatePredicates("probe.judge.ranges")
    made = late.fails_only_here_by(Layer.TCP, Failure.TIMEOUT)
    for hop in hops(verdict):
        assert late.relayed(hop) == ranges.relayed(hop)
        assert made(hop) == ranges.fails_only_here_by(Layer.TCP, Failure.TIMEOUT)(hop)


def test_every_row_of_the_table_names_a_condition_that_exists() -> None:
    """A misspelt name would show only when a hop first concerns it."""
    for rule in rules.RULES:
        if hasattr(rule.applies, "_import"):
            assert callable(rule.applies._import())


def test_a_condition_is_not_imported_before_it_concerns_a_hop() -> None:
    script = (
        "import sys; import probe.judge.rules as rules;"
        "print(sorted(sys.modules.keys() & {'probe.judge.dns', 'probe.judge.throttling', 'probe.judge.quic'}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


@given(VERDICTS)
def test_a_name_that_no_module_has_is_an_error_when_it_is_asked(verdict: Verdict) -> None:
    with pytest.raises(AttributeError, match="no_such_condition"):
        LatePredicates("probe.judge.dns").no_such_condition(hops(verdict)[0])
