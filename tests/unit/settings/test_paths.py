"""Where settings, state and shipped targets are found."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from probe.errors import SettingsError
from probe.settings import paths


def test_a_named_file_is_used_whether_or_not_it_exists() -> None:
    assert paths.settings_file({"PROBE_CONFIG": "/x.toml"}) == Path("/x.toml")


def test_the_users_file_takes_precedence_over_the_systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system = tmp_path / "etc.toml"
    system.touch()
    monkeypatch.setattr(paths, "SYSTEM_SETTINGS", system)
    users = tmp_path / "probe" / "probe.toml"

    assert paths.settings_file({"XDG_CONFIG_HOME": str(tmp_path)}) == system
    users.parent.mkdir()
    users.touch()
    assert paths.settings_file({"XDG_CONFIG_HOME": str(tmp_path)}) == users


def test_without_any_file_there_is_no_settings_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "SYSTEM_SETTINGS", tmp_path / "none.toml")

    assert paths.settings_file({"HOME": str(tmp_path)}) is None


@pytest.mark.parametrize(
    ("setting", "environ", "folder"),
    [
        ("/s", {"STATE_DIRECTORY": "/d", "XDG_STATE_HOME": "/x"}, "/s"),
        ("", {"STATE_DIRECTORY": f"/d{os.pathsep}/e", "XDG_STATE_HOME": "/x"}, "/d"),
        ("", {"XDG_STATE_HOME": "/x"}, "/x/probe"),
    ],
)
def test_the_state_folder_is_the_settings_else_systemds_else_xdgs(
    setting: str, environ: dict[str, str], folder: str
) -> None:
    assert paths.state_folder(setting, environ) == Path(folder)


def test_the_state_of_root_is_the_systems_and_that_of_others_is_in_the_home_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
    assert paths.state_folder("", {}) == Path("/var/lib/probe")
    monkeypatch.setattr(os, "geteuid", lambda: 1000, raising=False)
    assert paths.state_folder("", {"HOME": "/home/a"}) == Path("/home/a/.local/state/probe")


def test_the_shipped_targets_are_inside_a_wheel_and_beside_the_package_in_a_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "probe"
    monkeypatch.setattr(paths, "PACKAGE_FOLDER", package)
    with pytest.raises(SettingsError, match="shipped targets are missing"):
        paths.shipped_folder()
    (tmp_path / "targets").mkdir()
    assert paths.shipped_folder() == tmp_path / "targets"
    (package / "targets").mkdir(parents=True)
    assert paths.shipped_folder() == package / "targets"
