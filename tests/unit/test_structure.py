"""The rules for files, names and imports that no linter checks.

``structure.toml`` beside this file lists the exceptions, each with its reason. Every list is exact: a test fails for a
breach that is not listed and for an entry that is no longer true.
"""

from __future__ import annotations

import ast
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "probe").rglob("*.py"))
MODULES = [path for path in FILES if path.name not in {"__init__.py", "__main__.py"}]
LISTED: Mapping[str, Mapping[str, str]] = tomllib.loads(Path(__file__).with_name("structure.toml").read_text())

MAX_MODULE_LINES = 400
MIN_MODULE_LINES = 60
MAX_FUNCTION_LINES = 60
LONG_FUNCTION_LINES = 40
MIN_TESTED_LINES = 30
VAGUE_NAMES = {"utils", "helpers", "common", "core", "manager", "handler", "misc", "base", "engine"}
POSTPONEMENT = "not yet"
UNFINISHED_MARKS = ("TO" + "DO", "FIX" + "ME", "XX" + "X")
TEST_FOLDERS = ("unit", "loopback", "e2e", "lab")
PURE_ROOMS = ("model", "lists", "plan", "judge", "detect", "fuse", "formats")


def name_of(path: Path) -> str:
    """The path as the listing of the repository shows it."""
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    """The parsed file."""
    return ast.parse(path.read_text())


def lines_of(path: Path) -> int:
    """The number of lines of a file."""
    return path.read_text().count("\n")


def hold_to_list(found: Mapping[str, str], section: str, advice: str) -> None:
    """Fail unless the breaches found are exactly those that a section of structure.toml lists, each with a reason."""
    listed = LISTED.get(section, {})
    new = [f"  {entry} {detail}".rstrip() for entry, detail in sorted(found.items()) if entry not in listed]
    gone = [f"  {entry}" for entry in sorted(listed) if entry not in found]
    unexplained = [
        f"  {entry}"
        for entry, reason in sorted(listed.items())
        if not reason.strip() or reason.startswith(POSTPONEMENT)
    ]

    assert not new, "\n".join([advice, *new])
    assert not gone, "\n".join([f"No longer true, so take it out of [{section}] in tests/unit/structure.toml:", *gone])
    assert not unexplained, "\n".join(
        [f"Give a reason that lasts in [{section}] of tests/unit/structure.toml:", *unexplained]
    )


@pytest.mark.parametrize("reason", ["", " ", "not yet divided"])
def test_an_exception_without_a_lasting_reason_fails(reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty reason fails, and so does one that begins with "not yet": it postpones work instead of explaining."""
    monkeypatch.setitem(globals(), "LISTED", {"small-modules": {"probe/a.py": reason}})

    with pytest.raises(AssertionError, match="Give a reason that lasts"):
        hold_to_list({"probe/a.py": "(9 lines)"}, "small-modules", "")


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_is_readable_at_one_sitting(path: Path) -> None:
    """No module has over 400 lines, a function over 60 lines, a mark of unfinished work or a vague name."""
    text = path.read_text()
    marks = [mark for mark in UNFINISHED_MARKS if mark in text]
    long_functions = [name for name, lines in functions_of(path) if lines > MAX_FUNCTION_LINES]

    assert lines_of(path) <= MAX_MODULE_LINES, f"{name_of(path)}: divide it by subject"
    assert not long_functions, f"{name_of(path)}: name the parts of {long_functions} and make functions of them"
    assert not marks, f"{name_of(path)}: finish what {marks} marks, or open an issue and delete the mark"
    assert path.stem not in VAGUE_NAMES, f"{name_of(path)}: name it for the noun it defines or the job it does"


def functions_of(path: Path) -> Iterator[tuple[str, int]]:
    """Name and number of lines of every function and method in a file."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def test_functions_over_40_lines_are_listed() -> None:
    """A function of more than 40 lines is listed with the reason why it is better whole."""
    found = {
        f"{name_of(path)}:{name}": f"({lines} lines)"
        for path in FILES
        for name, lines in functions_of(path)
        if lines > LONG_FUNCTION_LINES
    }

    hold_to_list(
        found,
        "long-functions",
        f"These functions have more than {LONG_FUNCTION_LINES} lines. Divide them; where that would hide the order of"
        " things, list them in [long-functions] of tests/unit/structure.toml with the reason:",
    )


def test_modules_under_60_lines_are_listed() -> None:
    """A module of less than 60 lines joins the module of its concern, or is listed with the reason for its own file."""
    found = {name_of(path): f"({lines_of(path)} lines)" for path in MODULES if lines_of(path) < MIN_MODULE_LINES}

    hold_to_list(
        found,
        "small-modules",
        f"These modules have less than {MIN_MODULE_LINES} lines. Move each into the module whose concern it is; where a"
        " reader would look for it under its own name, list it in [small-modules] of tests/unit/structure.toml with"
        " the reason:",
    )


def test_a_class_name_stands_for_one_thing() -> None:
    """No two modules of the package define a class of the same name."""
    places = defaultdict(list)
    for path in FILES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(name_of(path))

    hold_to_list(
        repeated(places),
        "class-names",
        "These class names are defined more than once. Give all but the primary noun a qualifier (PlanHop,"
        " EvidenceHop):",
    )


def test_a_module_name_stands_for_one_concern() -> None:
    """No two packages have a module of the same name, unless it is one concern at two levels (plan/dns, judge/dns)."""
    places = defaultdict(list)
    for path in MODULES:
        places[path.stem].append(name_of(path))

    hold_to_list(
        repeated(places),
        "module-names",
        "These module names occur in several packages. Rename all but one; where it is the same concern at two levels,"
        " list the name in [module-names] of tests/unit/structure.toml with the reason:",
    )


def repeated(places: Mapping[str, list[str]]) -> dict[str, str]:
    """The names that stand in more than one place, with the places."""
    return {name: f"({', '.join(paths)})" for name, paths in places.items() if len(paths) > 1}


def test_every_module_has_its_own_test_file() -> None:
    """`probe/a/b.py` is tested by `test_b.py` in folder `a` of tests/unit, tests/loopback, tests/e2e or tests/lab."""
    found = {}
    for path in MODULES:
        folder = path.parent.relative_to(ROOT / "probe")
        wanted = [ROOT / "tests" / kind / folder / f"test_{path.stem}.py" for kind in TEST_FOLDERS]
        if lines_of(path) > MIN_TESTED_LINES and not any(test.exists() for test in wanted):
            found[name_of(path)] = f"(write {name_of(wanted[0])} or {name_of(wanted[1])})"

    hold_to_list(
        found,
        "untested-modules",
        "These modules have no test file of their own. It goes by path: tests of probe/a/b.py are in"
        " tests/unit/a/test_b.py, or in tests/loopback/a/test_b.py where they need sockets:",
    )


def test_no_files_import_each_other_in_a_circle() -> None:
    """Imports in functions and under TYPE_CHECKING count too."""
    graph = {module_name(path): set(imports_of(path)) for path in FILES}
    found = {
        module: f"({' -> '.join(circle)})" for module in sorted(graph) if (circle := shortest_circle(graph, module))
    }

    hold_to_list(
        found,
        "import-circles",
        "These modules import each other in a circle. Move the noun that both need into a module below both (often in"
        " probe/model), or pass it in as an argument:",
    )


def module_name(path: Path) -> str:
    """The dotted name of a file; a package's is that of its `__init__`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = frozenset(module_name(path) for path in FILES)


def imports_of(path: Path) -> Iterator[str]:
    """The modules of ours that a file names in an import statement, wherever the statement stands."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in NAMES)
        elif isinstance(node, ast.ImportFrom) and node.module in NAMES:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in NAMES else node.module


def shortest_circle(graph: Mapping[str, Iterable[str]], start: str) -> list[str]:
    """The shortest way from a module back to itself; empty where there is none."""
    ways = [[start]]
    seen: set[str] = set()
    while ways:
        way = ways.pop(0)
        for following in sorted(graph[way[-1]]):
            if following == start:
                return [*way, start]
            if following not in seen:
                seen.add(following)
                ways.append([*way, following])
    return []


def test_relative_imports_are_not_used() -> None:
    """Every import names its module in full, so that it can be searched for."""
    relative = [
        name_of(path)
        for path in FILES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ImportFrom) and node.level
    ]

    assert not relative, f"Write the module's full name in the imports of {relative}"


@pytest.mark.parametrize("room", PURE_ROOMS)
def test_a_pure_room_is_listed_in_the_import_contract(room: str) -> None:
    """pyproject.toml forbids each pure room to import I/O, the clock and chance; `make check` names the import."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = project["tool"]["importlinter"]["contracts"]
    (pure,) = (one for one in contracts if one["name"].startswith("Pure rooms"))
    impure = {"asyncio", "socket", "ssl", "sqlite3", "aiohttp", "scapy", "random", "secrets", "os", "time"}

    assert f"probe.{room}" in pure["source_modules"]
    assert impure <= set(pure["forbidden_modules"])
