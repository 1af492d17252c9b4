"""Modules and functions that are imported at their first use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from probe.lazy import LateFunction, lazy


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module that nothing has imported."""
    (tmp_path / "late_example.py").write_text("VALUE = 7\n\ndef twice(x):\n    return 2 * x\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "late_example", raising=False)
    return "late_example"


def test_a_module_is_imported_at_the_first_use_of_a_name(fresh: str) -> None:
    module = lazy(fresh)
    assert fresh not in sys.modules

    assert module.VALUE == 7  # type: ignore[attr-defined]
    assert fresh in sys.modules


def test_a_module_that_is_imported_already_is_itself() -> None:
    assert lazy("sys") is sys


def test_a_replaced_name_is_seen_through_the_lazy_module(fresh: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests replace names of modules, and whoever uses them lazily must see that."""
    module = lazy(fresh)
    assert module.VALUE == 7  # type: ignore[attr-defined]

    monkeypatch.setattr(sys.modules[fresh], "VALUE", 8)

    assert module.VALUE == 8  # type: ignore[attr-defined]


def test_a_name_that_the_module_lacks_is_an_attribute_error(fresh: str) -> None:
    module = lazy(fresh)
    for _ in range(2):
        with pytest.raises(AttributeError, match=r"late_example.*nothing"):
            module.nothing  # type: ignore[attr-defined]  # noqa: B018


def test_a_function_is_imported_at_its_first_call(fresh: str) -> None:
    function = LateFunction(fresh, "twice")
    assert fresh not in sys.modules

    assert (function(2), function(3)) == (4, 6)


def test_a_process_ends_with_the_status_of_the_command_and_with_all_it_wrote() -> None:
    """`probe` ends its process itself: what waits in buffers is written, and `atexit` functions run."""
    script = (
        "import atexit, sys; atexit.register(lambda: print('last', flush=True));"
        "sys.argv[1:] = ['judge', '/nonexistent/file']; from probe.__main__ import run; print('first'); run()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (2, "first\nlast\n")
    assert done.stderr.startswith("probe: ")
