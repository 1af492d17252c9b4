"""Well-known names by country, as the shipped file `well_known.toml` has them."""

from __future__ import annotations

from functools import cache

from probe.settings.paths import PACKAGE_FOLDER


def names_of(country: str) -> tuple[str, ...]:
    """The well-known names inside a country (ISO 3166), the best first; none for an unknown country."""
    return _names().get(country, ()) if country else ()


@cache
def _names() -> dict[str, tuple[str, ...]]:
    import tomllib  # noqa: PLC0415 - a host whose country is not set needs no name

    text = (PACKAGE_FOLDER / "settings" / "well_known.toml").read_text(encoding="utf-8")
    return {country: tuple(names) for country, names in tomllib.loads(text).items()}
