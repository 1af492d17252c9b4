"""`probe bug-report` as a process."""

from __future__ import annotations

import base64
import getpass
import platform
import stat
from pathlib import Path

import pytest

from probe.agent.identity import load_or_create_key
from tests.e2e.processes import probe, settings, web_server


def test_the_report_of_an_agent_that_ran_names_neither_target_nor_host_nor_key(tmp_path: Path) -> None:
    with web_server() as page:
        config = settings(tmp_path, [page], collectors=["http://127.0.0.1:1"], interval=120.0)
        probe("run", "--once", "--config", str(config))
    key = load_or_create_key(tmp_path / "state").public
    log = tmp_path / "agent.log"
    log.write_text(f"2026-11-30T18:20:11+0000 WARNING {page} at 203.0.113.9 by {platform.node()} {key}\n")

    done = probe(
        "bug-report",
        "--log",
        str(log),
        "--output",
        str(tmp_path / "report.txt"),
        "--config",
        str(config),
        HOME=str(tmp_path),
    )

    report = tmp_path / "report.txt"
    text = report.read_text()
    assert (done.returncode, done.stderr) == (0, b"")
    assert f"Written: {report}. It has: versions, settings that differ".encode() in done.stdout
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    assert "agent.interval = 120.0" in text
    assert "agent.collectors = (1 items)" in text
    assert "2026-11-30T18:20:11+0000 WARNING <url>" in text
    assert "== Doctor ==" in text
    for mark in (
        page,
        page.split("/")[2],
        "203.0.113.9",
        f" {platform.node()} ",
        key,
        base64.b64decode(key).hex(),
        str(tmp_path),
    ):
        assert mark not in text
    assert getpass.getuser() in {"root", "user"} or getpass.getuser() not in text


@pytest.mark.parametrize("words", [(), ("--with-targets",)])
def test_targets_are_named_only_where_that_is_wanted(tmp_path: Path, words: tuple[str, ...]) -> None:
    config = settings(tmp_path, ["tcp://127.0.0.1:1"], retests=0)
    probe("run", "--once", "--config", str(config))

    probe("bug-report", "--local", *words, "-o", str(tmp_path / "report.txt"), "--config", str(config))

    text = (tmp_path / "report.txt").read_text()
    assert ("tcp://127.0.0.1:1" in text) is bool(words)
    assert ("targets: 0 blocked or slowed, 1 not sure, 0 failing, 0 work" in text) is not bool(words)


def test_a_log_that_cannot_be_read_is_one_line_and_nothing_is_written(tmp_path: Path) -> None:
    config = settings(tmp_path, [])

    done = probe(
        "bug-report", "--log", str(tmp_path / "none"), "-o", str(tmp_path / "report.txt"), "--config", str(config)
    )

    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
    assert b"the log cannot be read: No such file or directory" in done.stderr
    assert not (tmp_path / "report.txt").exists()
