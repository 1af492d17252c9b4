"""Causes in words."""

from __future__ import annotations

from probe.cli.verdict_words import (
    CAUSE_WORDS,
    cause_words,
    causes_in_words,
    no_control_hint,
    pace_words,
    status_words,
)
from probe.model.verdict import Cause, Status


def test_every_cause_has_words_and_no_other_has() -> None:
    assert set(CAUSE_WORDS) == set(Cause)


def test_words_stand_beside_the_code_so_that_it_can_be_searched_for() -> None:
    assert cause_words("tls.sni") == "tls.sni: the connection works under another server name"


def test_a_cause_of_a_newer_version_is_shown_as_it_is() -> None:
    assert causes_in_words(["new.cause", "tcp.timeout"]) == "new.cause, tcp.timeout: the address does not answer"


def test_every_status_has_words() -> None:
    assert all(map(status_words, Status))


def test_nothing_is_said_of_the_pace_while_nothing_waits() -> None:
    assert (pace_words(0), pace_words(3)) == ("", "3 wait for the pace limit")


def test_the_hint_names_the_option() -> None:
    assert "give --control FILE" in no_control_hint()
