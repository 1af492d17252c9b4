"""Texts of targets in one block of memory."""

from __future__ import annotations

import sys
import tracemalloc

import pytest

from probe.sweep import target_names
from probe.sweep.target_names import DIGEST_BYTES, TargetNames

KEY = b"k" * 16
TEXTS = ["a.example", "https://b.example/ä?q", "tcp://[2001:db8::1]:443", "пример.example", "c.example"]


def named(*texts: str, key: bytes = KEY) -> TargetNames:
    names = TargetNames(key)
    for text in texts:
        names.add(text)
    return names


def test_a_target_is_found_by_number_text_and_digest() -> None:
    names = named(*TEXTS)

    assert [names[number] for number in range(len(names))] == TEXTS
    assert [names.number_of(text) for text in TEXTS] == [0, 1, 2, 3, 4]
    assert [names.number_by_digest(names.digest(number)) for number in range(5)] == [0, 1, 2, 3, 4]


def test_a_repeated_target_is_added_once() -> None:
    names = named("a.example")

    assert not names.add("a.example")
    assert names.add("b.example")
    assert len(names) == 2


def test_what_is_not_in_the_list_has_no_number() -> None:
    names = named(*TEXTS)

    assert names.number_of("d.example") is None
    assert names.number_by_digest(bytes(DIGEST_BYTES)) is None


def test_the_table_grows_with_the_list() -> None:
    texts = [f"name{number}.example" for number in range(5000)]
    names = named(*texts)

    assert len(names) == 5000
    assert all(names.number_of(text) == number for number, text in enumerate(texts))


def test_a_digest_is_the_same_in_a_later_version_of_the_list() -> None:
    assert named(*TEXTS).digest(4) == named("new.example", *reversed(TEXTS)).digest(1)


def test_nobody_who_lacks_the_key_knows_where_a_text_goes() -> None:
    assert named("a.example").digest(0) != named("a.example", key=b"j" * 16).digest(0)


def test_texts_beyond_the_bound_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target_names, "MAX_TEXT_BYTES", 12)
    names = named("a.example")

    with pytest.raises(OverflowError):
        names.add("b.example")


def test_a_target_takes_few_bytes_beside_its_text() -> None:
    texts = [f"n{number:06}.example" for number in range(20_000)]
    tracemalloc.start()
    names = named(*texts)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()

    assert held < len(names) * (15 + 20)
    assert held < sum(map(sys.getsizeof, texts))
