"""A text for others does not identify the volunteer."""

from __future__ import annotations

import base64
import platform
from datetime import UTC, datetime
from pathlib import Path

import pytest

from probe.agent.agent_status import AgentStatus, VantageIdentity
from probe.agent.identity import KEY_FILE, load_or_create_key
from probe.cli.scrubbing import Scrubber, scrubber
from probe.settings import load

OWN = ("203.0.113.77", "2001:db8:12:34::5")
SITE = "https://www.site.example/page"


@pytest.mark.parametrize(
    "form",
    [
        "203.0.113.77",
        "::ffff:203.0.113.77",
        "::ffff:cb00:714d",
        "cb00714d",
        "CB00714D",
        "203-0-113-77",
        "77.113.0.203",
        "2001:db8:12:34::5",
        "2001:0db8:0012:0034:0000:0000:0000:0005",
        "20010db8001200340000000000000005",
        "2001:db8:12:34:abcd::1",
        base64.b64encode(b"203.0.113.77").decode().rstrip("="),
        "198.51.100.9",
        "2001:db8:ffff::9",
        "00:1b:44:11:3a:b7",
    ],
)
def test_no_address_stays_in_any_form(form: str) -> None:
    """Also not one of another host: who is told which resolver somebody has is told the provider."""
    said = Scrubber({}, OWN).scrubbed(f"connecting from {form} port 443")

    assert form.lower() not in said.lower()
    assert "connecting from " in said


def test_names_of_hosts_and_urls_are_left_out_and_files_modules_and_times_stay() -> None:
    line = f"2026-11-30T18:20:11+0000 {SITE} of www.site.example at probe.agent.agent:35 in state.sqlite"

    assert Scrubber({}, ()).scrubbed(line) == (
        "2026-11-30T18:20:11+0000 <url> of <name> at probe.agent.agent:35 in state.sqlite"
    )


def test_targets_stay_where_they_are_wanted_and_other_names_do_not() -> None:
    said = Scrubber({}, (), {SITE, "www.site.example"}).scrubbed(f"{SITE} www.site.example portal.example")

    assert said == f"{SITE} www.site.example <name>"


def test_keys_tokens_ids_and_names_of_this_host_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "node", lambda: "alices-laptop.lan")
    monkeypatch.setenv("HOME", "/home/alice")
    monkeypatch.setenv("LOGNAME", "alice")
    public = load_or_create_key(tmp_path).public
    private = (tmp_path / KEY_FILE).read_text().strip()
    (tmp_path / "token").write_text("t0ken-of-a-club\n")
    settings = load(None, {"XDG_CONFIG_HOME": "/nonexistent"}, {"agent.token_file": str(tmp_path / "token")})
    vantage = VantageIdentity(agent="0123456789abcdef", collector="https://club.example", key=True, name="abcd2345")
    found = AgentStatus(
        time=datetime(2026, 1, 1, tzinfo=UTC),
        settings="",
        folder=str(tmp_path),
        consent=True,
        role="vantage",
        heartbeat=None,
        has_state=True,
        paused=None,
        vantage=vantage,
    )
    marks = [
        *(public, private, base64.b64decode(private).hex(), "t0ken-of-a-club", "0123456789abcdef", "abcd2345"),
        *("alices-laptop.lan", "ALICES-LAPTOP", "/home/alice", "alice", "https://club.example"),
    ]

    said = scrubber(settings, found, (), None).scrubbed("\n".join(f"here {mark} there" for mark in marks))

    assert not [mark for mark in marks if mark.lower() in said.lower()]
    assert said.splitlines()[-3:] == ["here ~ there", "here <user> there", "here <collector> there"]


@pytest.mark.parametrize("text", ["\0", "a\0999\0b", "\0000\0", "2026-05-04 12:00 \0001\0", "\x1b[2J\x9b31m\r"])
def test_control_characters_of_a_log_are_no_marks_and_reach_no_terminal(text: str) -> None:
    assert (
        Scrubber({}, OWN).scrubbed(f"{text}\nnext") == "".join(c if c.isprintable() else "?" for c in text) + "\nnext"
    )


def test_the_homes_name_and_the_network_are_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under sudo the home, or who called it, names the volunteer, and not the user of the process."""
    monkeypatch.setenv("HOME", "/home/annasecret")
    monkeypatch.setenv("SUDO_USER", "berta")
    chosen = load(None, {"XDG_CONFIG_HOME": "/nonexistent"}, {"network.asn": 64999})

    status = AgentStatus(
        time=datetime(2026, 1, 1, tzinfo=UTC),
        settings="",
        folder="/nonexistent",
        consent=True,
        role="vantage",
        heartbeat=None,
        has_state=False,
        paused=None,
        vantage=None,
    )
    clean = scrubber(chosen, status, (), None)

    found = clean.scrubbed("C:\\Users\\AnnaSecret /x/berta asn=64999 AS64999 649991 пример.рф")
    assert found == "C:\\Users\\<user> /x/<user> asn=<network> <network> 649991 <name>"
