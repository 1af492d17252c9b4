"""The lab's fixtures (one lab for a whole session) and its summary at the end of a run."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

from tests.lab.bench import Bench, Line, causes_right, falsely_blocked, first_right, status_right
from tests.lab.records import Scenario
from tests.lab.scenarios import ALL, PROFILES
from tests.lab.topology import Lab, missing
from tests.lab.world import deal

_SUMMARY = pytest.StashKey[list[str]]()
_LONGEST = ("test_long_life.py", "test_scenarios.py", "test_benign_runs.py")
"""Files that take minutes, in the order in which workers begin them; the short ones fill what is left."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what takes longest. Skip the lab in one clear line where it cannot run; with CI=true that fails."""
    items.sort(key=lambda item: _LONGEST.index(item.path.name) if item.path.name in _LONGEST else len(_LONGEST))
    reason = missing()
    if not reason:
        return
    for item in items:
        if item.get_closest_marker("lab") is None:
            continue
        if os.environ.get("CI") == "true":
            item.add_marker(pytest.mark.usefixtures("lab"))
        else:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """The running lab, with every scenario's interference in force."""
    if reason := missing():
        pytest.fail(reason)
    with Lab(deal(ALL, PROFILES)) as lab:
        yield lab


def _selected(request: pytest.FixtureRequest) -> list[Scenario]:
    """The scenarios of this session's tests. Those that `-k` deselects are neither checked nor measured."""
    callspecs = (getattr(item, "callspec", None) for item in request.session.items)
    named = {spec.params["scenario"].name for spec in callspecs if spec is not None and "scenario" in spec.params}
    return [scenario for scenario in ALL if scenario.name in named]


@pytest.fixture(scope="session")
def bench(lab: Lab, request: pytest.FixtureRequest) -> Bench:
    """The selected scenarios on the lab."""
    return Bench(lab, _selected(request))


@pytest.fixture(scope="session")
def broken(bench: Bench) -> dict[str, list[str]]:
    """Scenario name -> its checks without the probe that failed."""
    return bench.check()


@pytest.fixture(scope="session")
def verdicts(bench: Bench, broken: dict[str, list[str]], request: pytest.FixtureRequest) -> dict[str, Line]:
    """Scenario name -> the probe's verdict. The probe runs after the checks, because each disturbs the other."""
    lines = bench.measure()
    judged = [(s, lines[s.name]) for s in bench.scenarios]
    blocked = [s.name for s, line in judged if falsely_blocked(s, line)]
    figures = {
        "scenarios": f"{len(judged)}, of which {len(judged) - len(broken)} verified without the probe",
        "status right": f"{sum(status_right(s, line) for s, line in judged)} / {len(judged)}",
        "first causes right": f"{sum(first_right(s, line) for s, line in judged)} / {len(judged)}",
        "all causes right": f"{sum(causes_right(s, line) for s, line in judged)} / {len(judged)}",
        "false blocks": f"{len(blocked)} {' '.join(blocked)}",
    }
    summary = request.config.stash.setdefault(_SUMMARY, [])
    summary += [f"{name}: {figure}" for name, figure in figures.items()]
    return lines


@pytest.fixture
def report(request: pytest.FixtureRequest) -> list[str]:
    """Lines for the summary."""
    return request.config.stash.setdefault(_SUMMARY, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the lab's figures."""
    if lines := config.stash.get(_SUMMARY, []):
        terminalreporter.section("the lab")
        for line in lines:
            terminalreporter.write_line(line)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Print the figures of a pytest-xdist worker, which has no terminal of its own, on standard error."""
    lines = session.config.stash.get(_SUMMARY, [])
    if lines and hasattr(session.config, "workerinput"):
        with session.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
            sys.stderr.write("\n" + "".join(f"the lab: {line}\n" for line in lines))
