"""Find the branches of each pure module that its own test file does not run.

``python -m tests.coverage [ROOM…]`` runs the test files of the pure rooms once, records what ran under which file, and
prints one line a module: the number of branches, and those that its own file left out. Exit status 1 where there are
any, 2 for a word that is no pure room. The own file of `probe/a/b.py` is `tests/unit/a/test_b.py`.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import coverage
import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("model", "lists", "plan", "judge", "detect", "fuse", "formats")
"""The rooms that import-linter holds to be pure (pyproject.toml)."""


class Contexts:
    """A plugin of pytest that records which test file made a line run; imports count for every file."""

    def __init__(self, measured: coverage.Coverage) -> None:
        self._measured = measured
        self._file: Path | None = None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Switch to the file of the test."""
        if item.path != self._file:
            self._file = item.path
            _forget()
        self._measured.switch_context(str(item.path.relative_to(ROOT)))
        try:
            return (yield)
        finally:
            self._measured.switch_context("")


def _forget() -> None:
    """Clear all caches of the program, so that a function that another file's test called runs again."""
    for name, module in sys.modules.items():
        if name.startswith("probe."):
            for value in vars(module).values():
                if callable(clear := getattr(value, "cache_clear", None)):
                    clear()


def own_tests(module: Path) -> list[Path]:
    """The test file of a module: one, or none where it is a list of imports or of records."""
    path = ROOT / "tests" / "unit" / module.parent.relative_to(ROOT / "probe") / f"test_{module.stem}.py"
    return [path] if path.exists() else []


def main(rooms: list[str]) -> int:
    """Measure and print; 0 where nothing is missed, 2 where a word is no room."""
    if strange := [room for room in rooms if room not in ROOMS]:
        # With no test file to run, pytest would run all tests, the lab among them.
        sys.stderr.write(f"no pure room: {' '.join(strange)} (name some of {' '.join(ROOMS)})\n")
        return 2
    modules = sorted(path for room in rooms for path in (ROOT / "probe" / room).rglob("[!_]*.py"))
    files = {module: own_tests(module) for module in modules}
    # Lines that run on import count, so no module may be imported before this.
    measured = coverage.Coverage(
        data_file=None, config_file=False, branch=True, include=[str(module) for module in modules]
    )
    measured.start()
    run = sorted({str(path) for paths in files.values() for path in paths})
    failed = pytest.main(["-q", "--no-header", "-p", "no:cacheprovider", *run], plugins=[Contexts(measured)])
    measured.stop()
    missed = 0
    for module, tests in files.items():
        branches, gaps = _gaps(measured, module, tests)
        missed += len(gaps)
        sys.stdout.write(
            f"{module.relative_to(ROOT)!s:32} {branches:4} branches {len(gaps):4} missed  {' '.join(gaps)}\n"
        )
    sys.stdout.write(f"{len(modules)} modules, {missed} gaps\n")
    return int(failed or missed > 0)


def _gaps(measured: coverage.Coverage, module: Path, tests: list[Path]) -> tuple[int, list[str]]:
    """The number of a module's branches, and what its own tests leave out: branches as `from->to`, lines by number."""
    own = "|".join(["^$", *(f"^{re.escape(str(path.relative_to(ROOT)))}$" for path in tests)])
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        try:
            measured.json_report(outfile=report.name, include=[str(module)], contexts=[own])
        except coverage.exceptions.NoDataError:
            return 0, ["not imported"]
        (found,) = json.loads(Path(report.name).read_text())["files"].values()
    branches = [f"{start}->{end}" for start, end in found["missing_branches"]]
    starts = {start for start, _ in found["missing_branches"]}
    lines = [str(line) for line in found["missing_lines"] if line not in starts]
    return found["summary"]["num_branches"], branches + lines


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or list(ROOMS)))
