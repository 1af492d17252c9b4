"""The vocabulary of failures is closed, and its sets are disjoint."""

from __future__ import annotations

from probe.model.failure import DNS_ANSWERS, OWN_FAULTS, Failure


def test_no_failure_is_both_a_resolver_s_answer_and_a_fault_of_this_host() -> None:
    """The two sets are disjoint."""
    assert not DNS_ANSWERS & OWN_FAULTS
    assert set(Failure) >= DNS_ANSWERS | OWN_FAULTS


def test_every_failure_is_one_lower_case_word() -> None:
    """Evidence contains them as they are."""
    assert all(f.value == f.value.lower() and f.value.replace("_", "").isalpha() for f in Failure)
