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


def test_the_answer_comes_first(history: TargetHistory) -> None:
    """One sentence: what is believed, since when."""
    text = terminal(history)

    assert text.startswith("a is believed reachable since 2017-05-01 18:")
    assert "reachable -> blocked (http.blockpage)" in text


def test_three_rows_stand_under_one_another(history: TargetHistory) -> None:
    """Seen, evidence, believed: equally wide, and no wider than the terminal."""
    rows = [line for line in terminal(history, 60).splitlines() if line.startswith(("seen", "evidence", "believed"))]

    assert len(rows) == 3
    assert {len(row) for row in rows} == {60}
    assert "x" in rows[0]
    assert "█" in rows[1]
    assert "B" in rows[2]


def test_a_plain_terminal_gets_plain_characters(history: TargetHistory) -> None:
    """ASCII, as far as the target is."""
    text = terminal(history, 60, PLAIN_BARS)

    assert "@" in text
    assert text.isascii()


def test_a_short_story_is_not_stretched(scene: Any) -> None:
    """A column a round."""
    short = explain(scene.inputs(a=". . .", b=". . ."), "a")

    assert "seen      ...\n" in terminal(short)


def test_the_picture_is_well_formed_and_names_itself(history: TargetHistory) -> None:
    """A title for those who do not see it, no script, nothing from elsewhere."""
    root = ET.fromstring(svg(history))  # noqa: S314 - our own picture

    assert root[0].tag.endswith("title")
    assert root[0].text == sentence(history)
    assert "script" not in svg(history)
    assert sum("polyline" in element.tag for element in root) == 1


def test_names_in_a_picture_are_escaped(scene: Any) -> None:
    """A target is somebody else's text."""
    name = "https://x/?<script>&"
    inputs = [scene.verdict_input(name, letter, 300.0 * n) for n, letter in enumerate("..X.")]
    picture = svg(explain(inputs, name))

    ET.fromstring(picture)  # noqa: S314 - our own picture
    assert "<script>" not in picture


def test_nothing_seen_is_said(scene: Any) -> None:
    """In words and in the picture."""
    nothing = explain([scene.verdict_input("a", ".", 0.0)], "b")

    assert terminal(nothing) == "b does not occur in these verdicts.\n"
    ET.fromstring(svg(nothing))  # noqa: S314 - our own picture


def test_a_target_that_never_worked_is_not_called_anything(scene: Any) -> None:
    """Too little is known."""
    assert "nothing is believed yet" in sentence(explain([scene.verdict_input("a", "N", 0.0)], "a"))
