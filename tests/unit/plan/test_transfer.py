"""Pages that stall or crawl are compared with themselves under another name."""

from __future__ import annotations

import pytest

from probe.model.failure import Failure
from probe.model.flow import Flow
from probe.model.hop import Purpose, StepPosition
from probe.model.observation import Exchange
from probe.plan.transfer import elsewise, slow
from tests.unit.plan.dialogue import A, page
from tests.unit.plan.test_hop import HTTP, NEUTRAL, URL, resolved

CRAWL = Flow(bytes=180_000, took=9_000)
QUICK = Flow(bytes=180_000, took=300)
PLACE = StepPosition(purpose=Purpose.NEUTRAL)


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
    assert slow(Exchange(url=URL, address=A, flow=flow)) is wanted


def test_over_tls_only_the_server_name_changes_and_in_clear_the_host() -> None:
    """The server is asked for the same page where it can be."""
    wrapped = elsewise(URL + "page?q", A, NEUTRAL, PLACE)
    clear = elsewise("http://news.example.org:8080/page?q", A, NEUTRAL, PLACE)

    assert (wrapped.url, wrapped.sni, wrapped.verify) == (URL + "page?q", NEUTRAL, False)
    assert (clear.url, clear.sni) == (f"http://{NEUTRAL}:8080/page?q", "")
    assert elsewise(HTTP, A, NEUTRAL, PLACE).url == f"http://{NEUTRAL}/"


def test_a_page_that_crawls_is_asked_for_in_turns_under_another_name_and_its_own() -> None:
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


def test_a_page_that_comes_at_once_is_not_asked_for_again() -> None:
    """Nothing could change by it."""
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


def test_in_clear_a_freeze_is_compared_under_another_host() -> None:
    """The Host header is what a filter reads there."""
    dialogue = resolved(HTTP, local=(A,), trusted=(A,))
    dialogue.asks()
    step = dialogue.open[f"get {HTTP} at {A}"]
    dialogue.tell(f"get {HTTP} at {A}", page(step, length=16_000, complete=False, failure=Failure.TIMEOUT))

    assert dialogue.asks() == [f"get http://{NEUTRAL}/ at {A} unverified neutral"]
