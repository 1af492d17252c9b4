"""What people call a service."""

import pytest

from probe.collector.web.titles import called, services
from probe.errors import SettingsError


def test_a_service_of_the_catalogue_has_its_title() -> None:
    """Another keeps its own name."""
    assert called("blackberry-messenger") == "BlackBerry Messenger"
    assert called("https://a.example/") == "https://a.example/"


def test_without_a_catalogue_names_stand_for_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    """A collector serves all the same."""

    def missing() -> None:
        raise SettingsError("the shipped data is missing")

    monkeypatch.setattr("probe.collector.web.titles.paths.shipped_folder", missing)
    services.cache_clear()
    try:
        assert called("wechat") == "wechat"
    finally:
        services.cache_clear()
