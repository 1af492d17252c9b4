"""Which changes to `probe/judge` no test would notice.

``python -m tests.mutation [MODULE[.FUNCTION]…] [NUMBER]`` makes every mutant that mutmut knows of the room (or these;
or so many of them, drawn with a fixed seed), in a copy of the tree, runs the room's tests and the golden cases against
each, and prints the survivors as differences. Exit status 1 where there are any; docs/mutation.md says which may live.

mutmut makes the mutants and switches between them; its own runner would start pytest anew for each, and passes over
properties. Here pytest collects once, a child process is forked for each mutant, and decorated functions are written
out in the copy so that they are mutated too.
"""

from __future__ import annotations

import ast
import difflib
import gc
import json
import os
import pickle
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

ROOT = Path(__file__).parents[1]
ROOM = "judge"
TESTS = (f"tests/unit/{ROOM}", "tests/golden/test_golden.py")
SECONDS = 15
"""Processor time of a child; one that needs more goes round in circles, and was noticed."""
EXAMPLES = 15
"""Of hypothesis a test; mutants are for examples that were thought of."""
MANIFEST = "mutants.json"
SWITCH = "MUTANT_UNDER_TEST"


def main(words: list[str]) -> int:
    """Copy, mutate, and run the tests of the copy in a process of its own."""
    parts = [word for word in words if not word.isdecimal()]
    numbers = [int(word) for word in words if word.isdecimal()]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("probe", "tests", "docs", "targets"):
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", folder)
        for path in (folder / "tests/unit" / ROOM).glob("*.py"):
            path.write_text(re.sub(r"max_examples=\d+", f"max_examples={EXAMPLES}", path.read_text()))
        os.chdir(folder)  # mutmut reads the configuration there
        mutants = _mutate(folder, parts)
        drawn = Random(1).sample(sorted(mutants), min(*numbers, len(mutants))) if numbers else sorted(mutants)
        (folder / MANIFEST).write_text(json.dumps({name: mutants[name] for name in sorted(drawn)}))
        return subprocess.run([sys.executable, "-m", "tests.mutation", "--inside"], cwd=folder, check=False).returncode


def _mutate(folder: Path, parts: list[str]) -> dict[str, str]:
    """Put every mutant into the modules; gives their names with their differences."""
    from mutmut.mutation.file_mutation import mutate_file_contents  # noqa: PLC0415 - a requirement of this alone

    modules = {part.partition(".")[0] for part in parts}
    found: dict[str, str] = {}
    for path in sorted((folder / "probe" / ROOM).glob("[!_]*.py")):
        if modules and path.stem not in modules:
            continue
        made = mutate_file_contents(str(path), undecorated(path.read_text()))
        path.write_text(made.code)
        lines = re.sub(r"__mutmut_(orig|\d+)\(", "(", made.code).splitlines()
        source = {name: lines[span.start - 1 : span.end] for name, span in made.line_span_by_function_name.items()}
        for name in made.mutant_names:
            original = source[re.sub(r"mutmut_\d+$", "mutmut_orig", name)]
            difference = difflib.unified_diff(original, source[name], n=0, lineterm="")
            found[f"probe.{ROOM}.{path.stem}.{name}"] = "\n".join(list(difference)[3:])
    wanted = tuple(part.partition(".")[2] for part in parts if "." in part)
    return {name: what for name, what in found.items() if not wanted or name.partition("__mutmut_")[0].endswith(wanted)}


def undecorated(text: str) -> str:
    """The module with `@decorator def name` written as `def _plain_name` and `name = decorator(_plain_name)`."""
    lines = text.splitlines()
    functions = [one for one in ast.walk(ast.parse(text)) if isinstance(one, ast.FunctionDef) and one.decorator_list]
    for one in sorted(functions, key=lambda one: -one.lineno):
        (decorator,) = one.decorator_list
        plain = f"_plain_{one.name}"
        lines.insert(one.end_lineno or 0, f"{' ' * one.col_offset}{one.name} = {ast.unparse(decorator)}({plain})")
        lines[one.lineno - 1] = lines[one.lineno - 1].replace(f"def {one.name}(", f"def {plain}(", 1)
        del lines[decorator.lineno - 1 : one.lineno - 1]
    return "\n".join([*lines, ""])


class Mutants:
    """A plugin of pytest: instead of running the tests once, run those that reach a mutant, for each."""

    def __init__(self, mutants: dict[str, str]) -> None:
        self.mutants = mutants
        self.survivors: list[str] = []
        self.reached: set[str] = set()
        self.failed = False

    def record(self, name: str, caller: str | None = None) -> None:
        """Take the place of mutmut's record of which function was called."""
        self.reached.add(name)

    def pytest_configure(self, config: pytest.Config) -> None:
        """Spare the work of saying how a test failed."""
        config.option.tbstyle = "no"

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a failure."""
        self.failed |= report.failed

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Find out which tests reach what, then try each mutant."""
        early, reach = self.reached, self._in_child(lambda: self._reach(session.items))
        assert isinstance(reach, dict), "the tests must pass before anything is mutated"
        gc.collect()
        gc.freeze()
        for number, name in enumerate(self.mutants):
            function = name.rpartition("__mutmut_")[0]
            items = [session.items[index] for index in reach.get(function, ())]
            # What is called only while the tests are collected needs a new process.
            late = not items and function in early
            if not (_notices_from_the_start(name) if late else self._notices(name, items)):
                self.survivors.append(name)
                _say(f"{name}{'' if items or late else ' (no test reaches it)'}\n{self.mutants[name]}\n")
            if number % 50 == 49:
                _say(f"... {number + 1} of {len(self.mutants)}, {len(self.survivors)} survived\n")
        return True

    def _reach(self, items: list[pytest.Item]) -> dict[str, list[int]] | None:
        """The tests that call each function: its own file's first, then the fastest; None where one of all fails."""
        found: dict[str, list[tuple[bool, float, int]]] = {}
        for number, item in enumerate(items):
            self.reached, begun = set(), time.perf_counter()
            self._run(item)
            for name in self.reached:
                other = not item.path.stem.endswith(name.split(".")[2])
                found.setdefault(name, []).append((other, time.perf_counter() - begun, number))
        return None if self.failed else {name: [order[-1] for order in sorted(found[name])] for name in found}

    def _notices(self, name: str, items: list[pytest.Item]) -> bool:
        def notices() -> bool:
            os.environ[SWITCH] = name
            return any(self._fails(item) for item in items)

        return self._in_child(notices, SECONDS) is not False

    def _fails(self, item: pytest.Item) -> bool:
        self._run(item)
        return self.failed

    def _run(self, item: pytest.Item) -> None:
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)

    def _in_child(self, act: Callable[[], object], seconds: int = resource.RLIM_INFINITY) -> object:
        """The act's value, worked out in a child, so that nothing it did stays; None if it raised or took too long."""
        sys.stdout.flush()
        reads, writes = os.pipe()
        child = os.fork()
        if child == 0:
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
            with open(os.devnull, "w") as nowhere, open(writes, "wb") as answer:  # noqa: PTH123 - descriptors
                os.dup2(nowhere.fileno(), 1)
                os.dup2(nowhere.fileno(), 2)
                pickle.dump(act(), answer)
            os._exit(0)
        os.close(writes)
        with open(reads, "rb") as answer:  # noqa: PTH123 - a descriptor
            said = answer.read()
        os.waitpid(child, 0)
        return pickle.loads(said) if said else None  # noqa: S301 - our own child's


def _notices_from_the_start(name: str) -> bool:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *TESTS]
    return subprocess.run(command, env={**os.environ, SWITCH: name}, capture_output=True, check=False).returncode != 0


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def inside() -> int:
    """Collect the tests of the copy, and try the mutants."""
    from mutmut.mutation import trampoline  # noqa: PLC0415 - a requirement of this alone

    plugin = Mutants(json.loads(Path(MANIFEST).read_text()))
    trampoline.record_trampoline_hit = plugin.record
    os.environ[SWITCH] = "stats"
    quiet = ["-p", "no:terminal", "-p", "no:cacheprovider", "-o", "addopts=--import-mode=importlib"]
    ours = ["-o", "timeout=0", "--hypothesis-seed=0"]
    if pytest.main([*quiet, *ours, *TESTS], plugins=[plugin]) != pytest.ExitCode.OK:
        return 2
    _say(f"{len(plugin.mutants)} mutants, {len(plugin.survivors)} survived\n")
    return int(bool(plugin.survivors))


if __name__ == "__main__":
    sys.exit(inside() if sys.argv[1:] == ["--inside"] else main(sys.argv[1:]))
