from __future__ import annotations

from pathlib import Path

import pytest

from probe.detect.document_tables import SECTIONS, diagram, filled
from probe.detect.failure_classes import FailureClass
from probe.detect.hypotheses import REGIMES
from probe.errors import ProbeError

PAGE = Path(__file__).parents[3] / "docs" / "detector.md"


def test_the_document_shows_the_tables_that_run() -> None:
    """`python -m benchmarks.detect.document` regenerates them."""
    page = PAGE.read_text(encoding="utf-8")

    assert filled(page) == page


def test_the_diagram_shows_every_state_change() -> None:
    """It has three states, eight changes and the initial one."""
    assert diagram().count("-->") == 9


def test_every_class_and_regime_has_its_row() -> None:
    """Each is in the table of its name."""
    assert SECTIONS["marks"]().count("\n") == len(FailureClass) + 1
    assert SECTIONS["regimes"]().count("\n") == len(REGIMES) + 1
    assert "| `proven` |" in SECTIONS["regimes"]()


def test_a_document_without_a_part_says_which() -> None:
    """The error is one clear line."""
    with pytest.raises(ProbeError, match="marks"):
        filled("# nothing here\n")
