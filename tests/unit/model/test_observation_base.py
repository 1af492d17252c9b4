"""Every kind of observation has the base's fields, and defaults take no room in evidence."""

from __future__ import annotations

from typing import get_args

import msgspec

from probe.model.observation import Observation
from probe.model.observation_base import ObservationBase, ObservationTraffic
from probe.model.resolution import Resolution
from probe.model.resolver import Trust


def test_every_kind_has_the_common_fields() -> None:
    """Times, position and failure; a kind without traffic of its own counts none."""
    kinds = get_args(Observation)
    assert len(kinds) > 5
    for kind in kinds:
        assert issubclass(kind, ObservationBase)
        assert kind.__struct_config__.omit_defaults
    assert ObservationBase().traffic == ObservationTraffic(0, 0, "")
    assert not ObservationBase().capture_name


def test_defaults_are_left_out_of_the_json() -> None:
    """Evidence has thousands of observations."""
    one = Resolution(name="a.example", rrtype="A", resolver="system", trust=Trust.SYSTEM)
    assert msgspec.to_builtins(one).keys() == {"kind", "name", "rrtype", "resolver", "trust"}
