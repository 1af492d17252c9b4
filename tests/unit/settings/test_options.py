"""Every setting describes its valid values."""

from __future__ import annotations

import msgspec
import pytest

from probe.settings.options import SECTIONS


@pytest.mark.parametrize("section", SECTIONS.values(), ids=list(SECTIONS))
def test_every_option_describes_its_valid_values(section: type[msgspec.Struct]) -> None:
    """The description completes the error message about a bad value."""
    for field in msgspec.structs.fields(section):
        assert getattr(field.type.__metadata__[-1], "description", ""), field.name
