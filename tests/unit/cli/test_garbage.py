"""How often garbage is looked for."""

from __future__ import annotations

import gc

from probe.cli.garbage import COLLECTIONS, collect_seldom


def test_garbage_is_looked_for_seldom_but_is() -> None:
    """Never not at all."""
    before = gc.get_threshold()
    try:
        collect_seldom()

        assert gc.get_threshold() == COLLECTIONS
        assert gc.isenabled()
    finally:
        gc.set_threshold(*before)
