"""The exit status that verdicts add up to."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from probe.cli.tally import Tally
from probe.errors import ExitStatus
from probe.model.verdict import Status, Vantage, VantageState, Verdict


def tally(*pairs: tuple[Status, VantageState]) -> Tally:
    made = Tally()
    for status, state in pairs:
        made.add(
            Verdict(time=datetime(2017, 5, 4, tzinfo=UTC), target="a", status=status, vantage=Vantage(state=state))
        )
    return made


@pytest.mark.parametrize(
    ("pairs", "status"),
    [
        ((), ExitStatus.OK),
        (((Status.REACHABLE, VantageState.ONLINE),), ExitStatus.OK),
        (((Status.REACHABLE, VantageState.ALLOWLIST),), ExitStatus.OK),
        *((((Status.REACHABLE, VantageState.ONLINE), (bad, VantageState.ONLINE)), ExitStatus.NOT_ALL_WELL)
          for bad in Status if bad is not Status.REACHABLE),
        (((Status.UNKNOWN, VantageState.PORTAL),), ExitStatus.NOT_ALL_WELL),
        (((Status.BLOCKED, VantageState.ONLINE), (Status.UNKNOWN, VantageState.OFFLINE)), ExitStatus.OFFLINE),
    ],
)  # fmt: skip
def test_the_status_follows_the_contract(pairs: tuple[tuple[Status, VantageState], ...], status: ExitStatus) -> None:
    assert tally(*pairs).status is status


def test_the_counts_in_words_leave_out_what_is_not_there() -> None:
    online = VantageState.ONLINE

    assert tally((Status.BLOCKED, online), (Status.REACHABLE, online), (Status.REACHABLE, online)).sentence() == (
        "2 reachable, 1 blocked"
    )
