"""Measure targets that work or are down everywhere, on clean and lossy lines, with and without a control."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.lab.bench import Bench, Line
from tests.lab.records import Control
from tests.lab.scenarios import ALL
from tests.lab.topology import Lab

LINES = {"a2": 0, "loss2": 2, "loss5": 5, "loss10": 10}
"""Vantage -> packet loss in each direction, in per cent."""
STEP = 6.0
"""Seconds a step may take: enough for a SYN that is lost four times (Linux sends it again every second)."""
HARMLESS = [
    s for s in ALL if s.family == "benign" and not s.middlebox and s.lie is None and "{vantage}" not in str(s.core)
]
Run = tuple[str, bool]


def measure_harmless(lab: Lab) -> dict[Run, list[Line]]:
    """Measure at all vantages at once: (vantage, with a control or without) -> the lines of `probe check`."""
    bench = Bench(lab, HARMLESS)
    control = Bench(lab, [s for s in HARMLESS if s.control is Control.ON]).measure_controls()["control"]
    file = bench.control_file("benign", control)
    targets = [bench.target(s) for s in HARMLESS]

    def measure(run: Run) -> list[Line]:
        vantage, controlled = run
        return bench.probe(vantage, targets, *(file if controlled else ()), trusted=True, timeout=STEP)

    wanted = [(vantage, controlled) for vantage in LINES for controlled in (True, False)]
    with ThreadPoolExecutor(len(wanted)) as pool:
        return dict(zip(wanted, pool.map(measure, wanted), strict=True))
