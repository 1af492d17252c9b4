"""The systemd units are valid and well confined."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from probe.agent.as_ranges import load_prefix_table
from tests import required

UNITS = Path(__file__).parents[3] / "deploy" / "systemd"
SERVICES = sorted(path.name for path in UNITS.glob("*.service"))
EXPOSURE = 1.5
"""`systemd-analyze security` goes from 0 (nothing to gain) to 10; below 2 it says OK."""


def test_every_service_and_the_timer_exist() -> None:
    """The tests below cannot pass because units are missing."""
    assert [path.name for path in sorted(UNITS.iterdir())] == [
        "packets.conf",
        "probe-agent-once.service",
        "probe-agent-once.timer",
        "probe-agent.service",
        "probe-collector.service",
    ]


def test_systemd_verifies_every_unit(tmp_path: Path) -> None:
    """`systemd-analyze verify` prints nothing when the program is replaced by this interpreter."""
    analyze = required.command("systemd-analyze")
    for unit in (*UNITS.glob("*.service"), *UNITS.glob("*.timer")):
        text = unit.read_text().replace("/usr/bin/probe", sys.executable)
        (tmp_path / unit.name).write_text(text)

    done = subprocess.run(
        [analyze, "verify", "--man=no", *(str(path) for path in tmp_path.iterdir())],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("service", SERVICES)
def test_a_compromised_service_has_few_privileges(service: str) -> None:
    """The exposure that `systemd-analyze security` computes is below the threshold."""
    analyze = required.command("systemd-analyze")

    done = subprocess.run(
        [analyze, "security", "--offline=yes", f"--threshold={EXPOSURE * 10:.0f}", str(UNITS / service)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stdout.splitlines()[-1:]


def test_no_agent_unit_has_a_capability() -> None:
    """Privilege only adds evidence, so the shipped units have none."""
    for service in SERVICES:
        lines = (UNITS / service).read_text().splitlines()

        assert "CapabilityBoundingSet=" in lines
        assert "AmbientCapabilities=" in lines


@pytest.mark.parametrize("service", [name for name in SERVICES if "agent" in name])
def test_an_agent_unit_has_memory_for_a_table_of_all_prefixes(service: str) -> None:
    """The limit is 1.5 times the size of such a table in the docstring of `load_prefix_table`."""
    (limit,) = re.findall(r"^MemoryMax=(\d+)M$", (UNITS / service).read_text(), re.MULTILINE)
    (table,) = re.findall(r"(\d+) MB", load_prefix_table.__doc__ or "")

    assert int(limit) * 2**20 >= 1.5 * int(table) * 10**6


def test_the_drop_in_adds_one_capability_and_little_else(tmp_path: Path) -> None:
    """With it `systemd-analyze` accepts the agent's unit, and its exposure is below the level called medium."""
    analyze = required.command("systemd-analyze")
    unit = tmp_path / "probe-agent.service"
    unit.write_text((UNITS / unit.name).read_text().replace("/usr/bin/probe", sys.executable))
    folder = tmp_path / f"{unit.name}.d"
    folder.mkdir()
    text = (UNITS / "packets.conf").read_text()
    (folder / "packets.conf").write_text(text)
    # Offline, `security` reads no drop-ins: to it the last word in one file is what a drop-in's is.
    (tmp_path / "merged.service").write_text(_merged(unit.read_text(), text))

    verified = subprocess.run(
        [analyze, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False, timeout=60
    )
    judged = subprocess.run(
        [analyze, "security", "--offline=yes", "--threshold=25", str(tmp_path / "merged.service")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (verified.returncode, verified.stderr) == (0, "")
    assert judged.returncode == 0, judged.stdout.splitlines()[-1:]
    assert [line for line in text.splitlines() if "Capabilit" in line and "=" in line] == [
        "AmbientCapabilities=CAP_NET_RAW",
        "CapabilityBoundingSet=CAP_NET_RAW",
    ]


def _merged(unit: str, drop_in: str) -> str:
    """The unit with the drop-in's settings in place of its own.

    A setting that is a list in the unit gets one more line.
    """
    settings = dict(line.split("=", 1) for line in drop_in.splitlines() if "=" in line and not line.startswith("#"))
    calls = f"SystemCallFilter={settings.pop('SystemCallFilter')}"
    lines = []
    for line in unit.replace("\n[Install]", f"{calls}\n\n[Install]").splitlines():
        key = line.partition("=")[0]
        lines.append(f"{key}={settings[key]}" if key in settings else line)
    return "\n".join(lines) + "\n"
