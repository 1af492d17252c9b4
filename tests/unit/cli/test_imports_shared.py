"""Every register, table of prefixes and test list through `probe targets import`: a row comes out or is counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.imports import ALL, imported, table
from tests import required

FOLDERS = ("register", "prefixes", "test-lists")
FILES = [
    path
    for name in FOLDERS
    if required.SHARED_DATA.is_dir()
    for path in sorted((required.SHARED_DATA / name).iterdir())
]
NO_LISTS = {
    "churn-2014-2015.csv": "none of its 295 rows",
    "messengers-listed-2019-09.json": "none of its 1 rows",
    "update-times-2017.csv": "none of its 1044 rows",
    "00-LEGEND-new_category_codes.csv": "none of its 32 rows",
}
"""Tables about registers and lists: no row of them is an entry, and the command says so."""
pytestmark = pytest.mark.shared_data


@pytest.mark.parametrize("options", [(), tuple(ALL)], ids=["default", "all"])
@pytest.mark.parametrize("file", [file for file in FILES if file.name not in NO_LISTS], ids=lambda file: file.name)
def test_every_row_is_kept_or_counted_as_set_aside(file: Path, options: tuple[str, ...]) -> None:
    """The list has as many lines as the command printed."""
    required.shared_data("README.md")
    one = imported(file, options)

    assert one.refusal == ""
    assert one.rows == one.kept + sum(one.aside.values())
    assert one.written == one.targets >= one.kept > 0
    if options:
        assert not any("type" in reason or "category" in reason for reason in one.aside)


@pytest.mark.parametrize("file", [file for file in FILES if file.name in NO_LISTS], ids=lambda file: file.name)
def test_a_file_without_a_list_is_refused_whole(file: Path) -> None:
    """The error has its number of rows, and none of the rows."""
    assert NO_LISTS[file.name] in imported(file).refusal


@pytest.mark.parametrize(
    ("name", "rows", "targets"),
    [
        ("register/dump-sample.xml", 56, 21),
        ("register/zi-sample.csv", 219, 31),
        ("register/zi-2017-05-05-reconstructed.csv", 217, 68),
        ("prefixes/delegated-apnic-extended-tencent.txt", 95, 86),
        ("prefixes/ip2asn-sample.tsv", 12, 11),
        ("prefixes/ripestat-announced-prefixes-AS132203.json", 141, 141),
        ("test-lists/ru.csv", 1093, 1065),
        ("test-lists/cn.csv", 594, 572),
        ("test-lists/cis.csv", 339, 314),
        ("test-lists/global.csv", 1721, 1627),
    ],
)
def test_a_file_gives_its_known_number_of_targets(name: str, rows: int, targets: int) -> None:
    """By default: types 4 and 6 and known services of a register, no sensitive category, no unassigned space."""
    one = imported(required.shared_data(name))
    assert (one.rows, one.targets) == (rows, targets)


def test_the_table_has_one_line_for_each_file() -> None:
    """It shows no entry of any file."""
    printed = list(table([required.shared_data("test-lists")]))
    assert len(printed) == 2 + len(list(required.shared_data("test-lists").iterdir()))
    assert not any("://" in line for line in printed)
