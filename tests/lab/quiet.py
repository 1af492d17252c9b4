"""Make an agent's detector state of a quiet week, so that the demo need not run for a week.

How fast an agent reports a block depends on its history of the line: time-outs alone are reported after five rounds by
an agent that has run for a week, after eighteen by one that began today. Volunteers' agents have a history. The demo's
agents get one from the same detector: all targets reachable, one sample in a hundred failing by chance and working in
the re-test.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from probe.agent.outbox import AgentState, Outbox
from probe.agent.state_file import STATE_FILE
from probe.detect.detector import Detector
from probe.detect.detector_input import DetectorInput, VantageInput
from probe.model.verdict import Status, VantageState

WEEK = timedelta(days=7)
STRAY = 0.01
"""Share of samples that fail by chance: the noise of an ordinary line."""


def remembered(targets: Iterable[str], asn: int, until: datetime, interval: float) -> bytes:
    """The state of a detector after a quiet week.

    Args:
        targets: all reachable.
        asn: of the network.
        until: when the week ends.
        interval: seconds between rounds.
    """
    chance, detector, order = Random(asn), Detector(), list(targets)
    where = VantageInput(state=VantageState.ONLINE, asn=asn)
    for number in range(int(WEEK.total_seconds() / interval), 0, -1):
        start = until - timedelta(seconds=interval * number)
        for place, target in enumerate(order):
            moment = start + timedelta(seconds=0.5 * place)
            stray = chance.random() < STRAY
            status = Status.UNREACHABLE if stray else Status.REACHABLE
            detector.feed(DetectorInput(moment, target, status, (), 0, where))
            if stray:
                again = moment + timedelta(seconds=15)
                detector.feed(DetectorInput(again, target, Status.REACHABLE, (), 1, where))
        detector.end_round(start + timedelta(seconds=60))
    return detector.dump()


def give_memory(folder: Path, memory: bytes, now: datetime) -> None:
    """Store a detector's state for an agent that has not yet run."""
    folder.mkdir(parents=True, mode=0o700)
    with Outbox(folder / STATE_FILE) as outbox:
        outbox.commit(AgentState(detector=memory, vantage=VantageState.ONLINE, measured={}), (), reports={}, now=now)
