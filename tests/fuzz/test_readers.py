"""The fuzzer of readers, for a moment: the same inputs every time."""

import pytest

from probe.lists.registry import FORMATS, Format, sniff
from tests.fuzz.readers import GOOD, fuzz


@pytest.mark.parametrize("known", [known for known in FORMATS if known.name != "mmdb"], ids=lambda known: known.name)
def test_broken_files_give_items_or_a_list_error(known: Format) -> None:
    """Never another exception, whatever the wound and whatever the pieces."""
    count, fault = fuzz(known, 20, seed=2017, at_most=80)
    assert fault == ""
    assert count > 0


@pytest.mark.parametrize("name", GOOD)
def test_the_files_it_begins_with_are_good(name: str) -> None:
    """Each is known for what it is."""
    assert sniff(GOOD[name], "domains.lst" if name == "antifilter" else "f").name == name
