"""A new kind of step is four modules: its records, its plan, its performer, its rules. Nothing else lists the kinds."""

from __future__ import annotations

import ast
import asyncio
from pathlib import Path
from typing import ClassVar, get_args

import pytest

from probe.measure import perform
from probe.measure.failures import operation_error
from probe.measure.tools import Emit, Timestamps, Tools
from probe.model.failure import Failure
from probe.model.hop import StepPosition
from probe.model.observation import Connection, Observation, ObservationTraffic
from probe.model.step import Connect, Step
from probe.plan.plan import Plan
from tests.unit.model.test_step import all_kinds

PROBE = Path(perform.__file__).parents[1]
KINDS = {kind.__name__ for kind in (*get_args(Step), *get_args(Observation))}
AT_HOME = {"model", "plan", "judge"}
"""Packages in which a kind is at home; so is the module that performs it."""
PERFORMERS = {"perform"} | {
    module.rpartition(".")[2] for table in (perform.PERFORMERS, perform.BEGINNERS) for module, _ in table.values()
}
LISTED = {
    "collector/web/verdict_text.py": "the wording of the evidence page: mypy asks for a line of it",
    "agent/hit_list.py": "reads the connections of a range, as its plan asked for them",
    "session/recent_cuts.py": "remembers conversations that were cut, and where something answered since",
    "session/round_witness.py": "reads what other targets of a pass show about the line",
    "session/outages.py": "reads which hello was the last before the line was lost",
    "measure/anchor_fetch.py": "reads how a handshake with an anchor ended",
    "session/working_names.py": "remembers which names the network's resolvers found",
    "measure/tools.py": "a connection holds no text that somebody has said, so own addresses are not searched in it",
    "formats/ooni/observations.py": "translates OONI's records into observations",
    "formats/ooni/helper.py": "reads the control's observations out of OONI's records",
    "formats/ooni/writing.py": "translates observations into OONI's records",
    "ooni/joining.py": "joins the observations of several measurements",
    "ooni/report_window.py": "reads the other inputs of a report as anchors",
    "ooni/sorted_runs.py": "orders measurements by the first thing that they saw",
    "session/relay_trials.py": "reads whether a relay took the trial connection of an unrouted address",
}
"""Other modules that ask for a kind, and why each may."""


def asked_kinds(tree: ast.AST) -> set[str]:
    """The kinds that a module compares something with: by `isinstance`, `match`, or `is`."""
    names: list[ast.AST] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.MatchClass):
            names.append(node.cls)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance":
            names.append(node.args[1])
        elif isinstance(node, ast.Compare) and any(isinstance(op, ast.Is | ast.IsNot) for op in node.ops):
            names += node.comparators
    return {name.id for each in names for name in ast.walk(each) if isinstance(name, ast.Name)} & KINDS


def test_no_other_module_asks_for_the_kind_of_a_step_or_observation() -> None:
    """A step or an observation has methods for what other modules need to know of it."""
    asking = set()
    for path in PROBE.rglob("*.py"):
        inside = path.relative_to(PROBE)
        performs = inside.parts[0] == "measure" and inside.stem in PERFORMERS
        if inside.parts[0] not in AT_HOME and not performs and asked_kinds(ast.parse(path.read_text())):
            asking.add(inside.as_posix())

    assert asking == set(LISTED)


def test_every_way_to_ask_for_a_kind_is_noticed() -> None:
    """The test above can fail."""
    for text in (
        "isinstance(one, Connection | int)",
        "type(step) is Resolve",
        "match one:\n    case TlsHandshake():\n        pass",
    ):
        assert asked_kinds(ast.parse(text))
    assert not asked_kinds(ast.parse("Connection(address='', port=1)"))


@pytest.mark.parametrize("step", all_kinds(), ids=lambda step: type(step).__name__)
def test_every_kind_of_step_has_every_description(step: Step) -> None:
    """What it becomes unperformed, whose packets show it, whether it listens on, and who performs it."""
    unperformed = step.unperformed(Failure.LOCAL, "no files left", 7)

    assert isinstance(unperformed, get_args(Observation))
    assert (unperformed.failure, unperformed.detail, unperformed.at) == (Failure.LOCAL, "no files left", 7)
    assert isinstance(step.capture_address, str)
    assert isinstance(step.listens_on, bool)
    assert isinstance(unperformed.traffic, ObservationTraffic)
    assert isinstance(unperformed.capture_name, str)
    assert type(step) in perform.PERFORMERS


class Knock(Connect, frozen=True, kw_only=True):
    """A made-up kind of step."""

    listens_on: ClassVar[bool] = True

    @property
    def capture_address(self) -> str:
        """Another address than the one connected to."""
        return "203.0.113.99"

    def unperformed(self, failure: Failure, detail: str, at: int) -> Connection:
        """An observation that no other kind makes."""
        return Connection(address="knock", port=at * 0, failure=failure, detail=detail)


class OneStep(Plan):
    """A plan that asks for one step."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self.queue.add(step, self)

    def observed(self, step: Step, seen: Observation) -> None:
        """Nothing follows."""

    def finished(self, step: Step, seen: tuple[Observation, ...]) -> None:
        """Nothing follows."""


class FakeWatcher:
    """Notes the addresses whose packets would be kept."""

    def __init__(self) -> None:
        self.addresses: list[str] = []

    async def watch(self, step: Step) -> None:
        """The call to the capture process."""
        self.addresses.append(step.capture_address)


async def knock(step: Knock, tools: Tools, timestamps: Timestamps, emit: Emit) -> None:
    """Perform the made-up kind: port 1 answers, every other refuses."""
    if step.port != 1:
        raise operation_error(Failure.REFUSED, "no such door")
    emit(Connection(address=step.address, port=step.port))


def test_a_made_up_kind_of_step_is_performed_by_its_row_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is answered, refused and watched without a change to any other module."""
    monkeypatch.setitem(perform.PERFORMERS, Knock, (__name__, "knock"))
    watcher = FakeWatcher()

    async def performed(port: int) -> tuple[Observation, ...]:
        async with Tools() as tools:
            tools.watcher = watcher  # type: ignore[assignment]
            step = Knock(address="203.0.113.5", port=port, position=StepPosition())
            return await perform.perform(OneStep(step), tools)

    assert asyncio.run(performed(1)) == (Connection(address="203.0.113.5", port=1),)
    assert asyncio.run(performed(2)) == (
        Connection(address="knock", port=0, failure=Failure.REFUSED, detail="no such door"),
    )
    assert watcher.addresses == ["203.0.113.99", "203.0.113.99"]
