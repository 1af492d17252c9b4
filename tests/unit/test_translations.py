"""The translated pages for volunteers follow the English one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from probe.cli.localisation import LANGUAGES

DOCS = Path(__file__).parents[2] / "docs"
ENGLISH = (DOCS / "volunteers.md").read_text(encoding="utf-8")


def headings(text: str) -> list[int]:
    """The level of each heading, in order."""
    return [len(marks) for marks in re.findall(r"^(#+) ", text, re.MULTILINE)]


def commands(text: str) -> list[str]:
    """The commands of the blocks of code."""
    blocks = re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [re.split(r" {2,}", line)[0] for block in blocks for line in block.splitlines()]


def table_rows(text: str) -> list[int]:
    """The number of cells of each row of each table."""
    return [line.count(" | ") for line in text.splitlines() if line.startswith("|")]


def figures(text: str) -> list[str]:
    """The settings that the page names, with their values."""
    return sorted(set(re.findall(r"`([a-z_]+ = [^`]+)`", text)))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translated_page_has_the_headings_commands_tables_and_settings_of_the_english_one(language: str) -> None:
    """Where this fails, the English page has changed: change the others, and keep their mark."""
    text = (DOCS / f"volunteers.{language}.md").read_text(encoding="utf-8")

    assert headings(text) == headings(ENGLISH)
    assert commands(text) == commands(ENGLISH)
    assert table_rows(text) == table_rows(ENGLISH)
    assert figures(text) == figures(ENGLISH)


@pytest.mark.parametrize("language, mark", [("ru", "не проверенный носителем языка"), ("zh", "未经母语者审校")])
def test_a_translated_page_says_at_its_top_that_nobody_has_reviewed_it(language: str, mark: str) -> None:
    lines = (DOCS / f"volunteers.{language}.md").read_text(encoding="utf-8").splitlines()

    assert mark in lines[2]
    assert "(volunteers.md)" in lines[2]


def test_the_english_page_leads_to_the_others() -> None:
    for language in LANGUAGES:
        assert f"(volunteers.{language}.md)" in ENGLISH
