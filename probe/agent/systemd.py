"""Messages to systemd, the service manager (sd_notify(3)); nothing happens where none listens."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


def notify(text: str, environ: Mapping[str, str] = os.environ) -> None:
    """Send one message to the service manager.

    Args:
        text: `READY=1`, `WATCHDOG=1`, `STOPPING=1`, `RELOADING=1` or `STATUS=...`.
        environ: names the manager's socket in `NOTIFY_SOCKET`.
    """
    address = environ.get("NOTIFY_SOCKET", "")
    if not address or not hasattr(socket, "AF_UNIX"):
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(text.encode(), address)
    except OSError:
        return  # the manager has gone, or restarts


def watchdog_seconds(environ: Mapping[str, str] = os.environ) -> float:
    """Half of the interval in which the manager expects `WATCHDOG=1`; 0 when it expects none."""
    text = environ.get("WATCHDOG_USEC", "")
    if not text.isdecimal() or environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    return int(text) / 2e6


@contextmanager
def watchdog() -> Iterator[None]:
    """While inside, tell the manager twice in its interval that the event loop runs."""
    seconds = watchdog_seconds()
    if not seconds:
        yield
        return

    async def report() -> None:
        while True:
            notify("WATCHDOG=1")
            await asyncio.sleep(seconds)

    task = asyncio.ensure_future(report())
    try:
        yield
    finally:
        task.cancel()
