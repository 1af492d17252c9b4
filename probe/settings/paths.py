"""Where settings, state and shipped targets are found.

Sources: XDG Base Directory Specification 0.8; STATE_DIRECTORY in systemd.exec(5).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from probe.errors import SettingsError

PACKAGE_FOLDER = Path(__file__).resolve().parents[1]
"""The folder of the package's own files."""

SYSTEM_SETTINGS = Path("/etc/probe/probe.toml")
SYSTEM_STATE = Path("/var/lib/probe")


def settings_file(environ: Mapping[str, str]) -> Path | None:
    """The settings file to read.

    Returns:
        The file that PROBE_CONFIG names, else the first of the usual files that exists, else None.
    """
    if environ.get("PROBE_CONFIG"):
        return Path(environ["PROBE_CONFIG"])
    for place in (_home(environ, "XDG_CONFIG_HOME", ".config") / "probe.toml", SYSTEM_SETTINGS):
        if place.is_file():
            return place
    return None


def own_settings_file(environ: Mapping[str, str]) -> Path:
    """The settings file that `probe setup` writes, whether it exists or not.

    Returns:
        The file that PROBE_CONFIG names, else the system's for root, else the user's.
    """
    if environ.get("PROBE_CONFIG"):
        return Path(environ["PROBE_CONFIG"])
    if not environ.get("XDG_CONFIG_HOME") and hasattr(os, "geteuid") and os.geteuid() == 0:
        return SYSTEM_SETTINGS
    return _home(environ, "XDG_CONFIG_HOME", ".config") / "probe.toml"


def state_folder(setting: str, environ: Mapping[str, str]) -> Path:
    """The folder of key, enrolment and state: the setting, else systemd's, else the system's for root, else XDG's."""
    if setting:
        return Path(setting)
    if environ.get("STATE_DIRECTORY"):
        return Path(environ["STATE_DIRECTORY"].split(os.pathsep)[0])
    if not environ.get("XDG_STATE_HOME") and hasattr(os, "geteuid") and os.geteuid() == 0:
        return SYSTEM_STATE
    return _home(environ, "XDG_STATE_HOME", ".local/state")


def shipped_folder() -> Path:
    """The folder of shipped targets: `targets/` beside the package in a checkout, inside the package in a wheel.

    Raises:
        SettingsError: the installation has no such folder.
    """
    for place in (PACKAGE_FOLDER / "targets", PACKAGE_FOLDER.parent / "targets"):
        if place.is_dir():
            return place
    raise SettingsError("the shipped targets are missing", where=str(PACKAGE_FOLDER), mend="install the package again")


def _home(environ: Mapping[str, str], variable: str, usual: str) -> Path:
    given = environ.get(variable)
    if given:
        return Path(given) / "probe"
    if sys.platform == "win32" and environ.get("LOCALAPPDATA"):
        return Path(environ["LOCALAPPDATA"]) / "probe"
    return Path(environ.get("HOME") or Path.home()) / usual / "probe"
