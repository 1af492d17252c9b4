"""Where settings and state are looked for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from probe.settings import places


def test_a_named_file_is_taken_whether_or_not_it_exists() -> None:
    assert places.settings_file({"PROBE_CONFIG": "/x.toml"}) == Path("/x.toml")


def test_the_users_file_goes_before_the_systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system = tmp_path / "etc.toml"
    system.touch()
    monkeypatch.setattr(places, "SYSTEM_SETTINGS", system)
    users = tmp_path / "probe" / "probe.toml"

    assert places.settings_file({"XDG_CONFIG_HOME": str(tmp_path)}) == system
    users.parent.mkdir()
    users.touch()
    assert places.settings_file({"XDG_CONFIG_HOME": str(tmp_path)}) == users


def test_no_file_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "SYSTEM_SETTINGS", tmp_path / "none.toml")

    assert places.settings_file({"HOME": str(tmp_path)}) is None


@pytest.mark.parametrize(
    ("setting", "environ", "folder"),
    [
        ("/s", {"STATE_DIRECTORY": "/d", "XDG_STATE_HOME": "/x"}, "/s"),
        ("", {"STATE_DIRECTORY": f"/d{os.pathsep}/e", "XDG_STATE_HOME": "/x"}, "/d"),
        ("", {"XDG_STATE_HOME": "/x"}, "/x/probe"),
    ],
)
def test_the_state_is_where_it_is_told_to_be(setting: str, environ: dict[str, str], folder: str) -> None:
    assert places.state_folder(setting, environ) == Path(folder)


def test_root_keeps_its_state_with_the_systems_and_others_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
    assert places.state_folder("", {}) == Path("/var/lib/probe")
    monkeypatch.setattr(os, "geteuid", lambda: 1000, raising=False)
    assert places.state_folder("", {"HOME": "/home/a"}) == Path("/home/a/.local/state/probe")
