"""Write, read and record golden cases as files.

``python -m tests.golden.record`` plays every scenario and rewrites `cases/`; changes show in ``git diff``, one
observation a line. A changed verdict is a changed rule, and belongs in the changelog under "Verdicts". The version of
the rules is not recorded: raising it changes no case.
"""

from __future__ import annotations

import importlib
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from probe.model.glance_evidence import GlanceEvidence
from probe.model.observation import Observation
from probe.model.verdict import AnchorLook, ControlFacts, Evidence, Outage, RecentCut, Vantage, VantageState, Verdict
from tests.golden.scenario import Scenario

HERE = Path(__file__).parent
CASES = HERE / "cases"
OLDER_CASES = HERE / "cases_of_0_1_0"
"""Evidence that version 0.1.0 wrote; it is never rewritten."""
FAMILIES = (
    "dns",
    "tcp",
    "tls",
    "http",
    "pages",
    "throttle",
    "quic",
    "ranges",
    "readings",
    "vantage",
    "nearer",
    "names",
    "cuts",
    "resolvers",
    "glances",
)


class Seen(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`observations.json`: a measurement without its verdict."""

    target: str
    time: datetime
    state: VantageState
    error: str = ""
    notes: tuple[str, ...] = ()
    anchors: tuple[AnchorLook, ...] = ()
    recent_cuts: tuple[RecentCut, ...] = ()
    outages: tuple[Outage, ...] = ()
    glance: tuple[GlanceEvidence, ...] = ()
    nat64: tuple[str, ...] = ()
    observations: tuple[Observation, ...] = ()


@dataclass(frozen=True)
class Case:
    """One golden case, as in its folder."""

    says: str
    seen: Seen
    control: ControlFacts | None
    verdict: Verdict

    @property
    def evidence(self) -> Evidence:
        """The input of the judge."""
        seen = self.seen
        return Evidence(
            observations=seen.observations,
            control=self.control,
            recent_cuts=seen.recent_cuts,
            outages=seen.outages,
            glance=seen.glance,
            nat64=seen.nat64,
            error=seen.error,
        )


def scenarios() -> dict[str, Scenario]:
    """All scenarios, by name."""
    found: dict[str, Scenario] = {}
    for family in FAMILIES:
        for scenario in importlib.import_module(f"tests.golden.families.{family}").SCENARIOS:
            assert scenario.name not in found, scenario.name
            found[scenario.name] = scenario
    return found


def made(scenario: Scenario) -> Case:
    """Play a scenario; returns its case."""
    verdict = scenario.play()
    seen = Seen(
        target=verdict.target,
        time=verdict.time,
        state=verdict.vantage.state,
        error=verdict.evidence.error,
        notes=verdict.vantage.notes,
        anchors=verdict.vantage.anchors,
        recent_cuts=verdict.evidence.recent_cuts,
        outages=verdict.evidence.outages,
        glance=verdict.evidence.glance,
        nat64=verdict.evidence.nat64,
        observations=verdict.evidence.observations,
    )
    return Case(scenario.says, seen, verdict.evidence.control, recorded(verdict))


def recorded(verdict: Verdict) -> Verdict:
    """A verdict as `verdict.json` holds it: without the rules' version and the parts in other files."""
    said = msgspec.structs.replace(
        verdict.evidence, observations=(), control=None, recent_cuts=(), outages=(), glance=(), nat64=(), rules=0
    )
    return msgspec.structs.replace(verdict, evidence=said, vantage=msgspec.structs.replace(verdict.vantage, anchors=()))


def write(folder: Path, case: Case) -> None:
    """Write a case's folder."""
    folder.mkdir(parents=True)
    (folder / "README.md").write_text(f"`{case.seen.target}`: {case.says}\n")
    head = msgspec.json.encode(msgspec.structs.replace(case.seen, observations=())).decode()[:-1]
    lines = ",\n".join(msgspec.json.encode(one).decode() for one in case.seen.observations)
    (folder / "observations.json").write_text(f'{head},"observations":[\n{lines}\n]}}\n')
    (folder / "control.json").write_bytes(_pretty(case.control))
    (folder / "verdict.json").write_bytes(_pretty(case.verdict))


def read(folder: Path) -> Case:
    """Read a case's folder."""
    return Case(
        says=(folder / "README.md").read_text().partition(": ")[2].rstrip("\n"),
        seen=msgspec.json.decode((folder / "observations.json").read_bytes(), type=Seen),
        control=msgspec.json.decode((folder / "control.json").read_bytes(), type=ControlFacts | None),
        verdict=recorded(msgspec.json.decode((folder / "verdict.json").read_bytes(), type=Verdict)),
    )


def vantage(seen: Seen) -> Vantage:
    """The vantage of a case; neither network nor country are recorded."""
    return Vantage(state=seen.state, notes=seen.notes, anchors=seen.anchors)


def _pretty(record: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n"


def main() -> None:
    """Record all cases."""
    cases = {name: made(scenario) for name, scenario in scenarios().items()}  # before anything is deleted
    shutil.rmtree(CASES, ignore_errors=True)
    for name, case in cases.items():
        write(CASES / name, case)


if __name__ == "__main__":
    main()
