"""Word to systemd (sd_notify(3)): ready, alive, stopping. Nothing where no service manager listens."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping


def notify(text: str, environ: Mapping[str, str] = os.environ) -> None:
    """Say `READY=1`, `WATCHDOG=1`, `STOPPING=1`, `RELOADING=1` or `STATUS=...`."""
    address = environ.get("NOTIFY_SOCKET", "")
    if not address or not hasattr(socket, "AF_UNIX"):
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as speaker:
            speaker.sendto(text.encode(), address)
    except OSError:
        return  # the manager has gone; it will notice our silence itself


def watchdog_seconds(environ: Mapping[str, str] = os.environ) -> float:
    """Half of the time in which the manager wants a sign of life; 0 when it wants none."""
    text = environ.get("WATCHDOG_USEC", "")
    if not text.isdigit() or environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    return int(text) / 2e6
