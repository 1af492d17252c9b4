"""The systemd units are valid and well confined."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from probe.agent.as_ranges import load_prefix_table
from tests import required

UNITS = Path(__file__).parents[3] / "deploy" / "systemd"
SERVICES = sorted(path.relative_to(UNITS).as_posix() for path in UNITS.rglob("*.service"))
SYSTEM_SERVICES = [name for name in SERVICES if "/" not in name]
EXPOSURE = {name: 1.5 if name in SYSTEM_SERVICES else 2.0 for name in SERVICES}
"""`systemd-analyze security` goes from 0 (nothing to gain) to 10; below 2 it says OK. A user's unit cannot do all."""


def test_every_service_and_the_timer_exist() -> None:
    """The tests below cannot pass because units are missing."""
    assert {path.relative_to(UNITS).as_posix() for path in UNITS.rglob("*") if path.is_file()} == {
        "control.conf",
        "packets.conf",
        "preset",
        "probe-agent-once.service",
        "probe-agent-once.timer",
        "probe-agent.service",
        "probe-collector.service",
        "sysusers.conf",
        "user/probe-agent.service",
    }


@pytest.mark.parametrize("manager", ["system", "user"])
def test_systemd_verifies_every_unit(manager: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """`systemd-analyze verify` prints nothing when the program is replaced by this interpreter."""
    analyze = required.command("systemd-analyze")
    runtime = tmp_path_factory.mktemp("runtime")
    folder = UNITS / "user" if manager == "user" else UNITS
    for unit in (*folder.glob("*.service"), *folder.glob("*.timer")):
        text = unit.read_text().replace("/usr/bin/probe", sys.executable)
        (tmp_path / unit.name).write_text(text)

    done = subprocess.run(
        [analyze, f"--{manager}", "verify", "--man=no", *(str(path) for path in tmp_path.iterdir())],
        env=os.environ | {"XDG_RUNTIME_DIR": str(runtime)},
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
        [analyze, "security", "--offline=yes", f"--threshold={EXPOSURE[service] * 10:.0f}", str(UNITS / service)],
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
        assert not [
            line for line in lines if line.startswith("AmbientCapabilities=") and line != "AmbientCapabilities="
        ]


def test_a_call_that_a_unit_does_not_allow_fails_instead_of_killing() -> None:
    """A library of a later version may try one, and go on without."""
    for service in SERVICES:
        assert "SystemCallErrorNumber=EPERM" in (UNITS / service).read_text().splitlines()


def test_no_system_distribution_enables_a_service_by_itself() -> None:
    """The preset names every unit that could be enabled."""
    enabled = {path.name for path in UNITS.rglob("*.*") if "[Install]" in path.read_text()}
    preset = {line.split()[1] for line in (UNITS / "preset").read_text().splitlines() if line.startswith("disable ")}

    assert preset == enabled


def test_every_system_service_is_the_user_that_the_package_makes() -> None:
    """One name in units, package, cron file and the file for systemd-sysusers."""
    places = [UNITS / name for name in SYSTEM_SERVICES]

    assert all("User=_probe\nGroup=_probe\n" in path.read_text() for path in places)
    assert "\nu _probe " in (UNITS / "sysusers.conf").read_text()
    assert " _probe\n" in (UNITS.parent / "debian" / "postinst").read_text()


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


def test_the_drop_in_for_a_control_is_valid(tmp_path: Path) -> None:
    """With it `systemd-analyze` accepts the collector's unit; it takes the one limit away that forbids to measure."""
    analyze = required.command("systemd-analyze")
    unit = tmp_path / "probe-collector.service"
    unit.write_text((UNITS / unit.name).read_text().replace("/usr/bin/probe", sys.executable))
    folder = tmp_path / f"{unit.name}.d"
    folder.mkdir()
    text = (UNITS / "control.conf").read_text()
    (folder / "control.conf").write_text(text.replace("/usr/bin/probe", sys.executable))

    verified = subprocess.run(
        [analyze, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False, timeout=60
    )
    (words,) = re.findall(r"(?m)^ExecStart=(.+)$", text)
    (usual,) = re.findall(r"(?m)^ExecStart=(.+)$", (UNITS / unit.name).read_text())

    assert (verified.returncode, verified.stderr) == (0, "")
    assert words.removesuffix(" --control --config /etc/probe/control.toml") == usual


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
