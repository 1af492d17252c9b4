"""The names that pages show for countries and services."""

import pytest

from probe.collector.web.display_names import _NAMES, catalogue_services, country_name, service_title
from probe.errors import SettingsError


@pytest.mark.parametrize(("code", "name"), [("RU", "Russia"), ("CI", "Ivory Coast"), ("CD", "Congo (Kinshasa)")])
def test_a_country_is_called_by_its_name(code: str, name: str) -> None:
    """Also where the name has blanks or brackets."""
    assert country_name(code) == name


@pytest.mark.parametrize("code", ["", "ZZ", "<b>"])
def test_an_unknown_code_is_shown_as_it_is(code: str) -> None:
    """Agents may send any code."""
    assert country_name(code) == code


def test_every_code_has_two_capitals_and_a_name() -> None:
    """No entry of the table is malformed."""
    assert len(_NAMES) > 240
    assert all(len(code) == 2 and code.isascii() and code.isupper() and name for code, name in _NAMES.items())


def test_a_service_of_the_catalogue_has_its_title() -> None:
    """Any other name is shown as it is."""
    assert service_title("blackberry-messenger") == "BlackBerry Messenger"
    assert service_title("https://a.example/") == "https://a.example/"


def test_without_a_catalogue_names_are_shown_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """A collector still serves its pages."""

    def missing() -> None:
        raise SettingsError("the shipped data is missing")

    monkeypatch.setattr("probe.collector.web.display_names.paths.shipped_folder", missing)
    catalogue_services.cache_clear()
    try:
        assert service_title("wechat") == "wechat"
    finally:
        catalogue_services.cache_clear()
