"""The style sheet's colours can be read: WCAG 2.2 AA, in light and in dark."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import probe.collector.web

STYLE = (Path(probe.collector.web.__file__).parent / "static" / "style.css").read_text()
TINTS = ("page", "card", "head", "reachable-tint", "blocked-tint", "throttled-tint", "down-tint")
PAIRS = [(text, ground) for text in ("ink", "quiet") for ground in TINTS]
PAIRS += [
    (tone, ground)
    for tone in ("reachable", "blocked", "throttled", "down")
    for ground in ("card", "page", f"{tone}-tint")
]
PAIRS += [("link", ground) for ground in ("page", "card", "blocked-tint", "reachable-tint")]
PAIRS += [("throttled", "head"), ("on", "blocked"), ("on", "reachable"), ("on", "throttled")]


def palettes() -> list[dict[str, str]]:
    """The variables of the light and of the dark scheme."""
    found = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    light, dark = (dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6})", text)) for text in found[:2])
    return [light, light | dark]


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    digits = colour[1:] if len(colour) == 7 else "".join(c * 2 for c in colour[1:])
    parts = [int(digits[n : n + 2], 16) / 255 for n in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("palette", palettes(), ids=["light", "dark"])
@pytest.mark.parametrize("pair", PAIRS, ids="-on-".join)
def test_text_has_enough_contrast(pair: tuple[str, str], palette: dict[str, str]) -> None:
    """At least 4.5 to 1 (success criterion 1.4.3)."""
    bright, dim = sorted((luminance(palette[pair[0]]), luminance(palette[pair[1]])), reverse=True)

    assert (bright + 0.05) / (dim + 0.05) >= 4.5


def test_nothing_is_loaded_from_other_hosts() -> None:
    """No fonts, no pictures, no imports."""
    assert not re.search(r"@import|url\(", STYLE)
