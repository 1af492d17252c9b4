"""Suggestions of network and country, from this host alone."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from probe.cli import place_hints
from probe.cli.place_hints import PlaceHint, suggest_place, zone_country
from probe.errors import ListError
from probe.measure.network_config import ResolverConfig

_FILE = Path(__file__).parents[1] / "lists" / "prefixes" / "mmdb_file.py"
_SPEC = importlib.util.spec_from_file_location("mmdb_file", _FILE)
assert _SPEC is not None
assert _SPEC.loader is not None
mmdb_file = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(mmdb_file)

TABLE = "# tz zone descriptions\nRU\t+5545+03737\tEurope/Moscow\tMSK+00\nKZ\t+4315+07657\tAsia/Almaty\n"


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host behind NAT whose resolver is the provider's."""
    monkeypatch.setattr(place_hints, "own_addresses", lambda: frozenset({"192.168.1.7"}))
    servers = ("udp:192.168.1.1:53", "udp:85.21.192.3:53")
    monkeypatch.setattr(place_hints, "resolver_config", lambda: ResolverConfig(servers))


def database(folder: Path) -> Path:
    record = {"autonomous_system_number": 8402, "autonomous_system_organization": "Corbina", "country": "RU"}
    path = folder / "asn.mmdb"
    path.write_bytes(mmdb_file.made({"85.21.0.0/16": record, "192.168.0.0/16": {"asn": 1}}))
    return path


def test_a_private_address_says_nothing_and_the_providers_resolver_does(host: None, tmp_path: Path) -> None:
    hint = suggest_place(database(tmp_path), {})

    assert hint == PlaceHint(8402, "RU", "the address of your resolver: Corbina", "the address of your resolver")
    assert "85.21" not in str(hint)


def test_the_hosts_own_address_comes_first(host: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place_hints, "own_addresses", lambda: frozenset({"85.21.7.7"}))

    assert suggest_place(database(tmp_path), {}).asn_source == "the address of this computer: Corbina"


def test_without_a_database_the_time_zone_suggests_the_country(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place_hints, "ZONE_TABLES", (tmp_path / "zone.tab",))
    (tmp_path / "zone.tab").write_text(TABLE)

    assert suggest_place(None, {"TZ": ":Asia/Almaty"}) == PlaceHint(
        country="KZ", country_source="the time zone of this computer"
    )
    assert suggest_place(None, {"TZ": "UTC"}) == PlaceHint()


def test_a_zone_without_a_country_or_a_table_gives_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "zone.tab").write_text(TABLE)

    monkeypatch.setattr(place_hints, "ZONE_TABLES", (tmp_path / "none.tab", tmp_path / "zone.tab"))
    assert zone_country("Europe/Moscow") == "RU"
    assert zone_country("Etc/UTC") == ""
    monkeypatch.setattr(place_hints, "ZONE_TABLES", (tmp_path / "none.tab",))
    assert zone_country("Europe/Moscow") == ""


@pytest.mark.parametrize("content", [None, b"text"])
def test_a_file_that_is_no_database_is_one_clear_error(content: bytes | None, host: None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "asn.mmdb").write_bytes(content)

    with pytest.raises(ListError, match=r"asn\.mmdb"):
        suggest_place(tmp_path / "asn.mmdb", {})
