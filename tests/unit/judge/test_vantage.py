"""The state of the vantage."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from probe.judge.vantage import conclude, notes
from probe.model.failure import Failure
from probe.model.verdict import IPV6_WORKS, AnchorKind, AnchorLook, VantageState
from tests.unit.judge.builders import TIME

FOREIGN, DOMESTIC = AnchorKind.FOREIGN, AnchorKind.DOMESTIC


def look(
    url: str,
    kind: AnchorKind = FOREIGN,
    failure: Failure | None = None,
    *,
    strange: bool = False,
    late: int = 0,
    **more: Any,
) -> AnchorLook:
    """One look at an anchor."""
    at = TIME + timedelta(seconds=late)
    return AnchorLook(url=f"https://{url}/", kind=kind, at=at, failure=failure, foreign_content=strange, **more)


def aged(url: str, kind: AnchorKind = FOREIGN, **more: Any) -> AnchorLook:
    """One whose certificate is out of date here."""
    return look(url, kind, Failure.CERTIFICATE, outdated=True, **more)


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
        ([aged("f1"), look("f2", failure=DEAD)], "online"),
        ([aged("d1", DOMESTIC), look("f1", failure=DEAD)], "allowlist"),
    ],
)
def test_anchors_say_whether_anything_can_be_concluded(looks: list[AnchorLook], state: str) -> None:
    """Without any nothing else than `online` is (contract: `--anchor`)."""
    assert conclude(looks) is VantageState(state)


@pytest.mark.parametrize(
    ("looks", "noted"),
    [
        ([], ()),
        ([look("f1"), look("f2", failure=DEAD)], ()),
        ([aged("f1"), aged("f2")], ("clock_wrong",)),
        ([aged("f1"), look("f2", failure=DEAD), look("f3", strange=True)], ("clock_wrong",)),
        ([aged("f1"), look("f2")], ()),
        ([aged("f1"), look("f1", late=60)], ()),
        ([look("f1", six="timeout"), look("f2")], ("ipv6_broken",)),
        ([look("f1", six="timeout"), look("f2", six="reset")], ("ipv6_broken",)),
        ([look("f1", six="timeout"), look("f2", six=IPV6_WORKS)], ()),
        ([look("f1", six=IPV6_WORKS)], ()),
        ([look("f1", resolver=DEAD), look("f2", resolver=Failure.SERVFAIL)], ("resolver_dead",)),
        ([look("f1", resolver=DEAD), look("f2", failure=DEAD)], ("resolver_dead",)),
        ([look("f1", resolver=DEAD), look("f2")], ()),
        ([look("f1", resolver=Failure.NXDOMAIN)], ()),
        ([look("192.0.2.1"), look("f1", resolver=DEAD)], ("resolver_dead",)),
        ([look("192.0.2.1")], ()),
        ([look("f1", failure=DEAD, resolver=DEAD)], ()),
        ([look("f1", fake=True), look("f2")], ("fake_addresses",)),
        (
            [aged("f1", six=DEAD, resolver=DEAD, fake=True)],
            ("clock_wrong", "fake_addresses", "ipv6_broken", "resolver_dead"),
        ),
    ],
)
def test_what_is_wrong_with_a_vantage_shows_at_all_of_its_anchors(looks: list[AnchorLook], noted: Any) -> None:
    """One anchor with an old certificate or a dead IPv6 is that anchor's own affair."""
    assert notes(looks) == tuple(noted)


def test_only_the_latest_look_at_each_anchor_counts() -> None:
    """Whatever order they come in."""
    looks = [look("f1", late=60), look("f1", failure=DEAD)]

    assert conclude(looks) is VantageState.ONLINE
    assert conclude(list(reversed(looks))) is VantageState.ONLINE
