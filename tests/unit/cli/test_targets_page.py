"""The page about targets shows what `probe targets list` prints; running this module as a program updates it."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

from probe.cli import main
from probe.lists.selection import SENSITIVE

PAGE = Path(__file__).parents[3] / "docs" / "targets.md"
BEGIN, END = "<!-- list -->\n", "<!-- /list -->"


def printed() -> str:
    """The output of `probe targets list`, as a block of the page."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        main(["targets", "list"])
    return f"```\n{out.getvalue()}```\n"


def test_the_table_is_the_output_of_the_command() -> None:
    """After a change of a service, running this module as a program updates the page."""
    text = PAGE.read_text("utf-8")
    assert text.partition(BEGIN)[2].partition(END)[0] == printed()


def test_every_sensitive_category_is_named() -> None:
    """Readers search the page for the codes."""
    text = PAGE.read_text("utf-8")
    assert all(code in text for code in SENSITIVE)


if __name__ == "__main__":
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    PAGE.write_text(before + BEGIN + printed() + END + rest.partition(END)[2], "utf-8")
