"""An uplink that is cut and comes back: `python -m tests.lab.uplink [--minutes 10]` (root).

A collector, a control and a vantage run as real processes, by default under the real clock. In the middle of a round
everything that the vantage sends begins to vanish, and after a number of minutes it no longer does. The agent's outbox
has the reports to its collector: one transition of the vantage to `offline`, one back, and none of any target.
"""

from __future__ import annotations

import argparse
import gzip
import signal
import sqlite3
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from random import Random

from probe.agent.state_file import STATE_FILE
from probe.formats import batch as batches
from probe.model.transition import VANTAGE as ITSELF
from probe.model.transition import Transition
from tests.lab.ordinary import VANTAGE, Pace, Watch, say, watch
from tests.lab.records import Act, Interference
from tests.lab.topology import missing

PACE = Pace(interval=30.0, rate=1.0, step=2.0)
"""The real clock; rounds of half a minute, so that there are twenty of them in ten minutes."""
SITES = 12
BEFORE = 3.0
"""Rounds before the cut."""
MAX_RETURN_ROUNDS = 12.0
"""Rounds after the end of the cut within which the vantage must have reported that it is back."""
WITHIN = 2.0
"""Rounds within which either end must be reported."""


def changes(state: Path) -> list[Transition]:
    """Every transition in an agent's outbox, sent or not, in order.

    Args:
        state: its folder.
    """
    reading = sqlite3.connect(f"file:{state / STATE_FILE}?mode=ro", uri=True, timeout=10)
    try:
        rows = reading.execute("SELECT body FROM batch ORDER BY seq").fetchall()
    finally:
        reading.close()
    return [change.transition for (body,) in rows for change in batches.decode(gzip.decompress(body)).changes]


def perform(
    minutes: float, seed: int, *, pace: Pace = PACE, before: float = BEFORE, within: float = WITHIN
) -> list[str]:
    """Raise the lab, cut the uplink for a time, compare; the faults, a line each.

    Args:
        minutes: real ones.
        seed: decides where in a round the uplink is cut.
        pace: how fast.
        before: rounds before the cut.
        within: rounds within which either end must be reported.

    Raises:
        RuntimeError: the lab cannot be raised, or a program on it ended.
    """
    with watch(SITES, pace) as on:
        address, six = on.lab.world.vantages[VANTAGE]
        everything = [Interference(act=Act.DROP, source=text) for text in (address, six)]
        on.rest(before + Random(seed).random())  # anywhere in a round
        cut = on.now()
        on.lab.interfere("mba", everything)
        say([f"{cut:%H:%M:%S}  ---- the uplink is cut"])
        time.sleep(minutes * 60)
        back = on.now()
        on.lab.interfere("mba", ())
        say([f"{back:%H:%M:%S}  ---- the uplink is back"])
        transitions = _reported(on)
        say(on.listen())
        invented = [score.line() for score in on.ledger.scores]
    say(_lines(transitions))
    wrong = judgement(transitions, cut, back, pace, within) + [f"the collector has: {line}" for line in invented]
    say(f"WRONG  {line}" for line in wrong)
    return wrong


def _lines(transitions: list[Transition]) -> Iterator[str]:
    for one in transitions:
        yield f"{one.time:%H:%M:%S}  {one.target}: {one.before} -> {one.after}, since {one.onset:%H:%M:%S}"


def _reported(on: Watch) -> list[Transition]:
    """Wait until the vantage has reported that it is back, and two rounds more; all transitions reported."""
    state, left = on.fleet.state(VANTAGE), MAX_RETURN_ROUNDS
    while left > 0 and "online" not in {one.after for one in changes(state)}:
        on.rest(0.1)
        left -= 0.1
    on.rest(2)
    return changes(state)


def judgement(
    transitions: list[Transition], cut: datetime, back: datetime, pace: Pace, within: float = WITHIN
) -> list[str]:
    """The faults in the transitions of a vantage whose uplink was cut once.

    Args:
        transitions: in order.
        cut: when it was cut, by the laboratory clock.
        back: when it came back.
        pace: of the rounds.
        within: rounds within which either end must be reported. Its onset may be wrong by three quarters of that.
    """
    wrong = [f"a target changed: {one}" for one in transitions if one.target != ITSELF]
    own = [one for one in transitions if one.target == ITSELF]
    passed = [(one.before, one.after) for one in own]
    if passed != [("online", "offline"), ("offline", "online")]:
        return [*wrong, f"the vantage went {passed}"]
    for one, truth in zip(own, (cut, back), strict=True):
        late = (one.time - truth).total_seconds() / pace.interval
        off = abs((one.onset - truth).total_seconds()) / pace.interval
        say([f"{one.after}: reported after {late:.1f} rounds, dated {off:.1f} rounds off"])
        if not 0.0 <= late <= within or off > 0.75 * within:
            wrong.append(f"{one.after} after {late:.1f} rounds, dated {off:.1f} rounds off")
    return wrong


def main() -> int:
    """Run it and return the exit status."""
    options = argparse.ArgumentParser(prog="python -m tests.lab.uplink", description=__doc__)
    options.add_argument("--minutes", type=float, default=10.0, help="how long it is cut, in real minutes")
    options.add_argument("--seed", type=int, default=1, help="where in a round it is cut follows from it")
    chosen = options.parse_args()
    if reason := missing():
        say([f"uplink: {reason}"])
        return 1
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        wrong = perform(chosen.minutes, chosen.seed)
    except KeyboardInterrupt:
        return 130
    say([f"{len(wrong)} things went wrong" if wrong else "all went as it should"])
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
