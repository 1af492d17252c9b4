"""Where the shipped targets lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from probe.errors import SettingsError
from probe.settings import shipped


def test_a_wheel_carries_its_targets_inside_and_a_checkout_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "probe"
    monkeypatch.setattr(shipped, "_PACKAGE", package)
    with pytest.raises(SettingsError, match="shipped targets are missing"):
        shipped.folder()
    (tmp_path / "targets").mkdir()
    assert shipped.folder() == tmp_path / "targets"
    (package / "targets").mkdir(parents=True)
    assert shipped.folder() == package / "targets"
