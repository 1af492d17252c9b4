"""Skip a test that needs something this machine lacks, or fail it under CI.

Outside CI a missing tool skips the test with one line that names it. With ``CI=true`` the test fails, because a test
that did not run proves nothing.
"""

from __future__ import annotations

import importlib
import importlib.util
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
    """The full path of a system command; the test is skipped where it is missing."""
    path = shutil.which(name)
    if path is None:
        missing(f"the command {name}")
        raise AssertionError  # never reached: `missing` raises
    return path


def module(name: str) -> Any:
    """A module from the lab's requirements; all tests of the file are skipped where it is missing."""
    return importlib.import_module(name) if os.environ.get("CI") == "true" else pytest.importorskip(name)


def package(name: str) -> None:
    """Skip the calling test unless an optional package is installed."""
    if importlib.util.find_spec(name) is None:
        missing(f"the package {name}")


def root() -> None:
    """Skip the test unless it runs as root on Linux."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        missing("root (network namespaces need it)")


def shared_data(name: str) -> Path:
    """A file or folder of the shared data; the test is skipped where it is missing.

    The data lies beside the project, not in it. Where the whole folder is missing, the test is skipped even under CI.
    """
    path = SHARED_DATA / name
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no folder {SHARED_DATA.parent.name}/{SHARED_DATA.name} beside the project")
    if not path.exists():
        missing(f"shared data {name}")
    return path
