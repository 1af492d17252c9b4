"""What is wrong with a vantage, in sentences."""

from __future__ import annotations

from probe.cli.vantage_notes import SENTENCES, sentences
from probe.model.verdict import VantageNote


def test_every_note_has_its_sentence_and_one_of_a_later_version_stands_for_itself() -> None:
    """In the order given."""
    assert set(SENTENCES) == set(VantageNote)
    assert sentences(("tunnel", "of tomorrow")) == (SENTENCES[VantageNote.TUNNEL], "of tomorrow")
