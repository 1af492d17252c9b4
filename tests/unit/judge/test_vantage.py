"""The state of the vantage."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from probe.judge.vantage import conclude, concluded_again, notes
from probe.model.failure import Failure
from probe.model.verdict import IPV6_WORKS, AnchorAnswer, AnchorKind, AnchorLook, Vantage, VantageState
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
    """A look at an anchor whose certificate is out of date."""
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
def test_the_state_follows_from_the_anchors(looks: list[AnchorLook], state: str) -> None:
    """Without anchors it is `online` (contract: `--anchor`)."""
    assert conclude(looks) is VantageState(state)


@pytest.mark.parametrize(
    ("looks", "noted"),
    [
        ([], ()),
        ([look("f1"), look("f2", failure=DEAD)], ("anchors_disagree",)),
        ([look("f1"), look("f2", strange=True)], ("anchors_disagree",)),
        ([look("f1"), look("d1", DOMESTIC, DEAD)], ("anchors_disagree",)),
        ([look("f1"), look("f2", failure=Failure.NO_ROUTE)], ()),
        ([look("f1"), look("f2", failure=Failure.RESET, cut_by_name=True)], ()),
        ([look("f1"), look("f2", failure=DEAD), look("f2", late=60)], ()),
        ([look("f1", failure=DEAD), look("f2", failure=DEAD)], ()),
        ([look("f1", failure=DEAD), look("d1", DOMESTIC)], ()),
        ([look("f1"), look("f2", answer=AnchorAnswer(status=302, location="http://warning.rt.ru/"))], ()),
        ([aged("f1"), aged("f2")], ("clock_wrong",)),
        ([aged("f1"), look("f2", failure=DEAD), look("f3", strange=True)], ("anchors_disagree", "clock_wrong")),
        ([aged("f1"), look("f2")], ()),
        ([aged("f1"), look("f1", late=60)], ()),
        ([look("f1", ipv6_result="timeout"), look("f2")], ("ipv6_broken",)),
        ([look("f1", ipv6_result="timeout"), look("f2", ipv6_result="reset")], ("ipv6_broken",)),
        ([look("f1", ipv6_result="timeout"), look("f2", ipv6_result=IPV6_WORKS)], ()),
        ([look("f1", ipv6_result=IPV6_WORKS)], ()),
        ([look("f1", resolver=DEAD), look("f2", resolver=Failure.SERVFAIL)], ("resolver_dead",)),
        ([look("f1", resolver=DEAD), look("f2", failure=DEAD)], ("anchors_disagree", "resolver_dead")),
        ([look("f1", resolver=DEAD), look("f2")], ()),
        ([look("f1", resolver=Failure.NXDOMAIN)], ()),
        ([look("192.0.2.1"), look("f1", resolver=DEAD)], ("resolver_dead",)),
        ([look("192.0.2.1")], ()),
        ([look("f1", failure=DEAD, resolver=DEAD)], ()),
        ([look("f1", fake_address=True), look("f2")], ("fake_addresses",)),
        (
            [aged("f1", ipv6_result=DEAD, resolver=DEAD, fake_address=True)],
            ("clock_wrong", "fake_addresses", "ipv6_broken", "resolver_dead"),
        ),
    ],
)
def test_a_note_takes_all_anchors(looks: list[AnchorLook], noted: Any) -> None:
    """One anchor with an old certificate or a dead IPv6 makes none."""
    assert notes(looks) == tuple(noted)


LOGIN = AnchorAnswer(status=302, location="http://portal.lan/")
REFUSED = AnchorAnswer(status=403, complete=True, sha256="0" * 32)
NOTICE = AnchorAnswer(status=302, location="http://warning.rt.ru/")


def clear(url: str, failure: Failure | None = None, answer: AnchorAnswer | None = None) -> AnchorLook:
    """One look at a portal check in clear text, which works unless something else is said."""
    right = AnchorAnswer(status=204, complete=True)
    return AnchorLook(
        url=f"http://{url}/generate_204",
        kind=FOREIGN,
        at=TIME,
        failure=failure,
        answer=None if failure else answer or right,
    )


CLEAR = [clear(f"c{n}") for n in range(5)]
SECURE = [look("s1"), look("s2")]
SILENT = [look("s1", failure=DEAD), look("s2", failure=DEAD)]
MINE = [look("s1", failure=Failure.CERTIFICATE, answer=AnchorAnswer(certificate_error="Hostname mismatch"))]
HOME = look("d1", DOMESTIC)


@pytest.mark.parametrize(
    ("looks", "state", "doubt"),
    [
        ([*CLEAR, *SECURE], "online", False),
        (CLEAR, "online", False),
        ([*CLEAR, *SILENT], "online", True),
        ([*CLEAR, look("s1", failure=Failure.RESET, cut_by_name=True)], "online", True),
        ([*CLEAR, look("s1", failure=Failure.NO_ROUTE)], "online", False),
        ([*CLEAR, *MINE], "portal", False),
        ([CLEAR[0], *(clear(f"p{n}", answer=LOGIN) for n in range(4)), *SILENT], "portal", False),
        ([*CLEAR[:3], *(clear(f"p{n}", answer=NOTICE) for n in range(3)), *SILENT], "online", True),
        ([CLEAR[0], *(clear(f"c{n}", DEAD) for n in range(1, 5)), *SILENT, HOME], "allowlist", False),
        ([CLEAR[0], *(clear(f"c{n}", DEAD) for n in range(1, 5)), *SILENT], "online", True),
        ([*CLEAR, *SILENT, HOME], "online", True),
        ([*(clear(f"c{n}", DEAD) for n in range(5)), *SILENT, HOME], "allowlist", False),
        ([*(clear(f"c{n}", DEAD) for n in range(5)), *SILENT], "offline", False),
        ([*(clear(f"c{n}", answer=LOGIN) for n in range(5)), *SILENT], "portal", False),
    ],
)
def test_a_known_answer_in_clear_text_alone_never_makes_a_line_good(
    looks: list[AnchorLook], state: str, *, doubt: bool
) -> None:
    """Portals let such checks through, and routers answer them while they are offline. Nor does it hide a portal."""
    assert conclude(looks) is VantageState(state)
    assert ("anchors_disagree" in notes(looks)) is doubt


@pytest.mark.parametrize(
    ("looks", "doubt"),
    [
        ([*CLEAR[:4], clear("c5", DEAD), *SECURE], False),
        ([*CLEAR[:4], clear("c5", answer=REFUSED), *SECURE], False),
        ([*CLEAR[:4], clear("c5", answer=LOGIN), *SECURE], True),
        ([*CLEAR[:4], clear("c5", answer=AnchorAnswer(status=511)), *SECURE], True),
        ([*CLEAR, look("s1"), *SILENT[1:]], False),
        ([*CLEAR, look("s1"), look("s2", failure=Failure.CERTIFICATE, strange=True)], True),
        ([*CLEAR[:3], clear("c5", DEAD), *SECURE], True),
        ([*CLEAR[:3], clear("c5", DEAD), clear("c6", DEAD), *SECURE], True),
        ([*CLEAR, look("s1"), look("s2", lost_under_load=True)], True),
    ],
)
def test_one_of_seven_anchors_may_be_missing(looks: list[AnchorLook], *, doubt: bool) -> None:
    """As where a server refuses a country, or a censor blocks one check; unless a portal answers in its place."""
    assert conclude(looks) is VantageState.ONLINE
    assert ("anchors_disagree" in notes(looks)) is doubt


def test_answers_in_clear_text_do_not_hide_a_wrong_clock() -> None:
    """They have no certificates."""
    assert "clock_wrong" in notes([*CLEAR, aged("s1"), aged("s2")])


def test_only_the_latest_look_at_each_anchor_counts() -> None:
    """In whatever order they come."""
    looks = [look("f1", late=60), look("f1", failure=DEAD)]

    assert conclude(looks) is VantageState.ONLINE
    assert conclude(list(reversed(looks))) is VantageState.ONLINE


PORTAL = AnchorAnswer(status=302, location="http://portal.lan/")


def test_facts_of_an_answer_count_before_a_stored_conclusion() -> None:
    """So that a new version finds a portal that an older one did not."""
    assert conclude([look("f1", answer=PORTAL)]) is VantageState.PORTAL
    assert conclude([look("f1", strange=True, answer=AnchorAnswer(status=200))]) is VantageState.ONLINE


def test_a_vantage_is_concluded_again_from_its_looks() -> None:
    """Notes of other origin stay; the looks show what was concluded."""
    made = Vantage(state=VantageState.ONLINE, notes=("clock_wrong", "proxy"), anchors=(look("f1", answer=PORTAL),))

    again = concluded_again(made)

    assert (again.state, again.notes) == (VantageState.PORTAL, ("proxy",))
    assert again.anchors[0].foreign_content
    assert concluded_again(again) == again


@pytest.mark.parametrize(
    "made",
    [
        Vantage(state=VantageState.PORTAL, notes=("clock_wrong",)),
        Vantage(state=VantageState.POLICED, anchors=(look("f1", failure=DEAD),)),
    ],
)
def test_a_vantage_without_looks_or_policed_stays_as_it_is(made: Vantage) -> None:
    """Its state does not follow from looks."""
    assert concluded_again(made) is made
