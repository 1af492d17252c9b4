"""ASes and services become range targets."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from probe.agent.as_ranges import load_prefix_table, parse_asn_and_port, ranges_of
from probe.errors import ListError, SettingsError
from probe.lists.catalogue import load
from probe.settings import paths

SERVICES = load({str(path): path.read_bytes() for path in sorted((paths.shipped_folder() / "services").glob("*.toml"))})
IPVERSE = b'{"asn": 45090, "metadata": {}, "prefixes": {"ipv4": ["1.12.0.0/20", "119.29.0.0/16"], "ipv6": []}}'
IMPORTED = b"url,category_code,category_description,date_added,source,notes,service\n119.29.29.0/24,,,,x,AS132203,\n"


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """A gzip file with a table of prefixes, and a list file."""
    (tmp_path / "AS45090.json.gz").write_bytes(gzip.compress(IPVERSE))
    (tmp_path / "tencent-overseas.csv").write_bytes(IMPORTED)
    return sorted(tmp_path.iterdir())


def test_an_as_becomes_its_prefixes_on_the_named_port(files: list[Path]) -> None:
    """The port is 443 where none is named."""
    table = load_prefix_table(files)

    assert list(ranges_of(["AS45090:8080", "as132203"], table, SERVICES)) == [
        ("1.12.0.0/20:8080", ""),
        ("119.29.0.0/16:8080", ""),
        ("119.29.29.0/24", ""),
    ]


def test_a_service_becomes_the_prefixes_of_its_ases_on_each_of_its_tcp_ports(files: list[Path]) -> None:
    """WeChat has three TCP ports: short link, web, long link."""
    found = list(ranges_of(["wechat"], load_prefix_table(files), SERVICES))

    assert len(found) == 9
    assert {service for _, service in found} == {"wechat"}
    assert [text for text, _ in found if text.startswith("119.29.29")] == [
        "119.29.29.0/24:80",
        "119.29.29.0/24",
        "119.29.29.0/24:8080",
    ]


@pytest.mark.parametrize("text", ["AS", "132203", "AS0", "AS1:0", "AS1:65536", "AS4294967296", "nobody"])
def test_a_name_that_is_neither_an_as_nor_a_service_is_refused_in_one_line(text: str, files: list[Path]) -> None:
    """The error names the settings file."""
    with pytest.raises(SettingsError, match=r"^p\.toml: .* is neither an AS nor a service \(write AS132203"):
        list(ranges_of([text], load_prefix_table(files), SERVICES, "p.toml"))
    with pytest.raises(SettingsError):
        parse_asn_and_port(text)


def test_an_as_without_prefixes_is_an_error(files: list[Path]) -> None:
    """Without the error the operator would believe that the AS is watched."""
    with pytest.raises(SettingsError, match=r"no prefix of AS3 \(fetch or import"):
        list(ranges_of(["AS3"], load_prefix_table(files), SERVICES))


def test_a_table_that_ends_within_a_row_is_refused(tmp_path: Path) -> None:
    """The prefixes that are missing would count as somebody else's."""
    (tmp_path / "t.txt").write_text("192.0.2.0\t24\t64500\n198.51.100.0\t24\t64501\n203.0.1")
    with pytest.raises(ListError, match=r"t\.txt:3: ends within a line"):
        load_prefix_table([tmp_path / "t.txt"])


def test_a_file_without_prefixes_is_named(tmp_path: Path) -> None:
    """The file is missing, or it is a list of sites."""
    with pytest.raises(ListError, match=r"none\.json: cannot be read"):
        load_prefix_table([tmp_path / "none.json"])
    sites = tmp_path / "sites.csv"
    sites.write_text("url,notes\nhttps://a.example/,\n")
    with pytest.raises(ListError, match=r"sites\.csv: holds no prefixes"):
        load_prefix_table([sites])
