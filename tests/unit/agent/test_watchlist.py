"""The targets that the settings choose."""

from __future__ import annotations

import io
from pathlib import Path

import msgspec
import pytest

from probe.agent import watchlist
from probe.errors import ListError, SettingsError
from probe.lists.lines import BadRow
from probe.settings import Settings, load

BASE = load(None, {"XDG_CONFIG_HOME": "/nonexistent"})


def chosen(**options: object) -> Settings:
    return msgspec.structs.replace(BASE, targets=msgspec.structs.replace(BASE.targets, **options))


def test_the_default_set_is_some_of_the_shipped_services_and_all_is_more() -> None:
    some = watchlist.load(chosen(services=("default",)))
    every = watchlist.load(chosen(services=("*",)))

    assert "wechat" in some.services.values()
    assert set(some.targets) < set(every.targets)


def test_services_are_chosen_by_name_and_own_their_targets() -> None:
    found = watchlist.load(chosen(services=("line",)))

    assert found.targets
    assert set(found.services.values()) == {"line"}


def test_a_service_sets_the_sample_size_of_its_ranges(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "services"
    folder.mkdir()
    (folder / "line.toml").write_text(
        'name = "line"\ntitle = "LINE"\noperator = "x"\nrole = "watched"\ncategory = "COMT"\nrisk = "ordinary"\n'
        'default = true\nranges = ["203.104.144.0/21"]\nsample = 32\n'
        '[[source]]\nfact = "ranges"\norigin = "a register"\nchecked = 2026-10-01\n'
    )
    monkeypatch.setattr("probe.settings.paths.shipped_folder", lambda: tmp_path)

    assert watchlist.load(chosen(services=("line",))).samples == {"203.104.144.0/21": 32}


def test_a_watchlist_without_services_needs_no_shipped_files(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Path:
        raise SettingsError("the shipped targets are missing")

    monkeypatch.setattr("probe.settings.paths.shipped_folder", missing)

    assert watchlist.load(chosen(services=())).targets == ()


def test_an_unknown_service_is_one_line() -> None:
    with pytest.raises(SettingsError, match="unknown service 'wechatt' \\(see `probe targets list`\\)"):
        watchlist.load(chosen(services=("wechatt",)))


def test_lists_add_targets_to_the_services_without_duplicates_and_without_excluded_ones(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("url,category_code,service\na.example,NEWS,paper\nb.example,NEWS,\na.example,NEWS,\n")

    found = watchlist.load(chosen(services=(), files=(str(path), str(path)), exclude=("b.example",)))

    assert [text for text, _ in found.targets] == ["a.example"]
    assert found.services == {"a.example": "paper"}


def test_bad_lines_of_a_list_are_logged_and_do_not_stop_the_agent(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "own.txt"
    path.write_text("a.example\n\nftp://b.example\n" + "b b\n" * 30)

    found = watchlist.load(chosen(services=(), files=(str(path),)))

    assert [text for text, _ in found.targets] == ["a.example"]
    assert caplog.messages[0].startswith(f"{path}:3: skipped: 'ftp://b.example' has the unknown scheme")
    assert len(caplog.messages) == 21
    assert caplog.messages[-1] == f"{path}: 11 more bad lines were skipped"


def test_a_list_of_bad_lines_only_is_an_error_with_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "own.txt"
    path.write_text("\nftp://b.example\nb b\n")

    with pytest.raises(ListError, match=r"own\.txt:2: .*ftp.*, and 1 more bad lines"):
        watchlist.load(chosen(services=(), files=(str(path),)))


def test_a_line_that_is_not_utf_8_is_a_bad_row() -> None:
    entries, bad = watchlist.parse_list(io.BytesIO(b"a.example\n\xe4.example\nb.example\n"), "l.csv")

    assert [entry.target for entry in entries] == ["a.example", "b.example"]
    assert bad == (BadRow(2, "not UTF-8; save the list as UTF-8"),)


def test_a_byte_order_mark_and_windows_line_ends_are_read() -> None:
    entries, bad = watchlist.parse_list(io.BytesIO(b"\xef\xbb\xbfurl\r\na.example\r\n"), "l.csv")

    assert [entry.target for entry in entries] == ["a.example"]
    assert bad == ()


def test_a_missing_list_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ListError, match=r"none\.csv: cannot be read: No such file"):
        watchlist.load(chosen(services=(), files=(str(tmp_path / "none.csv"),)))
