"""The state of the vantage."""

from __future__ import annotations

from datetime import timedelta

import pytest

from probe.judge.vantage import conclude
from probe.model.failure import Failure
from probe.model.verdict import AnchorKind, AnchorLook, VantageState
from tests.unit.judge.made import TIME

FOREIGN, DOMESTIC = AnchorKind.FOREIGN, AnchorKind.DOMESTIC


def look(
    url: str, kind: AnchorKind = FOREIGN, failure: Failure | None = None, *, strange: bool = False, late: int = 0
) -> AnchorLook:
    """One look at an anchor."""
    return AnchorLook(url=url, kind=kind, at=TIME + timedelta(seconds=late), failure=failure, foreign_content=strange)


DEAD = Failure.TIMEOUT


@pytest.mark.parametrize(
    ("looks", "state"),
    [
        ([], "online"),
        ([look("f1")], "online"),
        ([look("f1", failure=DEAD), look("f2")], "online"),
        ([look("d1", DOMESTIC)], "online"),
        ([look("f1", failure=DEAD), look("d1", DOMESTIC)], "allowlist"),
        ([look("f1", strange=True), look("d1", DOMESTIC)], "allowlist"),
        ([look("f1", failure=DEAD)], "offline"),
        ([look("f1", failure=DEAD), look("d1", DOMESTIC, DEAD)], "offline"),
        ([look("f1", strange=True), look("d1", DOMESTIC, strange=True)], "portal"),
        ([look("f1", strange=True), look("f2", failure=DEAD)], "offline"),
        ([look("f1", strange=True), look("f2", failure=Failure.NO_ROUTE)], "portal"),
        ([look("f1", failure=Failure.NO_ROUTE)], "offline"),
    ],
)
def test_anchors_say_whether_anything_can_be_concluded(looks: list[AnchorLook], state: str) -> None:
    """Without any nothing else than `online` is (contract: `--anchor`)."""
    assert conclude(looks) is VantageState(state)


def test_only_the_latest_look_at_each_anchor_counts() -> None:
    """Whatever order they come in."""
    looks = [look("f1", late=60), look("f1", failure=DEAD)]

    assert conclude(looks) is VantageState.ONLINE
    assert conclude(list(reversed(looks))) is VantageState.ONLINE
