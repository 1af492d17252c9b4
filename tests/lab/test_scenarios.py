"""In every scenario of the lab the situation is proven without the probe, then the probe's verdict is compared.

`known_wrong.toml` lists the scenarios that the probe judges wrongly today. The list is exact and can only shrink: a
test fails for a wrong verdict that is not listed, and for a listed scenario that is judged rightly.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from tests.lab.bench import Line, faults
from tests.lab.records import Scenario
from tests.lab.scenarios import ALL

pytestmark = pytest.mark.lab
KNOWN_WRONG: dict[str, dict[str, str]] = tomllib.loads(Path(__file__).with_name("known_wrong.toml").read_text())
"""`always` and `sometimes`: scenario -> what is said today, or why it varies."""


@pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: f"{scenario.family}-{scenario.name}")
def test_the_situation_is_as_described_without_the_probe(scenario: Scenario, broken: dict[str, list[str]]) -> None:
    """The checks with dig, curl, openssl and plain sockets pass."""
    assert not broken.get(scenario.name), "\n".join(broken[scenario.name])


@pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: f"{scenario.family}-{scenario.name}")
def test_the_probe_judges_it_rightly(scenario: Scenario, verdicts: dict[str, Line]) -> None:
    """Status, state of the vantage, first cause, the other causes and the note in the evidence are as expected."""
    line = verdicts[scenario.name]
    assert line, "the probe printed no verdict"

    wrong = faults(scenario, line)
    if scenario.name in KNOWN_WRONG["always"]:
        assert wrong, "judged rightly: take it out of known_wrong.toml"
        return
    if scenario.name in KNOWN_WRONG["sometimes"]:
        assert line["status"] in (*scenario.expect.status.split("|"), "unreachable", "unknown"), wrong
        return
    assert not wrong, f"{wrong}; said {json.dumps({key: line[key] for key in ('status', 'causes', 'rule')})}"


def test_the_list_of_wrong_verdicts_names_scenarios_and_reasons() -> None:
    """Each entry is a scenario, stands in one list, and says what is wrong."""
    always, sometimes = KNOWN_WRONG["always"], KNOWN_WRONG["sometimes"]

    assert {*always, *sometimes} <= {scenario.name for scenario in ALL}
    assert not {*always} & {*sometimes}
    assert all(reason.strip() for reason in (*always.values(), *sometimes.values()))
