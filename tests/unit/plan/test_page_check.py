"""Pages that are fetched again: doubtful pages, and those that stop or are slow."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from probe.model.failure import Failure
from probe.model.flow import Flow
from probe.model.hop import Purpose, StepPosition
from probe.model.observation import Exchange
from probe.model.verdict import ControlFacts, ControlPage, Status
from probe.plan.context import LinePage, PlanContext
from probe.plan.page_check import crawls, is_doubtful, is_slow, same_page_step
from tests.unit.plan.dialogue import CONTEXT, A, page
from tests.unit.plan.test_hop import HTTP, NEUTRAL, URL, resolved

CONTROL = ControlFacts(
    time=datetime(2026, 10, 1, tzinfo=UTC),
    statuses=(Status.REACHABLE,),
    pages=(ControlPage(url=HTTP, status=200, title="News"),),
)
CRAWL = Flow(bytes=180_000, took=9_000)
QUICK = Flow(bytes=180_000, took=300)
FAR = LinePage("https://anchor.example.com/", "23.10.20.30")
POSITION = StepPosition(purpose=Purpose.NEUTRAL)


@pytest.mark.parametrize(
    ("page", "control", "doubtful"),
    [
        (Exchange(url=HTTP, address="", status=200, title="News"), CONTROL, False),
        (Exchange(url=HTTP, address="", status=403, title="News"), CONTROL, True),
        (Exchange(url=HTTP, address="", status=200, title="Other"), CONTROL, True),
        (Exchange(url=HTTP, address="", status=200, title="News", location="http://x.example/"), CONTROL, True),
        (Exchange(url=HTTP + "a", address="", status=403), CONTROL, False),
        (Exchange(url=HTTP, address="", status=403), None, False),
    ],
)
def test_a_page_without_a_fingerprint_is_doubtful_where_it_differs_from_the_controls(
    page: Exchange, control: ControlFacts | None, doubtful: bool
) -> None:
    """Without a control there is nothing to compare it with."""
    assert is_doubtful(page, PlanContext(control=control)) is doubtful


@pytest.mark.parametrize("control", [CONTROL, None])
def test_a_page_with_a_fingerprint_is_doubtful(control: ControlFacts | None) -> None:
    """Whatever the control got."""
    page = Exchange(url=HTTP, address="", status=200, title="News")

    assert is_doubtful(page, PlanContext(control=control, has_fingerprint=lambda one: one is page))


@pytest.mark.parametrize(
    ("flow", "wanted"),
    [
        (None, False),
        (QUICK, False),
        (CRAWL, True),
        (Flow(bytes=20_000, took=9_000), False),
        (Flow(bytes=100_000, took=1_000, quiet=9_000), True),
    ],
)
def test_a_large_page_below_fifty_kilobytes_a_second_is_slow(flow: Flow | None, wanted: bool) -> None:
    """A small one is not, whatever its rate; silence at the end counts."""
    assert is_slow(Exchange(url=URL, address=A, flow=flow)) is wanted


@pytest.mark.parametrize(
    ("flow", "failure", "wanted"),
    [
        (CRAWL, None, True),
        (QUICK, None, False),
        (Flow(bytes=20_000, took=2_900, stall=300, quiet=90), Failure.TIMEOUT, True),
        (Flow(bytes=20_000, took=300, stall=100, quiet=9_000), Failure.TIMEOUT, False),
        (None, Failure.TIMEOUT, False),
        (Flow(bytes=20_000, took=2_900), Failure.RESET, False),
    ],
    ids=["slow", "fast", "slow until time was up", "frozen", "no answer", "reset"],
)
def test_a_page_crawls_where_it_comes_slowly_without_stopping(
    flow: Flow | None, failure: Failure | None, wanted: bool
) -> None:
    """A freeze counts bytes in its own connection: another transfer beside it does not matter."""
    assert crawls(Exchange(url=URL, address=A, flow=flow, failure=failure)) is wanted


def test_the_other_name_replaces_the_server_name_over_tls_and_the_host_over_http() -> None:
    """Over TLS the server gets the same request."""
    wrapped = same_page_step(URL + "page?q", A, NEUTRAL, POSITION)
    clear = same_page_step("http://news.example.org:8080/page?q", A, NEUTRAL, POSITION)

    assert (wrapped.url, wrapped.sni, wrapped.verify) == (URL + "page?q", NEUTRAL, False)
    assert (clear.url, clear.sni) == (f"http://{NEUTRAL}:8080/page?q", "")
    assert same_page_step(HTTP, A, NEUTRAL, POSITION).url == f"http://{NEUTRAL}/"


def test_a_slow_page_is_fetched_in_turns_under_another_and_its_own_name() -> None:
    """Three times each: congestion would have to come and go with the names."""
    dialogue = resolved(local=(A,), trusted=(A,))
    dialogue.asks()
    step = dialogue.open[f"get {URL} at {A}"]
    dialogue.tell(f"get {URL} at {A}", page(step, flow=CRAWL))
    other = f"get {URL} at {A} as {NEUTRAL} unverified neutral"

    mine = f"get {URL} at {A}"
    for asked in (other, f"{mine} try 1", f"{other} try 1", f"{mine} try 2", f"{other} try 2"):
        assert dialogue.asks() == [asked]
        dialogue.tell(asked, page(dialogue.open[asked], flow=CRAWL if asked.startswith(f"{mine} try") else QUICK))
    assert dialogue.asks() == []


@pytest.mark.parametrize(
    ("flow", "line_pages", "wanted"),
    [(QUICK, (FAR,), True), (CRAWL, (FAR,), False), (None, (FAR,), False), (QUICK, (LinePage(FAR.url, A),), False)],
    ids=["fast at the control", "slow at the control", "unknown at the control", "the same address"],
)
def test_an_anchors_page_is_fetched_in_turns_where_the_control_got_the_page_fast(
    flow: Flow | None, line_pages: tuple[LinePage, ...], wanted: bool
) -> None:
    """It shows whether the line, or the address alone, is slow."""
    known = ControlFacts(
        time=datetime(2026, 10, 1, tzinfo=UTC), statuses=(Status.REACHABLE,), pages=(ControlPage(url=URL, flow=flow),)
    )
    context = replace(CONTEXT, control=known, line_pages=line_pages)
    dialogue = resolved(local=(A,), trusted=(A,), context=context)
    dialogue.asks()
    step = dialogue.open[f"get {URL} at {A}"]
    dialogue.tell(f"get {URL} at {A}", page(step, flow=CRAWL))
    asked = []
    while turn := dialogue.asks():
        asked += turn
        dialogue.tell(turn[0], page(dialogue.open[turn[0]], flow=CRAWL))
    mine, other = f"get {URL} at {A}", f"get {URL} at {A} as {NEUTRAL} unverified neutral"
    line = f"get {FAR.url} at {FAR.address} line"

    assert asked[:3] == ([other, line, f"{mine} try 1"] if wanted else [other, f"{mine} try 1", f"{other} try 1"])
    assert sum(one.startswith(line) for one in asked) == (3 if wanted else 0)


def test_a_fast_page_is_not_fetched_again() -> None:
    """A second fetch could not change the verdict."""
    dialogue = resolved(local=(A,), trusted=(A,))
    dialogue.asks()
    dialogue.tell(f"get {URL} at {A}", page(dialogue.open[f"get {URL} at {A}"], flow=QUICK))

    assert dialogue.asks() == []


def test_a_freeze_within_the_first_record_is_followed_up_as_one() -> None:
    """No status line was read, but fourteen kilobytes came."""
    dialogue = resolved(local=(A,), trusted=(A,))
    dialogue.asks()
    flow = Flow(bytes=14_000, took=100, quiet=9_000)
    step = dialogue.open[f"get {URL} at {A}"]
    dialogue.tell(f"get {URL} at {A}", page(step, 0, complete=False, failure=Failure.TIMEOUT, flow=flow))
    other = f"get {URL} at {A} as {NEUTRAL} unverified neutral"

    assert dialogue.asks() == [other]
    dialogue.tell(other, "ok")
    assert dialogue.asks() == [f"get {URL} at {A} try 1"]


def test_a_freeze_over_http_is_compared_under_another_host() -> None:
    """A filter reads the Host header there."""
    dialogue = resolved(HTTP, local=(A,), trusted=(A,))
    dialogue.asks()
    step = dialogue.open[f"get {HTTP} at {A}"]
    dialogue.tell(f"get {HTTP} at {A}", page(step, length=16_000, complete=False, failure=Failure.TIMEOUT))

    assert dialogue.asks() == [f"get http://{NEUTRAL}/ at {A} unverified neutral"]
