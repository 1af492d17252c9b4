"""Each country has names of its own, which can be sent as server names."""

from __future__ import annotations

import tomllib
from importlib.resources import files

from probe.model.target import DomainTarget, parse
from probe.settings.well_known import names_of

COUNTRIES = tomllib.loads((files("probe.settings") / "well_known.toml").read_text(encoding="utf-8"))


def test_a_country_has_its_own_names() -> None:
    """An unknown one has none: no name of another country is sent from there."""
    assert "ya.ru" in names_of("RU")
    assert names_of("UA")
    assert not any(name.endswith(".ru") or name == "vk.com" for name in names_of("UA"))
    assert names_of("") == names_of("XX") == ()


def test_every_shipped_name_is_a_host_name_of_one_country() -> None:
    """A name in two lists, or a word that is none, would be sent where it is not ordinary."""
    assert all(len(country) == 2 and country.isupper() for country in COUNTRIES)
    names = [name for names in COUNTRIES.values() for name in names]
    assert len(set(names)) == len(names)
    assert all(parse(name) == DomainTarget(name) for name in names)
