"""Prometheus' text format."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.collector.metrics import HELP, Metrics


def test_counters_and_gauges_are_written_with_help_and_type() -> None:
    """In version 0.0.4 of the text format."""
    metrics = Metrics()
    metrics.add("batches_total", answer="stored")
    metrics.add("batches_total", 2, answer="stored")
    metrics.register("writes_waiting", lambda: 7.0)

    text = metrics.text()

    assert 'probe_collector_batches_total{answer="stored"} 3\n' in text
    assert "# TYPE probe_collector_writes_waiting gauge\nprobe_collector_writes_waiting 7\n" in text
    assert "# TYPE probe_collector_batches_total counter" in text


def test_every_metric_is_written_in_the_format_of_a_scraper() -> None:
    """Names, labels and numbers; every name has its help."""
    metrics = Metrics()
    for name in HELP:
        metrics.add(name, 1.5, kind="x")

    lines = metrics.text().splitlines()

    samples = [line for line in lines if not line.startswith("#")]
    assert len(samples) == len(HELP)
    assert all(re.fullmatch(r'probe_collector_[a-z_]+(\{[a-z]+="[a-z]+"\})? [0-9.e+-]+', line) for line in samples)


def test_label_values_are_escaped() -> None:
    """Quotes, backslashes and line ends."""
    metrics = Metrics()
    metrics.add("refusals_total", code='a"b\\c\nd')

    assert r'{code="a\"b\\c\nd"} 1' in metrics.text()


@pytest.mark.parametrize("amount", [-1, -0.5, float("nan"), float("inf"), float("-inf"), 2**63, 10**400])
def test_an_impossible_amount_is_dropped_and_the_drop_is_counted(amount: float) -> None:
    """A counter never decreases, and a whole number of 401 digits raises nothing."""
    metrics = Metrics()
    metrics.add("rounds_total", 3)
    metrics.add("rounds_total", amount)

    text = metrics.text()

    assert "probe_collector_rounds_total 3\n" in text
    assert "probe_collector_dropped_samples_total 1\n" in text


@given(st.lists(st.one_of(st.floats(), st.integers(-(10**30), 10**30)), max_size=5))
def test_the_page_has_only_finite_numbers_of_a_sane_size(values: list[float]) -> None:
    """Whatever is added, set or asked for."""
    metrics = Metrics()
    for n, value in enumerate(values):
        metrics.add("changes_total", value)
        metrics.set("agents_present", value, role=str(n))
        metrics.register("task_success_age_seconds", lambda value=value: value, task=str(n))  # type: ignore[misc]

    samples = [line.rsplit(" ", 1)[1] for line in metrics.text().splitlines() if not line.startswith("#")]

    assert all(abs(float(sample)) <= 5 * 2.0**63 for sample in samples)
    assert not any(word in sample for sample in samples for word in ("nan", "inf"))
