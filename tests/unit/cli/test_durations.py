"""Durations on the command line."""

from __future__ import annotations

from datetime import timedelta

import pytest

from probe.cli.durations import parse_duration
from probe.errors import UsageError


@pytest.mark.parametrize(("text", "length"), [("90s", timedelta(seconds=90)), ("24h", timedelta(days=1))])
def test_a_duration_is_read_with_its_unit(text: str, length: timedelta) -> None:
    """Units are seconds, minutes, hours and days."""
    assert parse_duration(text, "--for") == length


@pytest.mark.parametrize("text", ["", "24", "0h", "1w", "-1h", "1.5h"])
def test_a_duration_of_another_form_is_refused(text: str) -> None:
    """The error names the forms."""
    with pytest.raises(UsageError, match="is no time"):
        parse_duration(text, "--for")
