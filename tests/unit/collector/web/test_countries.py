"""Names of countries."""

import pytest

from probe.collector.web.countries import _NAMES, country_name


@pytest.mark.parametrize(("code", "name"), [("RU", "Russia"), ("CI", "Ivory Coast"), ("CD", "Congo (Kinshasa)")])
def test_a_country_is_called_by_its_name(code: str, name: str) -> None:
    """Also where the name has a blank or brackets in it."""
    assert country_name(code) == name


@pytest.mark.parametrize("code", ["", "ZZ", "<b>"])
def test_a_code_nobody_knows_stands_for_itself(code: str) -> None:
    """Agents may send anything."""
    assert country_name(code) == code


def test_every_code_has_two_capitals_and_a_name() -> None:
    """The table is read as it is written."""
    assert len(_NAMES) > 240
    assert all(len(code) == 2 and code.isascii() and code.isupper() and name for code, name in _NAMES.items())
