"""A look asks a part of the anchors."""

from __future__ import annotations

import pytest

from probe.model.anchor_parts import usual_part
from probe.model.verdict import AnchorKind


@pytest.mark.parametrize(
    ("given", "part"),
    [
        (["s0", "s1", "s2"], ["s0", "s1", "s2"]),
        (["s0", "c0", "c1", "c2"], ["s0", "c2", "c0"]),
        (["s0", "s1", "s2", "s3"], ["s3", "s0", "s1"]),
        (["c0", "c1", "c2", "c3"], ["c3", "c0", "c1"]),
        (["s0", "c0", "c1", "d0", "d1"], ["s0", "c0", "c1"]),
        (["d0", "d1", "d2", "d3"], ["d3", "d0", "d1"]),
    ],
)
def test_a_part_has_anchors_of_both_schemes_where_both_are_given(given: list[str], part: list[str]) -> None:
    """Domestic ones only where there are no others."""

    def anchor(name: str) -> tuple[str, AnchorKind]:
        kind = AnchorKind.DOMESTIC if name[0] == "d" else AnchorKind.FOREIGN
        return (f"http://{name}/" if name[0] == "c" else f"https://{name}/"), kind

    assert usual_part([anchor(name) for name in given], 1) == [anchor(name) for name in part]


def test_every_anchor_has_its_turn() -> None:
    """Of two over https and five in clear text each is asked in three looks that follow each other."""
    anchors = [(f"https://s{n}/", AnchorKind.FOREIGN) for n in range(2)]
    anchors += [(f"http://c{n}/", AnchorKind.FOREIGN) for n in range(5)]
    for first in range(10):
        asked = {anchor for turn in range(first, first + 3) for anchor in usual_part(anchors, turn)}
        assert asked == set(anchors)
