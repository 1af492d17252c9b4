"""Every setting says what to write."""

from __future__ import annotations

import msgspec
import pytest

from probe.settings.options import SECTIONS


@pytest.mark.parametrize("section", SECTIONS.values(), ids=list(SECTIONS))
def test_every_option_says_what_to_write(section: type[msgspec.Struct]) -> None:
    """The description is what a person with a bad value is told."""
    for field in msgspec.structs.fields(section):
        assert getattr(field.type.__metadata__[-1], "description", ""), field.name
