"""OONI's measurements beside the project: those with a known truth are never judged wrongly, the real ones are read."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

from probe.formats.ooni.measurement_header import SetAside
from probe.ooni.reading import OoniReader
from tests import required

MIN_RIGHT = 13
"""Of 25 single measurements; the others need more than one try, and are `unreachable` until then."""
SET_ASIDE = {"backend-test_keys_none"}


def verdict_kind(truth: dict[str, str], status: str, causes: set[str]) -> str:
    """`right`, `accepted`, `quiet` or `wrong`."""
    wanted = set(truth["causes_any_of"].split())
    if status == truth["truth_status"]:
        return "right" if not wanted or causes & wanted else "wrong cause"
    if status in truth["status_also_ok"].split():
        return "accepted"
    return "quiet" if status in ("unreachable", "unknown") else "wrong"


def test_no_generated_measurement_is_judged_wrongly() -> None:
    """The truth is how each was generated: a censor on the path, a broken site, or nothing."""
    folder = required.shared_data("ooni")
    reader = OoniReader()
    kinds: Counter[str] = Counter()
    with (folder / "expected.csv").open(encoding="utf-8", newline="") as file:
        for truth in csv.DictReader(file):
            (found,) = read(reader, folder / "generated" / f"{truth['name']}.json")
            kind = verdict_kind(truth, found[0], found[1])
            assert not kind.startswith("wrong"), (truth["name"], found)
            kinds[kind] += 1

    assert kinds["right"] >= MIN_RIGHT, kinds


def test_the_real_measurements_are_read_or_set_aside_with_a_reason() -> None:
    """None of them stops the reader."""
    folder = required.shared_data("ooni") / "real"
    reader = OoniReader()

    refused = {path.stem for path in sorted(folder.glob("*.json")) if not read(reader, path)}

    assert refused == SET_ASIDE


def read(reader: OoniReader, path: Path) -> list[tuple[str, set[str]]]:
    """Status and causes of each verdict of a file; empty when it is set aside."""
    found = reader.read(path.read_bytes(), path.stem, 1)
    if isinstance(found, SetAside):
        assert str(found)
        return []
    return [(each.verdict.status, set(each.verdict.causes)) for each in found]
