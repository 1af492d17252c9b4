"""A short run of the fuzzer of readers, with the same inputs every time."""

import pytest

from probe.lists.formats import FORMATS, detect_format
from tests.fuzz.good import GOOD
from tests.fuzz.readers import READERS, Reader, fuzz, outcome


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_broken_files_give_sound_items_or_a_list_error(reader: Reader) -> None:
    """No damage raises another exception, and the size of the pieces changes nothing."""
    count, fault = fuzz(reader, 20, seed=2017, at_most=80)
    assert fault == ""
    assert count > 0


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_the_files_it_begins_with_are_good(reader: Reader) -> None:
    """Each is read to its end, and gives something."""
    for content in GOOD[reader.name]:
        seen = outcome(reader, content, 65536)
        assert seen
        assert [item for item in seen if isinstance(item, str)] == []


@pytest.mark.parametrize("name", [known.name for known in FORMATS if known.name != "imported"])
def test_a_good_file_is_known_for_what_it_is(name: str) -> None:
    """Its format is recognised by its first bytes, or by its name where those say nothing."""
    file = {"antifilter": "domains.lst", "mmdb": "asn.mmdb"}.get(name, "f")
    assert detect_format(GOOD[name][0], file).name == name
