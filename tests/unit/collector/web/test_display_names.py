"""The names that pages show for countries and services."""

import pytest

from probe.collector.web.display_names import _NAMES, catalogue_services, country_name, service_title
from probe.errors import SettingsError


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


def test_a_service_of_the_catalogue_has_its_title() -> None:
    """Another keeps its own name."""
    assert service_title("blackberry-messenger") == "BlackBerry Messenger"
    assert service_title("https://a.example/") == "https://a.example/"


def test_without_a_catalogue_names_stand_for_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    """A collector serves all the same."""

    def missing() -> None:
        raise SettingsError("the shipped data is missing")

    monkeypatch.setattr("probe.collector.web.display_names.paths.shipped_folder", missing)
    catalogue_services.cache_clear()
    try:
        assert service_title("wechat") == "wechat"
    finally:
        catalogue_services.cache_clear()
