"""Causes in words."""

from __future__ import annotations

from probe.cli.cause_words import CAUSE_WORDS, cause_words, causes_in_words
from probe.model.verdict import Cause


def test_every_cause_has_words_and_no_other_has() -> None:
    assert set(CAUSE_WORDS) == set(Cause)


def test_words_stand_beside_the_code_so_that_it_can_be_searched_for() -> None:
    assert cause_words("tls.sni") == "tls.sni: the connection works under another server name"


def test_a_cause_of_a_newer_version_is_shown_as_it_is() -> None:
    assert causes_in_words(["new.cause", "tcp.timeout"]) == "new.cause, tcp.timeout: the address does not answer"
