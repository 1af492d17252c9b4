"""Prometheus' text format."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.collector.metrics import HELP, Metrics


def test_counters_and_gauges_are_written_with_help_and_type() -> None:
    """As version 0.0.4 of the format has them."""
    metrics = Metrics()
    metrics.add("batches_total", answer="stored")
    metrics.add("batches_total", 2, answer="stored")
    metrics.ask("writes_waiting", lambda: 7.0)

    text = metrics.text()

    assert 'probe_collector_batches_total{answer="stored"} 3\n' in text
    assert "# TYPE probe_collector_writes_waiting gauge\nprobe_collector_writes_waiting 7\n" in text
    assert "# TYPE probe_collector_batches_total counter" in text


def test_every_line_is_of_the_format_and_every_name_has_its_help() -> None:
    """Names, labels and numbers as a scraper reads them."""
    metrics = Metrics()
    for name in HELP:
        metrics.add(name, 1.5, kind="x")

    lines = metrics.text().splitlines()

    samples = [line for line in lines if not line.startswith("#")]
    assert len(samples) == len(HELP)
    assert all(re.fullmatch(r'probe_collector_[a-z_]+(\{[a-z]+="[a-z]+"\})? [0-9.e+-]+', line) for line in samples)


def test_a_label_s_value_cannot_break_the_page() -> None:
    """Quotes, backslashes and line ends are escaped."""
    metrics = Metrics()
    metrics.add("refusals_total", code='a"b\\c\nd')

    assert r'{code="a\"b\\c\nd"} 1' in metrics.text()


@pytest.mark.parametrize("amount", [-1, -0.5, float("nan"), float("inf"), float("-inf"), 2**63, 10**400])
def test_an_amount_that_is_no_count_is_dropped_and_that_is_counted(amount: float) -> None:
    """A counter never decreases, and a whole number of 401 digits is no fault of ours."""
    metrics = Metrics()
    metrics.add("rounds_total", 3)
    metrics.add("rounds_total", amount)

    text = metrics.text()

    assert "probe_collector_rounds_total 3\n" in text
    assert "probe_collector_dropped_samples_total 1\n" in text


@given(st.lists(st.one_of(st.floats(), st.integers(-(10**30), 10**30)), max_size=5))
def test_no_page_has_a_number_that_is_not_finite_or_absurd(values: list[float]) -> None:
    """Whatever is added, set or asked for."""
    metrics = Metrics()
    for n, value in enumerate(values):
        metrics.add("changes_total", value)
        metrics.set("agents_present", value, role=str(n))
        metrics.ask("task_success_age_seconds", lambda value=value: value, task=str(n))  # type: ignore[misc]

    samples = [line.rsplit(" ", 1)[1] for line in metrics.text().splitlines() if not line.startswith("#")]

    assert all(abs(float(sample)) <= 5 * 2.0**63 for sample in samples)
    assert not any(word in sample for sample in samples for word in ("nan", "inf"))
