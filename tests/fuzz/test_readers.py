"""A short run of the fuzzer of readers, with the same inputs every time."""

import pytest

from probe.lists.formats import FORMATS, detect_format
from tests.fuzz.readers import READERS, Reader, fuzz, outcome
from tests.fuzz.seeds import SEEDS


def test_every_reader_has_a_seed_file() -> None:
    """The fuzzer mutates it."""
    missing = [reader.name for reader in READERS if reader.name not in SEEDS]
    assert not missing, f"add a small valid file to tests/fuzz/seeds.py for {', '.join(missing)}"


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_mutated_files_give_sound_items_or_a_list_error(reader: Reader) -> None:
    """No mutation raises another exception, and the size of the pieces does not matter."""
    count, fault = fuzz(reader, 20, seed=2017, at_most=80)
    assert fault == ""
    assert count > 0


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_the_seed_files_are_valid(reader: Reader) -> None:
    """Each is read to its end and gives at least one item."""
    for content in SEEDS[reader.name]:
        seen = outcome(reader, content, 65536)
        assert seen
        assert [item for item in seen if isinstance(item, str)] == []


@pytest.mark.parametrize("name", [known.name for known in FORMATS if known.name != "imported"])
def test_the_format_of_a_seed_file_is_detected(name: str) -> None:
    """By its first bytes, or by its name where those are not enough."""
    file = {"antifilter": "domains.lst", "mmdb": "asn.mmdb"}.get(name, "f")
    assert detect_format(SEEDS[name][0], file).name == name
