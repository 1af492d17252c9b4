"""Messages to systemd."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from probe.agent.systemd import notify, watchdog_seconds


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_a_message_reaches_the_service_manager(kind: str, tmp_path: Path) -> None:
    name = str(tmp_path / "socket") if kind == "path" else f"@probe-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name.replace("@", "\0", 1))

        notify("READY=1", {"NOTIFY_SOCKET": name})

        assert manager.recv(100) == b"READY=1"


def test_without_a_service_manager_nothing_happens(tmp_path: Path) -> None:
    notify("READY=1", {})
    notify("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "gone")})


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, 0),
        ({"WATCHDOG_USEC": "600000000"}, 300),
        ({"WATCHDOG_USEC": "600000000", "WATCHDOG_PID": "this process"}, 300),
        ({"WATCHDOG_USEC": "600000000", "WATCHDOG_PID": "1"}, 0),
        ({"WATCHDOG_USEC": "soon"}, 0),
        ({"WATCHDOG_USEC": "²"}, 0),
    ],
)
def test_the_watchdog_reports_twice_in_its_interval(environ: dict[str, str], seconds: float) -> None:
    environ = {name: value.replace("this process", str(os.getpid())) for name, value in environ.items()}

    assert watchdog_seconds(environ) == seconds
