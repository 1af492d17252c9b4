from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import pytest

from probe.detect.chart import PLAIN_BARS, sentence, svg, terminal
from probe.detect.explain import TargetHistory, explain


@pytest.fixture
def history(scene: Any) -> TargetHistory:
    """Blocked for two hours, and back."""
    words = " ".join(["."] * 200 + ["SSSS"] + ["S"] * 24 + ["...."] + ["."] * 20)
    return explain(scene.inputs(a=words, **dict.fromkeys("bcdef", ". " * 246)), "a")


def test_the_first_line_is_one_sentence(history: TargetHistory) -> None:
    """It states the status and its beginning."""
    text = terminal(history)

    assert text.startswith("a is reachable since 2017-05-01 18:")
    assert "reachable -> blocked (http.blockpage)" in text


def test_the_three_rows_are_equally_wide(history: TargetHistory) -> None:
    """Outcome, evidence and status fit the width of the terminal."""
    rows = [line for line in terminal(history, 60).splitlines() if line.startswith(("outcome", "evidence", "status"))]

    assert len(rows) == 3
    assert {len(row) for row in rows} == {60}
    assert "x" in rows[0]
    assert "█" in rows[1]
    assert "B" in rows[2]


def test_an_ascii_terminal_gets_ascii(history: TargetHistory) -> None:
    """All but the target's own text is ASCII."""
    text = terminal(history, 60, PLAIN_BARS)

    assert "@" in text
    assert text.isascii()


def test_a_short_history_has_one_column_a_round(scene: Any) -> None:
    """A chart with three rounds is three columns wide."""
    short = explain(scene.inputs(a=". . .", b=". . ."), "a")

    assert "outcome   ...\n" in terminal(short)


def test_the_svg_is_well_formed_and_has_a_title(history: TargetHistory) -> None:
    """It has no script and loads nothing."""
    root = ET.fromstring(svg(history))  # noqa: S314 - our own picture

    assert root[0].tag.endswith("title")
    assert root[0].text == sentence(history)
    assert "script" not in svg(history)
    assert sum("polyline" in element.tag for element in root) == 1


def test_the_target_is_escaped_in_the_svg(scene: Any) -> None:
    """A target is text from outside."""
    name = "https://x/?<script>&"
    inputs = [scene.verdict_input(name, letter, 300.0 * n) for n, letter in enumerate("..X.")]
    picture = svg(explain(inputs, name))

    ET.fromstring(picture)  # noqa: S314 - our own picture
    assert "<script>" not in picture


def test_an_empty_history_says_so(scene: Any) -> None:
    """The text and the SVG say that the target does not occur."""
    nothing = explain([scene.verdict_input("a", ".", 0.0)], "b")

    assert terminal(nothing) == "b does not occur in these verdicts.\n"
    ET.fromstring(svg(nothing))  # noqa: S314 - our own picture


def test_a_target_that_never_worked_has_no_status(scene: Any) -> None:
    """Its first failures settle nothing."""
    assert "no status is settled yet" in sentence(explain([scene.verdict_input("a", "N", 0.0)], "a"))


def test_what_stood_at_the_first_measurement_is_said_so(scene: Any) -> None:
    """The sentence names no onset."""
    text = terminal(explain(scene.inputs(a="XXXX X X", **dict.fromkeys("bcdef", ". . .")), "a"))

    assert text.startswith(
        "a is blocked since before it was first measured 2017-05-01 00:00 UTC, certain 2017-05-01 00:"
    )
    assert "blocked (dns.injected) since before it was first measured 2017-05-01 00:00 UTC: " in text
