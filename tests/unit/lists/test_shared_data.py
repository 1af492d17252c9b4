"""Real registers, prefixes and lists are read without loss, and each skipped row is counted."""

import csv
import json
from collections import Counter
from pathlib import Path

import pytest

from probe.lists.catalogue import load
from probe.lists.formats import HEAD_BYTES, Item, detect_format
from probe.lists.lines import BadRow, ListEntry
from probe.lists.prefixes.prefix import AsBlock, Prefix
from probe.lists.register_diff import ChangeKind, diff_snapshots, take_snapshot
from probe.lists.registers import dump_xml, zi_csv
from probe.lists.registers.register_entry import RegisterEntry, SnapshotTime
from probe.lists.selection import SENSITIVE, Selection
from probe.lists.service import ServiceIndex
from probe.model.target import parse
from tests import required

ROOT = Path(__file__).parents[3]
DATA = required.SHARED_DATA
pytestmark = pytest.mark.shared_data
OWNERS = ServiceIndex(load({path.name: path.read_bytes() for path in (ROOT / "targets" / "services").glob("*.toml")}))


@pytest.fixture(autouse=True)
def data() -> None:
    """Skip the tests where the folder of shared data is absent."""
    required.shared_data("README.md")


def read(path: str) -> tuple[str, list[Item]]:
    """The detected format of a file and all its items."""
    content = (DATA / path).read_bytes()
    known = detect_format(content[:HEAD_BYTES], path)
    return known.name, list(known.read((content[at : at + 1000] for at in range(0, len(content), 1000)), path))


@pytest.mark.parametrize(
    ("path", "known", "records", "skipped"),
    [
        ("register/dump-sample.xml", "dump-xml", 56, 0),
        ("register/zi-sample.csv", "zi-csv", 218, 1),
        ("register/zi-2017-04-12-reconstructed.csv", "zi-csv", 89, 0),
        ("register/zi-2017-05-03-reconstructed.csv", "zi-csv", 194, 0),
        ("register/zi-2017-05-05-reconstructed.csv", "zi-csv", 217, 0),
        ("register/zi-2017-05-11-reconstructed.csv", "zi-csv", 194, 0),
        ("prefixes/bgptools-table-sample.jsonl", "bgptools", 14, 0),
        ("prefixes/delegated-apnic-tencent.txt", "delegated", 92, 0),
        ("prefixes/delegated-apnic-extended-tencent.txt", "delegated", 95, 0),
        ("prefixes/ip2asn-sample.tsv", "ip2asn", 12, 0),
        ("prefixes/ipverse-AS132203-ipv4-aggregated.txt", "prefix-list", 125, 0),
        ("prefixes/ipverse-AS133478-new-shape.json", "ipverse", 5, 0),
        ("prefixes/ipverse-AS45090-old-shape.json", "ipverse", 81, 0),
        ("prefixes/pfx2as-sample.txt", "pfx2as", 13, 0),
        ("prefixes/ripestat-announced-prefixes-AS132203.json", "ripestat", 141, 0),
        ("prefixes/ripestat-announced-prefixes-AS45090.json", "ripestat", 81, 0),
        ("test-lists/ru.csv", "testlist", 1093, 0),
        ("test-lists/cn.csv", "testlist", 594, 0),
        ("test-lists/global.csv", "testlist", 1721, 0),
        ("test-lists/cis.csv", "testlist", 339, 0),
    ],
)
def test_every_file_is_detected_and_read_whole(path: str, known: str, records: int, skipped: int) -> None:
    """Each row is an item or a bad row."""
    name, items = read(path)
    kinds = Counter(type(item) for item in items)
    assert name == known
    assert kinds[RegisterEntry] + kinds[Prefix] + kinds[AsBlock] + kinds[ListEntry] == records
    assert kinds[BadRow] == skipped
    assert sum(item.unreadable for item in items if isinstance(item, RegisterEntry)) == 0


@pytest.mark.parametrize("path", ["register/churn-2014-2015.csv", "register/update-times-2017.csv"])
def test_each_row_of_a_file_that_is_no_list_is_a_bad_row(path: str) -> None:
    """Tables of counts and times lie beside the registers; none of their rows becomes a target."""
    _, items = read(path)
    assert items
    assert all(isinstance(item, BadRow) for item in items)


class TestDump:
    """The sample of the official dump, 2015 to 2024."""

    items = [] if not DATA.is_dir() else list(dump_xml.read([(DATA / "register/dump-sample.xml").read_bytes()], "d"))

    def test_no_field_has_the_path_of_a_url(self) -> None:
        """The host name of the same URL is kept."""
        kept = repr(self.items)
        assert "kinozi.bond" in kept
        assert "/cinema/" not in kept
        assert "://" not in kept

    def test_every_address_and_url_in_the_file_is_counted(self) -> None:
        """The counts are compared with a search of the text."""
        text = (DATA / "register/dump-sample.xml").read_text("cp1251")
        records = [item for item in self.items if isinstance(item, RegisterEntry)]
        written = sum(
            text.count(f"<{tag}>") + text.count(f"<{tag} ") for tag in ("ip", "ipSubnet", "ipv6", "ipv6Subnet")
        )
        assert sum(len(r.addresses) + len(r.networks) for r in records) == written
        assert sum(r.urls for r in records) == text.count("<url>") + text.count("<url ")

    def test_the_default_keeps_types_4_and_6_and_known_services(self) -> None:
        """The sample has entries of both types."""
        kept = [r for r in self.items if isinstance(r, RegisterEntry) and Selection(owners=OWNERS).of_record(r) is None]
        assert {r.entry_type for r in kept} == {4, 6}


class TestMirror:
    """The mirror's sample."""

    def test_prose_in_line_2_is_a_bad_row(self) -> None:
        """A copy of the register from 2014 has such a line."""
        items = list(zi_csv.read([(DATA / "register/zi-sample.csv").read_bytes()], "z"))
        assert isinstance(items[0], SnapshotTime)
        assert isinstance(items[1], BadRow)
        assert items[1].line == 2


class TestHistory:
    """Four snapshots of spring 2017."""

    def taken(self, day: str) -> object:
        """A snapshot, with the synthetic decision that stands for WeChat's."""
        content = (DATA / f"register/zi-2017-{day}-reconstructed.csv").read_bytes()
        return take_snapshot(zi_csv.read([content], day), Selection(owners=OWNERS, decisions=("SYNTHETIC-WECHAT",)))

    @pytest.mark.parametrize(
        ("old", "new", "expected"),
        [
            ("04-12", "05-03", {("line", ChangeKind.LISTED): 64, ("blackberry-messenger", ChangeKind.LISTED): 40,
                                ("vchat", ChangeKind.LISTED): 1}),
            ("05-03", "05-05", {("wechat", ChangeKind.LISTED): 23}),
            ("05-05", "05-11", {("wechat", ChangeKind.DELISTED): 23}),
        ],
    )  # fmt: skip
    def test_each_service_is_listed_and_delisted_between_the_right_snapshots(
        self, old: str, new: str, expected: dict[tuple[str, ChangeKind], int]
    ) -> None:
        """No change is missing and none is invented."""
        found = diff_snapshots(self.taken(old), self.taken(new), OWNERS)  # type: ignore[arg-type]
        assert Counter((change.service, change.kind) for change in found) == expected

    def test_the_names_listed_in_2019_belong_to_their_services(self) -> None:
        """The others are names of hosters and of third parties in Zello's decision."""
        listed = json.loads((DATA / "register/messengers-listed-2019-09.json").read_text())["services"]
        strange = {s["service"]: sum(not OWNERS.owner_of(host) for host in s.get("domains", ())) for s in listed}
        assert strange == {
            "Zello": 21, "LINE": 1, "Vchat": 0, "BlackBerry Messenger": 0, "Telegram": 0, "LinkedIn": 0,
        }  # fmt: skip


class TestPrefixes:
    """Two sources about one AS."""

    def test_ripestat_and_ipverse_agree_about_one_as(self) -> None:
        """Both were made from the same announcements."""
        stat = {item.network for item in read("prefixes/ripestat-announced-prefixes-AS45090.json")[1]
                if isinstance(item, Prefix)}  # fmt: skip
        verse = {
            item.network for item in read("prefixes/ipverse-AS45090-old-shape.json")[1] if isinstance(item, Prefix)
        }
        assert stat == verse

    def test_a_count_that_is_no_power_of_two_becomes_several_prefixes(self) -> None:
        """One line has 768 free addresses, which are two prefixes."""
        lines = Counter(item.line for item in read("prefixes/delegated-apnic-extended-tencent.txt")[1])
        assert max(lines.values()) == 2


class TestTestLists:
    """The Citizen Lab test lists."""

    @pytest.mark.parametrize("name", ["ru", "cn", "global", "cis"])
    def test_every_row_is_a_target_of_the_contract(self, name: str) -> None:
        """Each entry has the category of its row."""
        rows = list(csv.DictReader((DATA / f"test-lists/{name}.csv").read_text("utf-8").splitlines()))
        entries = [item for item in read(f"test-lists/{name}.csv")[1] if isinstance(item, ListEntry)]
        assert [(e.target, e.category) for e in entries] == [(r["url"], r["category_code"]) for r in rows]
        assert all(parse(entry.target) for entry in entries)

    def test_the_sensitive_categories_are_in_their_legend(self) -> None:
        """A misspelt category code would protect nobody."""
        legend = (DATA / "test-lists/00-LEGEND-new_category_codes.csv").read_text("utf-8")
        rows = csv.DictReader(legend.splitlines())
        assert {row["New Code"] for row in rows} >= SENSITIVE
