"""The manual pages are clean for man, complete, and those of this version."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from deploy.generate.command_tree import DocumentedCommand, command_tree
from deploy.generate.manual_pages import manual_pages
from tests import required

FOLDER = Path(__file__).parents[3] / "deploy" / "man"
PAGES = manual_pages()


def test_the_folder_holds_the_page_of_each_command_and_no_other() -> None:
    """A command that goes takes its page along."""
    assert {path.name for path in FOLDER.iterdir()} == set(PAGES)
    assert set(PAGES) == {"probe.1", *(f"probe-{one.words[-1]}.1" for one in command_tree().commands)}


@pytest.mark.parametrize("name", PAGES)
def test_man_formats_a_page_without_a_warning(name: str) -> None:
    """What `man` shows has the name, and no request that it does not know."""
    words = [required.command("man"), "--warnings", "-E", "UTF-8", "-l", str(FOLDER / name)]

    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)

    assert (done.returncode, done.stderr) == (0, "")
    assert f"{name.removesuffix('.1')} - " in " ".join(done.stdout.split())


@pytest.mark.parametrize("command", command_tree().commands, ids=lambda one: str(one.words[-1]))
def test_a_page_has_every_option_of_its_command(command: DocumentedCommand) -> None:
    """Also the options of the commands below it."""
    text = PAGES[f"probe-{command.words[-1]}.1"].replace("\\-", "-")

    for one in command.below():
        for option in one.options:
            assert all(f"\\fB{spelling}\\fR" in text for spelling in option.spellings), option


def test_the_risk_stands_before_the_commands() -> None:
    """Who reads the page from its beginning meets the risk before anything that can be typed."""
    page = PAGES["probe.1"]

    assert 0 < page.index(".SH RISK") < page.index(".SH COMMANDS")


def test_text_that_looks_like_a_request_is_text() -> None:
    """No line of text begins with a dot, which man would take for a request and drop."""
    requests = {".TH", ".SH", ".SS", ".TP", ".PP", ".B", ".BR", ".br", ".nf", ".fi", r".\""}

    for page in PAGES.values():
        assert {line.split()[0] for line in page.splitlines() if line.startswith(".")} <= requests
