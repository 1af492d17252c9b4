"""What came of the measurements, in a few lines."""

from __future__ import annotations

from probe.formats.ooni.measurement_header import SetAside
from probe.ooni.summary import MAX_NAMED_ROWS, ReadSummary
from tests.unit.formats.ooni.measurements import measurement, read


def test_the_summary_counts_reasons_and_agreement() -> None:
    """OONI's conclusions in rows, ours in columns."""
    summary = ReadSummary()
    summary.read = 3
    summary.add_verdict(read(measurement()).verdict, "accessible")
    summary.add_verdict(read(measurement()).verdict, "")
    summary.add_fault(SetAside("not JSON", "x"))
    summary.add_odd()
    text = "\n".join(summary.lines())

    assert "3 measurements read, 2 verdicts, 1 set aside" in text
    assert "1 not JSON" in text
    assert [line.split() for line in text.splitlines()[-3:]] == [
        ["OONI's", "conclusion", "reachable"],
        ["(none)", "1"],
        ["accessible", "1"],
    ]


def test_rows_are_named_up_to_a_bound() -> None:
    """A file of a million bad lines does not fill the terminal."""
    summary = ReadSummary()
    named = [summary.add_fault(SetAside("not JSON")) for _ in range(MAX_NAMED_ROWS + 5)]

    assert sum(named) == MAX_NAMED_ROWS
    assert summary.count_of("not JSON") == summary.set_aside == MAX_NAMED_ROWS + 5
    assert [summary.add_odd() for _ in range(MAX_NAMED_ROWS + 1)][-1] is False
