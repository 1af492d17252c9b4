"""Find small changes to a room of `probe` that no test of the room notices.

``python -m tests.mutation [--room ROOM]… [--sample NUMBER] [--seed NUMBER] [MODULE[.FUNCTION]…]`` makes mutants of each
room in a copy of the tree (all of them, those of the named modules or functions, or a random sample), runs the room's
tests against each, and prints the mutants that survive as differences. Exit status 1 where any survives;
docs/mutation.md says how to read the output and which mutants may survive.

mutmut makes the mutants and switches between them. Its own runner starts pytest for each mutant and leaves decorated
functions out. Here pytest collects the tests once, a child process is forked for each mutant before any event loop
runs, and the usual decorators are written out as calls so that the functions under them are mutated too.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import gc
import json
import os
import pickle
import re
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("judge", "plan", "lists", "measure", "session", "agent")
"""The rooms to mutate without `--room`; any other folder of `probe` can be named (`collector/web` too)."""
MORE_TESTS = {"judge": ["tests/golden/test_golden.py"]}
"""Tests of a room beside those in its folders of tests/unit and tests/loopback."""
CHILD_CPU_SECONDS = 20
"""Processor time that the tests of one mutant may take; one that needs more runs in circles and counts as killed."""
CHILD_WALL_SECONDS = 60.0
"""Least time by the clock for the tests of one mutant; a mutant that waits for longer counts as killed."""
WALL_FACTOR = 4
"""A mutant may take this many times as long as its tests take without it."""
FIRST_RUN_SECONDS = 1200.0
MAX_EXAMPLES = 15
"""Examples of hypothesis per test."""
WRITTEN_OUT = {
    "property", "cached_property", "classmethod", "staticmethod", "cache", "lru_cache", "contextmanager",
    "asynccontextmanager",
}  # fmt: skip
"""Decorators that do the same when they are called: `@property def f` and `f = property(_plain_f)`."""
MANIFEST = "mutants.json"
SWITCH = "MUTANT_UNDER_TEST"
LATE = object()
"""The result for a child that took too long."""


def main(words: list[str]) -> int:
    """Mutate the rooms one after the other; 0 where every mutant was killed."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="MODULE[.FUNCTION]", help="mutate these alone")
    parser.add_argument("--room", action="append", help=f"a folder of probe/; repeatable (default: {' '.join(ROOMS)})")
    parser.add_argument("--sample", type=int, help="number of mutants of each room, drawn at random")
    parser.add_argument("--seed", type=int, default=1, help="of the random sample (default: 1)")
    given = parser.parse_args(words)
    worst = 0
    for room in given.room or ROOMS:
        if not (ROOT / "probe" / room).is_dir():
            parser.error(f"probe/{room} is no folder")
        worst = max(worst, mutate_room(room, given.parts, given.sample, given.seed))
    return worst


def mutate_room(room: str, parts: list[str], sample: int | None, seed: int) -> int:
    """Copy the tree, mutate the room in it, and run the room's tests of the copy in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        leave = shutil.ignore_patterns("__pycache__", ".*", "build", "dist", "var")
        shutil.copytree(ROOT, folder, ignore=leave, dirs_exist_ok=True)
        tests = tests_of(room)
        for path in (path for test in tests for path in (folder / test).rglob("*.py")):
            path.write_text(re.sub(r"max_examples=\d+", f"max_examples={MAX_EXAMPLES}", path.read_text()))
        os.chdir(folder)  # mutmut reads its configuration there
        mutants, texts = make_mutants(folder, room, parts)
        drawn = sorted(mutants) if sample is None else Random(seed).sample(sorted(mutants), min(sample, len(mutants)))
        for path, text in texts.items():
            if any(name.startswith(f"{dotted(path, folder)}.") for name in drawn):
                path.write_text(text)
        manifest = {"room": room, "tests": tests, "mutants": {name: mutants[name] for name in sorted(drawn)}}
        (folder / MANIFEST).write_text(json.dumps(manifest))
        command = [sys.executable, "-m", "tests.mutation", "--inside"]
        try:
            return subprocess.run(command, cwd=folder, check=False).returncode
        finally:
            os.chdir(ROOT)


def tests_of(room: str) -> list[str]:
    """The files and folders of tests that a mutant of the room is tried against."""
    folders = [f"tests/unit/{room}", f"tests/loopback/{room}", *MORE_TESTS.get(room, [])]
    return [folder for folder in folders if (ROOT / folder).exists()]


def dotted(path: Path, folder: Path) -> str:
    """The module's name."""
    return ".".join(path.relative_to(folder).with_suffix("").parts)


def make_mutants(folder: Path, room: str, parts: list[str]) -> tuple[dict[str, str], dict[Path, str]]:
    """The mutants of a room, each with its difference, and the text of each module with all its mutants in it.

    Args:
        folder: the root of the copied tree, from which modules are named.
        room: a folder of `probe/`, or one below such a folder (`collector/web`).
        parts: the modules and functions to mutate; all where there are none.
    """
    from mutmut.mutation import file_mutation  # noqa: PLC0415 - a requirement of this command alone

    file_mutation.mutation_operators = [*file_mutation.mutation_operators, *more_operators()]
    modules = {part.partition(".")[0] for part in parts}
    found: dict[str, str] = {}
    texts: dict[Path, str] = {}
    for path in sorted((folder / "probe" / room).rglob("[!_]*.py")):
        if modules and path.stem not in modules:
            continue
        made = file_mutation.mutate_file_contents(str(path), undecorated(path.read_text()))
        texts[path] = made.code
        lines = re.sub(r"__mutmut_(orig|\d+)\(", "(", made.code).splitlines()
        source = {name: lines[span.start - 1 : span.end] for name, span in made.line_span_by_function_name.items()}
        for name in made.mutant_names:
            original = source[re.sub(r"mutmut_\d+$", "mutmut_orig", name)]
            difference = difflib.unified_diff(original, source[name], n=0, lineterm="")
            found[f"{dotted(path, folder)}.{name}"] = "\n".join(list(difference)[3:])
    wanted = tuple(part.partition(".")[2] for part in parts if "." in part)
    chosen = {name: what for name, what in found.items() if name.partition("__mutmut_")[0].endswith(wanted or ("",))}
    return chosen, texts


def more_operators() -> list[tuple[type, Callable[[Any], Iterable[Any]]]]:
    """Mutations that mutmut lacks: leave out a statement that only calls something or raises an exception."""
    import libcst  # noqa: PLC0415 - a requirement of this command alone

    def no_call(statement: libcst.Expr) -> Iterator[libcst.Pass]:
        value = statement.value
        if isinstance(value.expression if isinstance(value, libcst.Await) else value, libcst.Call):
            yield libcst.Pass()

    def no_raise(_: libcst.Raise) -> Iterator[libcst.Pass]:
        yield libcst.Pass()

    return [(libcst.Expr, no_call), (libcst.Raise, no_raise)]


def undecorated(text: str) -> str:
    """The module with `@decorator def name` written as `def _plain_name` and `name = decorator(_plain_name)`."""
    lines = text.splitlines()
    tree = ast.parse(text)
    bodies = [tree.body, *(one.body for one in tree.body if isinstance(one, ast.ClassDef))]
    functions = [one for body in bodies for one in body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
    for one in sorted(functions, key=lambda one: -one.lineno):
        if len(one.decorator_list) != 1 or decorator_name(one.decorator_list[0]) not in WRITTEN_OUT:
            continue
        decorator, plain = one.decorator_list[0], f"_plain_{one.name}"
        lines.insert(one.end_lineno or 0, f"{' ' * one.col_offset}{one.name} = {ast.unparse(decorator)}({plain})")
        lines[one.lineno - 1] = lines[one.lineno - 1].replace(f"def {one.name}(", f"def {plain}(", 1)
        del lines[decorator.lineno - 1 : one.lineno - 1]
    return "\n".join([*lines, ""])


def decorator_name(decorator: ast.expr) -> str:
    """The last part of a decorator's name: `lru_cache` of `@functools.lru_cache(maxsize=8)`."""
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")


@dataclass(frozen=True)
class Reach:
    """What the tests do without any mutant.

    Attributes:
        tests: for each function the numbers of the tests that call it: those of its own file first, then the fastest.
        failing: tests that fail.
        seconds: how long each test takes.
    """

    tests: dict[str, list[int]]
    failing: list[str]
    seconds: dict[int, float]


class Mutants:
    """A plugin of pytest: instead of running the tests once, run those that reach a mutant, for each mutant."""

    def __init__(self, room: str, tests: list[str], mutants: dict[str, str]) -> None:
        self.room = room
        self.tests = tests
        self.mutants = mutants
        self.counts: Counter[str] = Counter()
        self.reached: set[str] = set()
        self.failures: list[str] = []

    def record(self, name: str, caller: str | None = None) -> None:
        """Note that a function was called; mutmut's trampolines call this."""
        self.reached.add(name)

    def pytest_configure(self, config: pytest.Config) -> None:
        """Turn off reports of failures, which take time."""
        config.option.tbstyle = "no"

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a failure."""
        if report.failed:
            self.failures.append(report.nodeid)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Find out which tests reach which function, then try each mutant."""
        early = self.reached
        reach = in_child(lambda: self._reach(session.items), FIRST_RUN_SECONDS)
        if not isinstance(reach, Reach) or reach.failing:
            why = ", ".join(reach.failing) if isinstance(reach, Reach) else "they ran too long, or the process died"
            raise pytest.UsageError(f"without any mutant the tests of {self.room} must pass: {why}")
        gc.collect()
        gc.freeze()
        for number, name in enumerate(self.mutants):
            outcome = self._try(name, reach, session.items, early)
            self.counts[outcome] += 1
            if outcome not in {"killed", "timed out"}:
                say(f"{name} ({outcome})\n{self.mutants[name]}\n")
            if number % 50 == 49:
                say(f"... {number + 1} of {len(self.mutants)}: {dict(self.counts)}\n")
        return True

    def _try(self, name: str, reach: Reach, items: list[pytest.Item], early: set[str]) -> str:
        """The result of one mutant: `killed`, `timed out`, `survived` or `not reached`."""
        function = name.rpartition("__mutmut_")[0]
        numbers = reach.tests.get(function, [])
        if not numbers and function not in early:
            return "not reached"
        if not numbers:  # called only while the tests are collected: a new process collects them again
            return "killed" if self._noticed_by_new_process(name) else "survived"
        wall = max(CHILD_WALL_SECONDS, WALL_FACTOR * sum(reach.seconds[number] for number in numbers))
        noticed = in_child(lambda: self._notices(name, [items[number] for number in numbers]), wall, CHILD_CPU_SECONDS)
        return {True: "killed", False: "survived"}.get(noticed, "timed out")

    def _reach(self, items: list[pytest.Item]) -> Reach:
        """Run every test once, without any mutant."""
        found: dict[str, list[tuple[bool, float, int]]] = {}
        failing: list[str] = []
        seconds: dict[int, float] = {}
        for number, item in enumerate(items):
            self.reached, begun = set(), time.perf_counter()
            if self._fails(item) and self._fails(item):  # one that failed because of load passes the second time
                failing.append(item.nodeid)
            seconds[number] = time.perf_counter() - begun
            for name in self.reached:
                other = not name.rpartition(".")[0].endswith(f".{item.path.stem.removeprefix('test_')}")
                found.setdefault(name, []).append((other, seconds[number], number))
        tests = {name: [order[-1] for order in sorted(orders)] for name, orders in found.items()}
        return Reach(tests, failing, seconds)

    def _notices(self, name: str, items: list[pytest.Item]) -> bool:
        os.environ[SWITCH] = name
        return any(self._fails(item) for item in items)

    def _fails(self, item: pytest.Item) -> bool:
        self.failures = []
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        return bool(self.failures)

    def _noticed_by_new_process(self, name: str) -> bool:
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *self.tests]
        environment = {**os.environ, SWITCH: name}
        try:
            run = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=FIRST_RUN_SECONDS)
        except subprocess.TimeoutExpired:
            return True
        return run.returncode != 0


def in_child(act: Callable[[], object], wall_seconds: float, cpu_seconds: int = resource.RLIM_INFINITY) -> Any:
    """The value of `act()`, worked out in a forked child, so that nothing it does stays.

    None where the child died, as it does at the end of its processor time; LATE where the clock ran out. What the child
    started ends with it: it leads a process group of its own.
    """
    sys.stdout.flush()
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
        with open(os.devnull, "w") as nowhere, open(writes, "wb") as answer:  # noqa: PTH123 - descriptors
            os.dup2(nowhere.fileno(), 1)
            os.dup2(nowhere.fileno(), 2)
            pickle.dump(act(), answer)
        os._exit(0)
    os.close(writes)
    said, ended = _read_until(reads, time.monotonic() + wall_seconds)
    try:
        os.killpg(child, signal.SIGKILL)
    except ProcessLookupError:
        os.kill(child, signal.SIGKILL)  # it does not lead a group yet
    os.waitpid(child, 0)
    if not ended:
        return LATE
    return pickle.loads(said) if said else None  # noqa: S301 - our own child's


def _read_until(descriptor: int, deadline: float) -> tuple[bytes, bool]:
    """What is written to a pipe, and whether its end came before the deadline."""
    said = b""
    with open(descriptor, "rb", buffering=0) as pipe:
        while (left := deadline - time.monotonic()) > 0:
            if select.select([pipe], [], [], left)[0]:
                piece = pipe.read(65536)
                if not piece:
                    return said, True
                said += piece
    return said, False


def say(text: str) -> None:
    """Print at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


def inside() -> int:
    """Collect the tests of the copy, try the mutants, and print the room's line of the table."""
    from mutmut.mutation import trampoline  # noqa: PLC0415 - a requirement of this command alone

    plugin = Mutants(**json.loads(Path(MANIFEST).read_text()))
    trampoline.record_trampoline_hit = plugin.record
    os.environ[SWITCH] = "stats"
    quiet = ["-p", "no:terminal", "-p", "no:cacheprovider", "-o", "addopts=--import-mode=importlib"]
    ours = ["-o", "timeout=0", "--hypothesis-seed=0"]
    if pytest.main([*quiet, *ours, *plugin.tests], plugins=[plugin]) != pytest.ExitCode.OK:
        return 2
    killed, survived = plugin.counts["killed"], plugin.counts["survived"] + plugin.counts["not reached"]
    say(
        f"{plugin.room}: {len(plugin.mutants)} mutants made, {killed} killed by a test,"
        f" {plugin.counts['timed out']} by their time, {survived} survived\n"
    )
    return int(survived > 0)


if __name__ == "__main__":
    sys.exit(inside() if sys.argv[1:] == ["--inside"] else main(sys.argv[1:]))
