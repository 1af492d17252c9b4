"""What is written: differences, and the settings that a text stands for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from probe.cli.setup_apply import SettingsPlan, SetupAnswers, changes, differences, followed, read_text, settings_of
from probe.errors import SettingsError, UsageError
from probe.settings import load_file

ANSWERS = SetupAnswers(
    asn=1, country="RU", services=("line",), collector="https://c.example", token="", token_file="", state=None,
    metered=False, start="nothing",
)  # fmt: skip


def test_a_difference_is_one_line_with_the_old_value() -> None:
    old = "[agent]\nconsent = false\ninterval = 600\n[network]\nasn = 1\n"
    new = '[agent]\nconsent = true\ninterval = 600\n[targets]\nservices = ["line"]\n'

    assert list(differences(old, new)) == [
        "agent.consent = true  (was false)",
        'targets.services = ["line"]',
        "network.asn: -  (was 1)",
    ]
    assert not list(differences(old, old))


def test_only_a_file_that_is_there_and_changes_is_replaced() -> None:
    path = Path("probe.toml")

    assert SettingsPlan(path, "a = 1", "a = 2").replaces
    assert not SettingsPlan(path, "a = 1", "a = 1").replaces
    assert not SettingsPlan(path, "", "a = 2").replaces


def test_further_addresses_of_the_same_collector_stay() -> None:
    known = ["https://c.example/", "https://second.example"]
    same = load_file(None, {}, {"agent.collectors": known})
    other = load_file(None, {}, {"agent.collectors": ["https://old.example"]})

    assert changes(same, ANSWERS)["agent", "collectors"] == tuple(known)
    assert changes(other, ANSWERS)["agent", "collectors"] == ("https://c.example",)
    assert changes(same, ANSWERS._replace(collector=""))["agent", "collectors"] == ()


def test_state_and_token_file_are_written_only_where_they_are_given() -> None:
    found = changes(load_file(None, {}), ANSWERS)
    more = changes(load_file(None, {}), ANSWERS._replace(state="/s", token_file="/t"))

    assert set(more) - set(found) == {("agent", "state"), ("agent", "token_file")}


def test_a_metered_line_gets_the_preset_and_loses_it_again() -> None:
    unmetered, metered = load_file(None, {}), load_file(None, {}, {"budget.preset": "metered"})

    assert changes(unmetered, ANSWERS._replace(metered=True))["budget", "preset"] == "metered"
    assert changes(metered, ANSWERS)["budget", "preset"] == "none"
    assert ("budget", "preset") not in changes(unmetered, ANSWERS)
    assert ("budget", "preset") not in changes(metered, ANSWERS._replace(metered=True))


def test_the_settings_of_a_text_are_checked() -> None:
    assert settings_of("[network]\nasn = 7\n").network.asn == 7
    with pytest.raises(SettingsError, match=r"network\.asn"):
        settings_of("[network]\nasn = -7\n")


def test_a_file_that_is_no_text_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_bytes(b"\xff")

    assert read_text(tmp_path / "none.toml") == ""
    for path in (tmp_path, tmp_path / "bad.toml"):
        with pytest.raises(UsageError, match="cannot be read"):
            read_text(path)


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege")
def test_links_are_followed_and_a_circle_is_named(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("real.toml")
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")

    assert followed(tmp_path / "link") == (tmp_path / "real.toml").resolve()
    with pytest.raises(UsageError, match="links lead nowhere"):
        read_text(followed(tmp_path / "one"))
