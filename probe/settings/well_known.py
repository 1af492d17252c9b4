"""Well-known names by country, as the shipped file `well_known.toml` has them."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files


def names_of(country: str) -> tuple[str, ...]:
    """The well-known names inside a country (ISO 3166), the best first; none for an unknown country."""
    return _names().get(country, ())


@cache
def _names() -> dict[str, tuple[str, ...]]:
    text = (files("probe.settings") / "well_known.toml").read_text(encoding="utf-8")
    return {country: tuple(names) for country, names in tomllib.loads(text).items()}
