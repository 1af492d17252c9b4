"""Import every file of a folder with `probe targets import`; print rows in, targets out, rows left out and why.

``python -m benchmarks.imports [--all] FOLDER..`` prints a table (Markdown). With ``--all`` every entry type and every
sensitive category is chosen, so that only rows that cannot be targets are left out. No row of any file is shown.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from probe.cli import main as probe
from probe.lists.selection import SENSITIVE

_SAID = re.compile(
    r"^(?P<file>.+) \((?P<format>[a-z0-9-]+)\): (?P<rows>\d+) rows in, (?P<out>\d+) targets out of (?P<of>\d+)"
)
_ASIDE = re.compile(r"(\d+) set aside: ([^;]+?)(?=;|\.$)")
ALL = [f"--entry-type={number}" for number in range(7)] + [f"--category={name}" for name in sorted(SENSITIVE)]


@dataclass(frozen=True)
class Imported:
    """The result for one file.

    Attributes:
        file: its path below the folder's own parent.
        known: the format; empty where it was refused.
        rows, targets, kept: as `probe targets import` says; written: rows of the list that it wrote.
        aside: reason -> rows.
        refusal: the error when nothing was read.
    """

    file: str
    known: str = ""
    rows: int = 0
    targets: int = 0
    kept: int = 0
    written: int = 0
    aside: dict[str, int] = field(default_factory=dict)
    refusal: str = ""


def imported(file: Path, options: Sequence[str] = ()) -> Imported:
    """Import one file with the command."""
    name = f"{file.parent.name}/{file.name}"
    out, err = io.StringIO(), io.StringIO()
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "list.csv"
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = probe(["targets", "import", "auto", str(file), "-o", str(target), *options])
        written = max(0, len(target.read_text("utf-8").splitlines()) - 1) if target.exists() else 0
    match = _SAID.search(out.getvalue().strip())
    if status or match is None:
        said = err.getvalue().strip().splitlines()
        return Imported(name, refusal=said[-1].replace(str(file), file.name) if said else f"status {status}")
    aside = {reason: int(number) for number, reason in _ASIDE.findall(out.getvalue().strip())}
    return Imported(name, match["format"], int(match["rows"]), int(match["out"]), int(match["of"]), written, aside)


def table(folders: Sequence[Path], options: Sequence[str] = ()) -> Iterator[str]:
    """The table's lines."""
    yield "| file | format | rows in | targets out | rows they came from | set aside |"
    yield "| --- | --- | ---: | ---: | ---: | --- |"
    for file in (file for folder in folders for file in sorted(folder.iterdir()) if file.is_file()):
        one = imported(file, options)
        aside = "; ".join(f"{number} {reason}" for reason, number in one.aside.items()) or "none"
        if one.refusal:
            yield f"| {one.file} | | | | | refused: {one.refusal} |"
        else:
            yield f"| {one.file} | {one.known} | {one.rows} | {one.targets} | {one.kept} | {aside} |"


def main() -> int:
    """Import the folder and print the table."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.imports", description=__doc__.partition("\n")[0])
    options.add_argument("folders", nargs="+", type=Path)
    options.add_argument("--all", action="store_true", help="choose every entry type and category")
    given = options.parse_args()
    for line in table(given.folders, ALL if given.all else ()):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
