"""One run of the lab: raise it, check every scenario without the probe, then let the probe measure and judge.

The probe runs as for any user: `probe check --json --targets FILE` at a vantage, with a control file that
`probe check --json` wrote at the control hosts. Scenarios that share a vantage and a kind of control share a run.
"""

from __future__ import annotations

import json
import os
import sys
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.lab.checks import perform
from tests.lab.records import Act, Check, Control, Scenario
from tests.lab.topology import Lab
from tests.lab.world import DOMESTIC_ANCHORS, FOREIGN_ANCHORS, TRUSTED

RUNS_AT_ONCE = 8
"""How many vantages measure at the same time: more of them would measure the load of this machine."""
CONCURRENCY = 40
"""Targets that one vantage measures at the same time."""
LOSSY_ATTEMPTS = 4
"""Attempts of one check on a line with loss. At 10 % loss one in 28 of curl's connections is silent for its 2 s."""
PROBE = str(Path(sys.executable).with_name("probe"))
Line = dict[str, Any]


class Bench:
    """Checks and verdicts of one world's scenarios.

    Args:
        lab: raised.
        scenarios: those to measure; a part of the world's.
        prefix: a command that runs the probe, such as one that takes privileges away.
    """

    def __init__(self, lab: Lab, scenarios: Sequence[Scenario], prefix: tuple[str, ...] = ()) -> None:
        self.lab = lab
        self.prefix = prefix
        self.scenarios = scenarios
        self.environ = {
            "SSL_CERT_FILE": str(lab.certificates.bundle),
            "CURL_CA_BUNDLE": str(lab.certificates.bundle),
            "HOME": str(lab.folder),
            "PROBE_MEASURE_RANGE_SAMPLE": "64",  # wide enough to meet every /24 of a /16
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin:/sbin",
            **{f"XDG_{kind}_HOME": str(lab.folder / "xdg") for kind in ("CONFIG", "STATE", "DATA", "CACHE")},
        }

    def target(self, scenario: Scenario) -> str:
        """The scenario's target as a text for the probe."""
        return scenario.target.format(**self.lab.world.fields[scenario.name])

    def check(self) -> dict[str, list[str]]:
        """Perform the checks without the probe: scenario name -> the checks that failed."""
        with ThreadPoolExecutor(24) as pool:
            said = pool.map(self._check, self.scenarios)
            return {scenario.name: wrong for scenario, wrong in zip(self.scenarios, said, strict=True) if wrong}

    def _check(self, scenario: Scenario) -> list[str]:
        """Perform a scenario's checks one after another: two at once would share a rate limit."""
        return [wrong for check in scenario.checks if (wrong := self._perform(scenario, check))]

    def _perform(self, scenario: Scenario, check: Check) -> str:
        """Perform a check; again where the line loses packets at random, since curl and dig give up sooner."""
        name = scenario.vantage if check.where == "vantage" else check.where
        profile = self.lab.world.profiles.get(name)
        rules = (*profile.interference, *profile.core) if profile else ()
        wrong = ""
        for _ in range(LOSSY_ATTEMPTS if any(rule.act is Act.LOSS for rule in rules) else 1):
            wrong = perform(check, self.lab.hosts[name], self.lab.world.fields[scenario.name], self.environ)
            if not wrong:
                break
        return wrong

    def measure(self) -> dict[str, Line]:
        """Scenario name -> the probe's verdict on it (an empty line where it printed none)."""
        controls = self.measure_controls()
        runs: dict[tuple[str, bool], list[Scenario]] = defaultdict(list)
        for scenario in self.scenarios:
            runs[scenario.vantage, scenario.control is not Control.NONE].append(scenario)
        with ThreadPoolExecutor(RUNS_AT_ONCE) as pool:
            lines = pool.map(lambda run: self._run(*run, controls), runs.items())
            found = {(key, line["target"]): line for key, said in zip(runs, lines, strict=True) for line in said}
        return {
            s.name: found.get(((s.vantage, s.control is not Control.NONE), self.target(s)), {}) for s in self.scenarios
        }

    def measure_controls(self) -> dict[str, list[Line]]:
        """Control host -> the lines that `probe check --json` printed there for every target."""
        both = {s.name: self.target(s) for s in self.scenarios if s.control is not Control.NONE}
        second = [self.target(s) for s in self.scenarios if s.control is Control.DISAGREES]
        asked = {"control": list(both.values()), "control2": second}
        with ThreadPoolExecutor(2) as pool:
            said = pool.map(lambda item: self.probe(item[0], item[1], trusted=True), asked.items())
            return dict(zip(asked, said, strict=True))

    def _run(self, key: tuple[str, bool], scenarios: list[Scenario], controls: dict[str, list[Line]]) -> list[Line]:
        vantage, controlled = key
        extra: list[str] = []
        if controlled:
            wanted = {self.target(s): s.control for s in scenarios}
            kept = [
                line
                for line in controls["control"]
                if wanted.get(line["target"], Control.NO_ENTRY) is not Control.NO_ENTRY
            ]
            kept = [_aged(line) if wanted[line["target"]] is Control.STALE else line for line in kept]
            kept += [line for line in controls["control2"] if wanted.get(line["target"]) is Control.DISAGREES]
            extra = self.control_file(vantage, kept)
        profile = self.lab.world.profiles[vantage]
        targets = [self.target(s) for s in scenarios]
        return self.probe(vantage, targets, *extra, trusted=profile.trusted, timeout=profile.timeout)

    def _anchors(self, host: str) -> list[str]:
        """The options that name the anchors, in the form of a vantage's profile."""
        profile = self.lab.world.profiles.get(host)
        form = profile.anchor_form if profile else "https://{}/"
        words = [f"--anchor={form.format(name)}" for name in FOREIGN_ANCHORS]
        return words + [f"--domestic-anchor={form.format(name)}" for name in DOMESTIC_ANCHORS]

    def control_file(self, name: str, lines: Sequence[Line]) -> list[str]:
        """Write a control file; the option that names it."""
        file = self.lab.folder / f"control-{name}.jsonl"
        file.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return ["--control", str(file)]

    def probe(
        self,
        host: str,
        targets: Sequence[str],
        *extra: str,
        trusted: bool,
        timeout: float = 3.0,
        anchors: bool = True,
        label: str = "",
    ) -> list[Line]:
        """One `probe check --json` at a host; a label keeps the files of two at once apart.

        Raises:
            RuntimeError: it ended with another exit status than 0, 1 or 3.
        """
        if not targets:
            return []
        file = self.lab.folder / f"targets-{host}-{len(extra)}{label}.txt"
        file.write_text("\n".join(targets) + "\n")
        words = ["check", "--json", "--pace", "0", "--concurrency", str(CONCURRENCY), "--timeout", str(timeout), *extra]
        profile = self.lab.world.profiles.get(host)
        urls = (profile.trusted_urls if profile else ()) or TRUSTED
        words += [f"--trusted-resolver={url}" for url in (urls if trusted else ("",))]
        words += self._anchors(host) if anchors else []
        words = [*self.prefix, PROBE, *words, "--targets", str(file)]
        done = self.lab.hosts[host].run(*words, environ=self.environ, timeout=400)
        if done.returncode not in (0, 1, 3):
            raise RuntimeError(f"probe at {host} ended with {done.returncode}: {done.stderr[-2000:]}")
        return [json.loads(line) for line in done.stdout.splitlines()]


def _aged(line: Line) -> Line:
    """The line with a time eight days earlier."""
    time = datetime.fromisoformat(line["time"]) - timedelta(days=8)
    return {**line, "time": time.isoformat()}


def faults(scenario: Scenario, line: Line) -> str:
    """What is wrong with a verdict, for a person; empty when it is right."""
    expect = scenario.expect
    if not status_right(scenario, line):
        return f"expected {expect.status} at a vantage {expect.state}, got one at {line['vantage']['state']}"
    if not causes_right(scenario, line):
        return f"expected {expect.causes}"
    if not noted(scenario, line):
        return f"the evidence lacks {expect.note!r}: {sorted(line['evidence'])}"
    return ""


def falsely_blocked(scenario: Scenario, line: Line) -> bool:
    """Whether the verdict accuses the network where nobody interferes."""
    grave = ("blocked", "throttled")
    return line.get("status") in grave and not {*grave} & {*scenario.expect.status.split("|")}


def status_right(scenario: Scenario, line: Line) -> bool:
    """Whether the verdict has the expected status and state of the vantage."""
    expect = scenario.expect
    return line.get("status") in expect.status.split("|") and line["vantage"]["state"] in expect.state.split("|")


def first_right(scenario: Scenario, line: Line) -> bool:
    """Whether the cause that decided is the expected one (none where none is expected)."""
    said = line.get("causes")
    expected = scenario.expect.causes
    if said is None:
        return False
    if expected[:1] in ((), (...,)):
        return bool(expected) or not said
    return bool(said) and said[0] in expected[0].split("|")


def causes_right(scenario: Scenario, line: Line) -> bool:
    """Whether the first cause is right and the others are the expected ones, in any order."""
    expected = scenario.expect.causes
    if not first_right(scenario, line):
        return False
    return ... in expected or set(expected[1:]) == set(line["causes"][1:])


def noted(scenario: Scenario, line: Line) -> bool:
    """Whether the evidence or the vantage has the expected note."""
    note, evidence = scenario.expect.note, line.get("evidence", {})
    return (
        not note or bool(evidence.get(note)) or note in [*evidence.get("notes", ()), *line["vantage"].get("notes", ())]
    )
