"""What a test needs of the machine, and what happens when it is not there.

Outside CI a missing tool skips the test and says so in one line. With ``CI=true`` the same test fails: a test that did
not run is no evidence.
"""

from __future__ import annotations

import importlib
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
"""Real registers and lists beside the project; some machines have them."""


def missing(what: str) -> None:
    """Skip the calling test because `what` is missing, or fail it under CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing, and CI must run this test", pytrace=False)
    pytest.skip(f"{what} is missing")


def command(name: str) -> str:
    """The full path of a system command, or no test."""
    path = shutil.which(name)
    if path is None:
        missing(f"the command {name}")
        raise AssertionError  # never reached: `missing` raises
    return path


def module(name: str) -> Any:
    """A module that the lab's requirements bring, or none of the tests of the file; under CI it must be there."""
    return importlib.import_module(name) if os.environ.get("CI") == "true" else pytest.importorskip(name)


def root() -> None:
    """Root rights on Linux, or no test."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        missing("root (network namespaces need it)")


def shared_data(name: str) -> Path:
    """A file or folder of the shared data, or no test.

    The data is beside the project, not in it, so its absence skips even under CI unless the folder itself is there.
    """
    path = SHARED_DATA / name
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no folder {SHARED_DATA.parent.name}/{SHARED_DATA.name} beside the project")
    if not path.exists():
        missing(f"shared data {name}")
    return path
