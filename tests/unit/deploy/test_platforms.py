"""The files for cron, containers, macOS and Windows are valid where they are read."""

from __future__ import annotations

import plistlib
import re
import shlex
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from probe.cli.run import COMMAND as RUN
from tests import required

DEPLOY = Path(__file__).parents[3] / "deploy"
SCHEMA = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"
TASK_ELEMENTS = {
    "Task": {"RegistrationInfo", "Triggers", "Principals", "Settings", "Actions"},
    "RegistrationInfo": {"Description"},
    "Triggers": {"LogonTrigger"},
    "LogonTrigger": {"Enabled", "Delay"},
    "Principals": {"Principal"},
    "Principal": {"LogonType", "RunLevel"},
    "Settings": {
        "MultipleInstancesPolicy",
        "DisallowStartIfOnBatteries",
        "StopIfGoingOnBatteries",
        "StartWhenAvailable",
        "RunOnlyIfNetworkAvailable",
        "ExecutionTimeLimit",
        "Priority",
        "RestartOnFailure",
    },
    "RestartOnFailure": {"Interval", "Count"},
    "Actions": {"Exec"},
    "Exec": {"Command", "Arguments"},
}
"""Element -> what may be in it, of those that ours use: Task Scheduler Schema 1.2 ([MS-TSCH] 2.5)."""
LAUNCHD_KEYS = {
    "Label": str,
    "ProgramArguments": list,
    "RunAtLoad": bool,
    "KeepAlive": dict,
    "ThrottleInterval": int,
    "ProcessType": str,
    "LowPriorityIO": bool,
    "Nice": int,
    "Umask": int,
    "ExitTimeOut": int,
}
"""Key -> its type, of those that ours uses: launchd.plist(5)."""


def is_plain_run(words: list[str]) -> bool:
    """Whether the words after `probe` are a command line of `run` that the program accepts."""
    return words[0] == "run" and RUN.parse_plain(words[1:]) is not None


def test_the_property_list_is_what_launchd_reads() -> None:
    """Known keys of the right types; it starts the agent as the user, and again after a failure alone."""
    path = DEPLOY / "launchd" / "org.reachability-probe.agent.plist"
    job = plistlib.loads(path.read_bytes())
    command = shlex.split(job["ProgramArguments"][2])

    assert {key: type(value) for key, value in job.items()} == LAUNCHD_KEYS
    assert job["Label"] == path.stem
    assert job["ProgramArguments"][:2] == ["/bin/sh", "-c"]
    assert command[:2] == ["exec", "$HOME/.local/bin/probe"]
    assert is_plain_run(command[2:])
    assert job["KeepAlive"] == {"SuccessfulExit": False}
    assert job["Umask"] == 0o077


def test_the_task_has_the_elements_of_the_schema() -> None:
    """In the schema's namespace, each where it belongs; PowerShell refuses another encoding in the declaration."""
    text = (DEPLOY / "windows" / "probe-agent.xml").read_text()
    task = ET.fromstring(text)  # noqa: S314 - our own file

    assert not text.startswith("<?xml")
    assert task.tag == f"{SCHEMA}Task"
    for element in task.iter():
        known = TASK_ELEMENTS.get(element.tag.removeprefix(SCHEMA), set())
        assert {child.tag.removeprefix(SCHEMA) for child in element} <= known


def test_the_task_runs_the_agent_without_rights_and_without_end() -> None:
    """The defaults of the scheduler would end it after three days, and on batteries."""
    task = ET.parse(DEPLOY / "windows" / "probe-agent.xml").getroot()  # noqa: S314 - likewise
    value = {element.tag.removeprefix(SCHEMA): element.text for element in task.iter()}

    assert value["RunLevel"] == "LeastPrivilege"
    assert value["ExecutionTimeLimit"] == "PT0S"
    assert value["StopIfGoingOnBatteries"] == value["DisallowStartIfOnBatteries"] == "false"
    assert str(value["Command"]).endswith(r"\.local\bin\probe.exe")
    assert is_plain_run(str(value["Arguments"]).split())


def test_the_line_of_cron_runs_one_round() -> None:
    """Seven fields before the command, a user without rights, and a command line that the program accepts."""
    (line,) = (one for one in (DEPLOY / "cron" / "probe").read_text().splitlines() if one.startswith("*"))
    *times, user, command = line.split(maxsplit=6)
    words = shlex.split(command)

    assert len(times) == 5
    assert user == "_probe"
    assert is_plain_run(words[words.index("probe") + 1 :])
    assert "--once" in words


def test_the_container_file_is_clean() -> None:
    """Hadolint has nothing to say."""
    hadolint = Path(sys.executable).with_name("hadolint")
    words = [str(hadolint) if hadolint.exists() else required.command("hadolint"), "--no-color"]

    done = subprocess.run(
        [*words, str(DEPLOY / "container" / "Containerfile")], capture_output=True, text=True, check=False, timeout=60
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    "name", ["setup", "try", "debian/postinst", "debian/prerm", "debian/postrm", "debian/rtupdate"]
)
def test_a_script_is_valid_for_a_plain_shell(name: str) -> None:
    """`sh -n` reads it, and it stops at the first error."""
    path = DEPLOY / name

    subprocess.run([required.command("sh"), "-n", str(path)], check=True, timeout=60)

    assert re.search(r"^set -eu?$", path.read_text(), re.MULTILINE)


def test_the_image_gets_every_file_that_it_copies() -> None:
    """What `COPY` names is in the tree, and not left out by `.containerignore`."""
    lines = (DEPLOY / "container" / "Containerfile").read_text().splitlines()
    copied = {
        word for line in lines if line.startswith("COPY ") and "--from" not in line for word in line.split()[1:-1]
    }
    kept = {line.removeprefix("!") for line in (DEPLOY.parent / ".containerignore").read_text().splitlines()}

    assert copied
    assert all((DEPLOY.parent / name).exists() for name in copied)
    assert all(name in kept or name.partition("/")[0] in kept for name in copied)
