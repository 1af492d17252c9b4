"""Prometheus' text format."""

from __future__ import annotations

import re

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
