"""`probe run`: consent, settings, one round for cron, the daemon, and bad input."""

from __future__ import annotations

import json
import re
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from probe.agent.state_file import MIGRATIONS
from tests.e2e.processes import command, environment, probe, settings, web_server


@pytest.fixture(scope="module")
def page() -> Iterator[str]:
    with web_server() as url:
        yield url


def started(config: Path, **environ: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command("run", "--config", str(config)),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(**environ),
    )  # fmt: skip


def wait_for(process: subprocess.Popen[bytes], words: bytes) -> bytes:
    """The first line of its log that contains the words."""
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return line
    pytest.fail(f"{words!r} never came")


def ended(process: subprocess.Popen[bytes], number: signal.Signals = signal.SIGTERM) -> int:
    process.send_signal(number)
    process.communicate(timeout=60)
    return process.returncode


def state_of(folder: Path) -> sqlite3.Connection:
    return sqlite3.connect(folder / "state" / "state.sqlite")


def test_without_consent_nothing_is_contacted_and_the_risk_is_explained(page: str, tmp_path: Path) -> None:
    config = settings(tmp_path, [page], consent=False)

    done = probe("run", "--once", "--config", str(config))

    assert done.returncode == 2
    assert b"Whoever runs or watches this line can see that" in done.stderr
    assert done.stderr.endswith(b"probe.toml: no consent (read the above first)\n")
    assert not (tmp_path / "state").exists()


def test_consent_can_be_given_for_one_run(page: str, tmp_path: Path) -> None:
    config = settings(tmp_path, [page], consent=False)

    assert probe("run", "--once", "--i-understand", "--config", str(config)).returncode == 0


def test_a_successful_round_prints_nothing_and_stores_its_state(page: str, tmp_path: Path) -> None:
    config = settings(tmp_path, [page])

    for _ in range(2):
        done = probe("run", "--once", "--config", str(config))
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")

    beat = json.loads((tmp_path / "state" / "heartbeat.json").read_text())
    assert beat["state"] == "online"
    assert state_of(tmp_path).execute("SELECT length(detector) > 0 FROM agent_state").fetchone() == (1,)


def test_a_round_at_an_offline_vantage_exits_with_3(page: str, tmp_path: Path) -> None:
    config = settings(tmp_path, [page])

    done = probe("run", "--once", "--config", str(config), PROBE_MEASURE_ANCHORS="http://127.0.0.1:1/")

    assert done.returncode == 3
    assert json.loads(done.stdout)["to"] == "offline", "said once, where there is no collector to tell"
    again = probe("run", "--once", "--config", str(config), PROBE_MEASURE_ANCHORS="http://127.0.0.1:1/")
    assert (again.returncode, again.stdout, again.stderr) == (3, b"", b"")


def test_a_dry_run_prints_the_contacts_and_neither_contacts_nor_writes_anything(page: str, tmp_path: Path) -> None:
    config = settings(tmp_path, [page], consent=False, collectors=["https://collector.example"])

    done = probe("run", "--dry-run", "--config", str(config))

    lines = done.stdout.decode().splitlines()
    assert done.returncode == 0
    assert lines[0].startswith("collector\thttps://collector.example\t")
    assert any(line.startswith("target\t127.0.0.1:") and line.endswith(page) for line in lines)
    assert any("1 targets every 300 s" in line for line in lines)
    total = r"a day\tall\t[\d,]+ looks: [\d,]+ connections, [\d,]+ packets, [\d.]+ MB\. An estimate"
    assert any(re.match(total, line) for line in lines)
    assert not (tmp_path / "state").exists()


def test_settings_can_be_checked_without_running(page: str, tmp_path: Path) -> None:
    config = settings(tmp_path, [page])
    assert probe("run", "--check-config", "--config", str(config)).stdout == f"{config}: good; 1 targets\n".encode()

    config.write_text(config.read_text() + "concurency = 3\n")
    done = probe("run", "--check-config", "--config", str(config))
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode() == (f"probe: {config}: unknown key measure.concurency (did you mean concurrency?)\n")


def test_a_bad_line_in_a_configured_list_is_named_and_the_others_are_measured(page: str, tmp_path: Path) -> None:
    config = settings(tmp_path, [page, "ftp://a.example"])

    checked = probe("run", "--check-config", "--config", str(config))
    done = probe("run", "--once", "--config", str(config))

    assert checked.stdout.endswith(b": good; 1 targets\n")
    assert f"{tmp_path}/targets.txt:2: skipped: 'ftp://a.example' has the unknown scheme".encode() in checked.stderr
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_state_of_a_newer_version_is_refused_and_not_changed(page: str, tmp_path: Path) -> None:
    config = settings(tmp_path, [page])
    probe("run", "--once", "--config", str(config))
    newer = state_of(tmp_path)
    newer.execute("PRAGMA user_version = 99")
    newer.close()

    done = probe("run", "--once", "--config", str(config))

    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
    expected = f"state.sqlite: state of version 99, and this program knows {len(MIGRATIONS)} (run the newer program"
    assert expected.encode() in done.stderr


def test_a_full_disk_is_named_and_the_state_is_not_changed(page: str, tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk: the write fails half-way in the same manner."""
    config = settings(tmp_path, [page])
    probe("run", "--once", "--config", str(config))
    before = list(state_of(tmp_path).iterdump())

    done = subprocess.run(
        ["sh", "-c", 'ulimit -f 8; exec "$@"', "sh", *command("run", "--once", "--config", str(config))],
        capture_output=True, env=environment(), check=False,
    )  # fmt: skip

    assert (done.returncode, done.stderr.count(b"\n")) == (1, 1), done.stderr
    assert b"state.sqlite: " in done.stderr
    assert list(state_of(tmp_path).iterdump()) == before
    assert probe("run", "--once", "--config", str(config)).returncode == 0


def test_a_collector_that_is_down_is_named_and_the_report_waits(page: str, tmp_path: Path) -> None:
    config = settings(tmp_path, [page], collectors=["http://127.0.0.1:1"])
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "enrolled").write_text(
        '{"agent":"a","origin":"http://127.0.0.1:1","url":"","role":"vantage","time":"2017-05-04T00:00:00Z"}'
    )

    done = probe("run", "--once", "--config", str(config))

    assert done.returncode == 1
    assert done.stderr.decode() == ("probe: http://127.0.0.1:1: Connection refused; 1 batches wait for the next run\n")
    assert state_of(tmp_path).execute("SELECT count(*) FROM batch WHERE acked IS NULL").fetchone() == (1,)


def test_a_daemon_that_is_stopped_exits_with_0(page: str, tmp_path: Path) -> None:
    process = started(settings(tmp_path, [page], interval=0.2))
    wait_for(process, b"round state=online targets=1 measured=1")

    assert ended(process) == 0
    assert (tmp_path / "state" / "heartbeat.json").exists()


def test_a_round_that_is_stopped_half_way_is_stored(tmp_path: Path) -> None:
    """A silent target keeps the round busy for its time-out, which is shorter than the grace."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        config = settings(tmp_path, [f"http://127.0.0.1:{silent.getsockname()[1]}/"], retests=0)
        process = started(config, PROBE_MEASURE_TIMEOUT="5")
        connection, _ = silent.accept()

        assert ended(process) == 0
        connection.close()
    assert (tmp_path / "state" / "heartbeat.json").exists()


def test_a_second_agent_on_the_same_state_exits_with_an_error(page: str, tmp_path: Path) -> None:
    config = settings(tmp_path, [page])
    process = started(config)
    wait_for(process, b"round")

    done = probe("run", "--config", str(config))

    assert done.returncode == 2
    assert f"another agent is at work here (process {process.pid})".encode() in done.stderr
    assert ended(process, signal.SIGINT) == 0


def test_an_overlapping_cron_job_leaves_the_round_to_the_one_at_work(page: str, tmp_path: Path) -> None:
    config = settings(tmp_path, [page])
    process = started(config)
    wait_for(process, b"round")

    done = probe("run", "--once", "--config", str(config))

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert ended(process, signal.SIGINT) == 0


def test_in_quiet_hours_a_cron_job_sends_nothing_and_prints_nothing(page: str, tmp_path: Path) -> None:
    config = settings(tmp_path, [page], quiet_hours=["11:00-13:00"], time_zone="UTC")

    done = probe("run", "--once", "--config", str(config), PROBE_CLOCK="2026-05-04T12:00:00Z@1")

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert not (tmp_path / "state").exists()


def test_a_dry_run_prints_the_next_rounds_of_a_cron_expression(page: str, tmp_path: Path) -> None:
    config = settings(tmp_path, [page], schedule="0 12 * * *", time_zone="Europe/Berlin", quiet_hours=["23:00-07:00"])

    done = probe("run", "--dry-run", "--config", str(config), PROBE_CLOCK="2026-05-04T12:00:00Z@1")

    lines = done.stdout.decode().splitlines()
    expected = (
        "next: 2026-05-05 12:00 CEST, 2026-05-06 12:00 CEST, 2026-05-07 12:00 CEST; each a little later by chance"
    )
    assert f"rounds\t0 12 * * *\t{expected}" in lines
    assert "rounds\tquiet hours\t23:00-07:00: nothing is sent" in lines


def test_a_hang_up_reloads_the_settings_and_keeps_the_old_ones_where_the_new_are_wrong(
    page: str, tmp_path: Path
) -> None:
    config = settings(tmp_path, [page])
    process = started(config)
    wait_for(process, b"targets=1 ")
    good = config.read_text()

    config.write_text(good + "nonsense = 1\n")
    process.send_signal(signal.SIGHUP)
    line = wait_for(process, b"settings not reloaded")
    assert b"the old ones hold: " in line
    assert b"unknown key measure.nonsense" in line
    wait_for(process, b"targets=1 ")

    config.write_text(good)
    (tmp_path / "targets.txt").write_text(f"{page}\n{page}x\n")
    process.send_signal(signal.SIGHUP)
    wait_for(process, b"settings reloaded from")
    wait_for(process, b"targets=2 ")
    assert ended(process) == 0


def test_a_service_manager_is_notified_of_start_watchdog_and_stop(page: str, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(120)
        process = started(settings(tmp_path, [page]), NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="200000")
        received = set()
        while not {b"READY=1", b"WATCHDOG=1"} <= received:
            received.add(manager.recv(1000))
        assert ended(process) == 0
        while b"STOPPING=1" not in received:
            received.add(manager.recv(1000))


def test_the_agent_uses_a_laboratorys_clock(page: str, tmp_path: Path) -> None:
    config = settings(tmp_path, [page])

    probe("run", "--once", "--config", str(config), PROBE_CLOCK="2017-05-04T00:00:00Z@60")

    assert json.loads((tmp_path / "state" / "heartbeat.json").read_text())["time"].startswith("2017-05-04T00:0")


def test_a_round_for_cron_imports_only_what_it_uses(page: str, tmp_path: Path) -> None:
    """No collector: no HTTP client, no keys. No terminal: no tables. No packets: no capture."""
    config = settings(tmp_path, [page.replace("http", "tcp").rstrip("/")])
    script = (
        "import sys; from probe.cli import main; status = main(sys.argv[1:]);"
        "heavy = {'aiohttp', 'cryptography', 'rich', 'jinja2', 'dns', 'ctypes', 'probe.measure.watcher'};"
        "print(*sorted(heavy & set(sys.modules))); sys.exit(status)"
    )

    done = subprocess.run(
        [command()[0], "-c", script, "run", "--once", "--config", str(config)],
        capture_output=True, env=environment(), check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (0, b"\n")


def test_a_single_round_is_delayed_at_random_without_a_terminal(page: str, tmp_path: Path) -> None:
    config = settings(tmp_path, [page], once_delay=20000.0)
    begin = time.monotonic()

    probe("run", "--once", "--config", str(config), PROBE_CLOCK="2017-05-04T00:00:00Z@10000")

    assert time.monotonic() - begin < 120
    assert (tmp_path / "state").exists()
