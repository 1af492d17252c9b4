"""The unit, the cron line, and what a host offers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from probe.cli import start_methods
from probe.cli.start_methods import CRON, NOTHING, SYSTEMD, cron_line, describe, offered, unit_text, with_cron_line
from tests import required

CONFIG = Path("/home/me/my settings/100%.toml")


@pytest.mark.parametrize("state", [None, Path("/home/me/my state")])
def test_systemd_accepts_the_unit(state: Path | None, tmp_path: Path) -> None:
    analyze = required.command("systemd-analyze")
    (tmp_path / "probe-agent.service").write_text(unit_text(tmp_path / "my settings" / "100%.toml", state))

    done = subprocess.run(
        [analyze, "verify", "--user", "--man=no", str(tmp_path / "probe-agent.service")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_words_of_a_unit_are_quoted_and_have_no_specifier() -> None:
    line = next(line for line in unit_text(CONFIG).splitlines() if line.startswith("ExecStart="))

    assert line.endswith(' run --config "/home/me/my settings/100%%.toml"')


def test_files_are_confined_only_where_the_service_manager_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried, because a unit that asks for what the system forbids does not start at all."""
    trial = tmp_path / "systemd-run"
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    found = {}
    for status in (0, 217):
        trial.write_text(f"#!/bin/sh\nexit {status}\n")
        trial.chmod(0o755)
        found[status] = start_methods._can_confine_files()

    assert found == {0: True, 217: False}
    assert "ProtectSystem=strict\n" in unit_text(CONFIG, Path("/home/me/state"))
    assert "ProtectSystem" not in unit_text(CONFIG)
    assert "NoNewPrivileges=yes\n" in unit_text(CONFIG)


def test_a_cron_line_escapes_what_cron_takes_for_a_line_end() -> None:
    assert "'/home/me/my settings/100\\%.toml'" in cron_line(CONFIG)
    assert cron_line(CONFIG).startswith("*/10 * * * * ")


def test_the_line_of_an_earlier_set_up_is_replaced() -> None:
    old = cron_line(Path("/old.toml"))

    assert with_cron_line(f"MAILTO=me\n{old}\n1 2 * * * x", cron_line(CONFIG)) == (
        f"MAILTO=me\n1 2 * * * x\n{cron_line(CONFIG)}\n"
    )


@pytest.mark.parametrize(
    "platform, root, commands, expected",
    [
        ("linux", False, {"systemctl", "crontab"}, (SYSTEMD, CRON, NOTHING)),
        ("linux", False, {"crontab"}, (CRON, NOTHING)),
        ("linux", True, {"systemctl"}, (NOTHING,)),
        ("darwin", False, {"systemctl", "crontab"}, (CRON, NOTHING)),
        ("win32", False, {"crontab"}, (NOTHING,)),
    ],
)
def test_a_host_offers_what_it_has(  # noqa: PLR0917 - a case has four parts
    platform: str,
    root: bool,
    commands: set[str],
    expected: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Root has no service manager of its own: it needs the unit of the distribution's package."""
    (tmp_path / "systemd").mkdir()
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(start_methods, "is_root", lambda: root)
    monkeypatch.setattr(start_methods, "PACKAGED_UNITS", (tmp_path / "none.service",))
    monkeypatch.setattr(start_methods.shutil, "which", lambda name: name if name in commands else None)

    assert offered({"XDG_RUNTIME_DIR": str(tmp_path)}) == expected


def test_a_user_without_a_service_manager_is_not_offered_systemd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start_methods, "is_root", lambda: False)

    assert SYSTEMD not in offered({})
    assert SYSTEMD not in offered({"XDG_RUNTIME_DIR": str(tmp_path)})


@pytest.mark.parametrize("confined", [True, False])
def test_systemd_gets_the_unit_and_three_commands(
    confined: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[list[str]] = []
    monkeypatch.setattr(start_methods, "is_root", lambda: False)
    monkeypatch.setattr(start_methods, "_run", lambda words: ran.append(list(words)))
    environ = {"XDG_CONFIG_HOME": str(tmp_path)}

    said = describe(SYSTEMD, CONFIG, environ)
    monkeypatch.setattr(start_methods, "_can_confine_files", lambda: confined)
    start_methods.install(SYSTEMD, CONFIG, tmp_path / "state", environ)

    unit = tmp_path / "systemd" / "user" / "probe-agent.service"
    assert unit.read_text() == unit_text(CONFIG, tmp_path / "state" if confined else None)
    assert str(unit) in said
    assert [" ".join(words) for words in ran] == [line.strip() for line in said.splitlines()[1:-1]]


@pytest.mark.parametrize("platform, words", [("win32", "Task Scheduler"), ("darwin", "launchd"), ("linux", "yourself")])
def test_where_nothing_is_installed_it_says_what_to_do(
    platform: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)

    assert words in describe(NOTHING, CONFIG, {})
    start_methods.install(NOTHING, CONFIG, Path(), {})
