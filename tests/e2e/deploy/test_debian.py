"""The Debian package: built, checked by lintian, and used on a bare Debian that boots with systemd.

`bare_debian.sh` makes the Debian in memory, in namespaces that end with the test; `inside_debian.sh` says what is done
there. systemd-nspawn boots it on a network of its own, so that units run under their whole sandbox and nothing but
loopback can be contacted. The packages come from the registries that pip and apt of this machine use.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests import required
from tests.lab.hosts import dying_with_us

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
RELEASE = os.environ.get("DEBIAN_RELEASE", "bookworm")
MEMORY_MAX_KIB = 768 * 1024
pytestmark = pytest.mark.timeout(900)


def run(*words: str | Path, folder: Path) -> str:
    """Run a command to its end and return what it printed; the test fails with that if the command fails.

    Args:
        words: of the command.
        folder: for its temporary files.
    """
    # Without the guard of the tests' network: pip may ask the registry of this machine.
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"TMPDIR": str(folder)}
    line = [*dying_with_us(), *map(str, words)]
    done = subprocess.run(
        line, capture_output=True, text=True, check=False, timeout=600, cwd=ROOT, env=environ, errors="replace"
    )
    if done.returncode:
        pytest.fail(f"{words[0]} ended with {done.returncode}:\n{done.stdout}{done.stderr}", pytrace=False)
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of this tree."""
    required.command("dpkg-deb")
    folder = tmp_path_factory.mktemp("deb")
    run(sys.executable, "-m", "deploy.debian.build", "--output", folder / "dist", "--compression", "1", folder=folder)
    (built,) = (folder / "dist").iterdir()
    return built


@pytest.fixture(scope="module")
def report(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, list[str]]:
    """Name of a part of `inside_debian.sh` -> the lines that it printed."""
    required.root()
    for command in ("mmdebstrap", "systemd-nspawn", "unshare"):
        required.command(command)
    folder = tmp_path_factory.mktemp("debian")
    older = folder / package.name.replace("_", "_0~", 1)
    run("dpkg-deb", "--raw-extract", package, folder / "older", folder=folder)
    control = folder / "older" / "DEBIAN" / "control"
    control.write_text(re.sub(r"(?m)^Version: ", "Version: 0~", control.read_text()))
    run("dpkg-deb", "-Zxz", "-z1", "--build", folder / "older", older, folder=folder)
    (folder / "mount").mkdir()
    written = folder / "report"
    spaces = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
    run(*spaces, "sh", HERE / "bare_debian.sh", folder / "mount", RELEASE, older, package, written, folder=folder)
    assert list((folder / "mount").iterdir()) == []
    parts = re.split(r"(?m)^== (.*)\n", written.read_text())
    return {name: text.splitlines() for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def test_lintian_finds_nothing(package: Path, tmp_path: Path) -> None:
    """No error, no warning, and no override that hides one."""
    lintian = required.command("lintian")

    said = run(
        lintian,
        "--fail-on",
        "error,warning",
        "--suppress-tags",
        "initial-upload-closes-no-bugs",
        package,
        folder=tmp_path,
    )

    assert [line for line in said.splitlines() if line.startswith(("E:", "W:", "N:"))] == []


def test_installing_enables_and_contacts_nothing(report: Mapping[str, list[str]]) -> None:
    """No unit is enabled, none starts without settings, and a round without consent ends with status 2."""
    assert report["nothing enabled"] == ["disabled", "disabled", "disabled", "inactive"]
    assert report["no consent"][-2:] == ["probe: no consent (read the above first)", "exit status 2"]
    assert report["files"][:3] == [
        "/usr/bin/probe",
        "drwxr-s--- root _probe /etc/probe",
        "drwx------ _probe _probe /var/lib/probe",
    ]


def test_a_first_check_gives_verdicts(report: Mapping[str, list[str]]) -> None:
    """The command measures, from a package that brings all that it needs."""
    assert report["lab"] == []
    assert report["check"][-2:] == ["2 reachable.", "exit status 0"]


def test_probe_setup_starts_the_agent_after_consent(report: Mapping[str, list[str]]) -> None:
    """It enables the unit of the package, and a user's own unit confines files where the system can."""
    assert report["setup"][-1] == "exit status 0"
    assert report["agent"][0] == "active"
    assert report["user"][:2] == ["disabled", "exit status 0"]
    assert "files confined" in report["user"]


@pytest.mark.parametrize("part", ["agent", "collector", "user"])
def test_a_service_runs_without_any_privilege(part: str, report: Mapping[str, list[str]]) -> None:
    """Under its unit it has no capability, cannot get one, and can write nothing but a temporary folder of its own."""
    lines = report[part]

    assert "active" in lines
    assert "failed" not in " ".join(lines)
    assert not any("waited in vain" in line for line in lines)
    assert {"CapEff: 0000000000000000", "CapBnd: 0000000000000000", "NoNewPrivs: 1", "Seccomp: 2"} <= set(lines)
    assert not any(line.startswith("Uid: 0") for line in lines)
    assert [line for line in lines if line.startswith(("can write", "shares"))] == ["can write: /tmp"]


@pytest.mark.parametrize("part", ["agent", "collector", "user"])
def test_memory_max_is_far_above_what_a_service_takes(part: str, report: Mapping[str, list[str]]) -> None:
    """Without a table of prefixes a service stays below an eighth of its limit."""
    (line,) = (line for line in report[part] if line.startswith("VmHWM"))

    assert int(line.split()[1]) < MEMORY_MAX_KIB / 8


def test_the_agent_measures_under_its_sandbox(report: Mapping[str, list[str]]) -> None:
    """A round is done, the settings are readable for the service alone, and a reload goes through."""
    lines = report["agent"]

    assert any(line.startswith("round state=online targets=1 measured=1") for line in lines)
    assert lines[-2:] == ["-rw-r----- root _probe", "active"]


def test_an_upgrade_restarts_what_runs_and_keeps_the_settings(report: Mapping[str, list[str]]) -> None:
    """The agent goes on with the new version."""
    assert report["upgrade"][-4:-1] == ["restarted", "active", "settings kept"]
    assert "0~" not in report["upgrade"][-1]


def test_timer_and_cron_do_rounds(report: Mapping[str, list[str]]) -> None:
    """For hosts that run no daemon."""
    assert report["once"] == ["success", "active"]
    assert report["cron"] == ["exit status 0"]


def test_a_collector_measures_as_a_control_with_its_drop_in(report: Mapping[str, list[str]]) -> None:
    """The control does a round under the sandbox."""
    assert report["control"] == ["active"]


def test_a_user_runs_the_agent_without_root(report: Mapping[str, list[str]]) -> None:
    """Its state lies where the commands of the user look for it."""
    assert report["user"][-1] == "drwx------ volunteer"


def test_a_purge_leaves_nothing_behind(report: Mapping[str, list[str]]) -> None:
    """Removing stops the agent and keeps the settings; a purge removes them, state, units and the user."""
    left = [path for path in report["left behind"] if not path.startswith(("/root/", "/home/volunteer"))]

    assert report["remove"][-2:] == ["inactive", "settings kept"]
    assert report["purge"][-1] == "no user"
    assert [path for path in left if "probe" in path] == []
