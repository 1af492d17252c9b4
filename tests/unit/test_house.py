"""The house is kept: sizes, names and marks that no linter looks at."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted(path for path in (ROOT / "probe").rglob("*.py") if path.name not in {"__init__.py", "__main__.py"})
NOT_ROOMS = {"utils", "helpers", "common", "core", "manager", "handler", "misc", "base", "engine"}
MARKS = ("TO" + "DO", "FIX" + "ME", "XX" + "X")


def name(path: Path) -> str:
    """The path as a reader of the listing sees it."""
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_fits_in_the_head(path: Path) -> None:
    """No file over 400 lines, no function over 60, no mark of unfinished work, no vague name."""
    text = path.read_text()
    functions = [f for f in ast.walk(ast.parse(text)) if isinstance(f, ast.FunctionDef | ast.AsyncFunctionDef)]

    assert text.count("\n") <= 400
    assert [f.name for f in functions if (f.end_lineno or 0) - f.lineno > 60] == []
    assert [mark for mark in MARKS if mark in text] == []
    assert path.stem not in NOT_ROOMS


def test_every_module_has_a_test_file_of_its_name() -> None:
    """`probe/room/module.py` is tested in `test_module.py` or, where two rooms use one name, `test_room_module.py`."""
    tests = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    long_enough = [path for path in MODULES if path.read_text().count("\n") > 30]

    untested = [
        name(path)
        for path in long_enough
        if not tests & {f"test_{path.stem}.py", f"test_{path.parent.name}_{path.stem}.py"}
    ]

    assert untested == []
