"""Refuse and report every connection, packet and look-up that would leave this machine.

Installed in the test process by `tests/conftest.py` and, through `sitecustomize.py` beside this file and PYTHONPATH, in
every Python process that a test starts. Loopback, Unix sockets and everything inside another network namespace than the
tests' own (the lab's) are free. What is refused looks to the program like a firewall (PermissionError) and is written
to a file, so that the test fails even where the program handles the error.

Not seen: other programs than Python, and Python started with `-I`, `-E` or an environment without PYTHONPATH.
"""

from __future__ import annotations

import os
import sys

LOG = "NETWORK_GUARD_LOG"
"""Environment variable: the file that what was refused is appended to. Without it nothing is refused."""
HOME = "NETWORK_GUARD_NAMESPACE"
"""Environment variable: the network namespace that the tests run in."""
ROUTE_LOOKUP = os.path.join("probe", "measure", "network_config.py")  # noqa: PTH118 - pathlib is slow to import
"""It connects UDP sockets to learn which families have a route and from which address; nothing is sent on them."""
BY_ADDRESS = {"socket.connect", "socket.sendto", "socket.sendmsg"}
BY_NAME = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"}


class OutsideError(PermissionError):
    """A test tried to reach past this machine."""


def namespace() -> str:
    """The network namespace of the calling thread; empty where there is no such thing."""
    try:
        return os.readlink("/proc/thread-self/ns/net")  # noqa: PTH115 - likewise
    except OSError:
        return ""


def outside(event: str, arguments: tuple[object, ...]) -> str:
    """The address or name outside this machine that an audit event is about; empty where there is none."""
    import ipaddress  # noqa: PLC0415 - a process that opens no socket starts without it
    from socket import AF_INET, AF_INET6, socket  # noqa: PLC0415 - likewise

    if event in BY_ADDRESS:
        sock, address = arguments[0], arguments[1]
        if not isinstance(sock, socket) or sock.family not in {AF_INET, AF_INET6}:
            return ""
        host = address[0] if isinstance(address, tuple) and address else ""
    elif event in BY_NAME:
        host = arguments[0][0] if isinstance(arguments[0], tuple) else arguments[0]
    else:
        return ""
    text = host.decode(errors="replace") if isinstance(host, bytes) else str(host or "")
    if text in {"", "localhost", os.uname().nodename}:
        return ""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text
    mapped = getattr(address, "ipv4_mapped", None)
    # A literal is only parsed by getaddrinfo; nothing is sent for it.
    harmless = event in {"socket.getaddrinfo", "socket.gethostbyname"}
    return "" if harmless or address.is_loopback or (mapped and mapped.is_loopback) else text


def hook(event: str, arguments: tuple[object, ...]) -> None:
    """Refuse and write down what leaves this machine; called by the interpreter for every audit event."""
    if not event.startswith("socket.") or not (log := os.environ.get(LOG)):
        return
    found = outside(event, arguments)
    if not found or namespace() != os.environ.get(HOME, ""):
        return
    if event == "socket.connect" and sys._getframe(1).f_code.co_filename.endswith(ROUTE_LOOKUP):
        return
    line = f"{event.removeprefix('socket.')} {found} (process {os.getpid()}: {' '.join(sys.orig_argv[:6])})\n"
    with open(log, "a") as file:  # noqa: PTH123 - likewise
        file.write(line)
    raise OutsideError(f"a test must not reach past this machine: {event} {found}")


def install() -> None:
    """Watch this process from now on; a hook cannot be taken away, and a second call does nothing."""
    if not getattr(sys, "_network_guard_installed", False):
        sys._network_guard_installed = True  # type: ignore[attr-defined]
        sys.addaudithook(hook)
