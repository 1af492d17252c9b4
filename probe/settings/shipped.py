"""Where the shipped data lies: `targets/` beside the package in a checkout, inside it in an installed wheel."""

from __future__ import annotations

from pathlib import Path

from probe.errors import SettingsError

_PACKAGE = Path(__file__).resolve().parents[1]


def folder() -> Path:
    """The folder of shipped targets.

    Raises:
        SettingsError: the installation lacks it.
    """
    for place in (_PACKAGE / "targets", _PACKAGE.parent / "targets"):
        if place.is_dir():
            return place
    raise SettingsError("the shipped targets are missing", where=str(_PACKAGE), mend="install the package again")
