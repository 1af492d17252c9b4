"""A test that reaches past this machine fails, in its own process and in those that it starts."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import network_guard
import pytest

from probe.measure.network_config import routed_families
from probe.model.address import Family

ROOT = Path(__file__).parents[3]

OUTSIDE = {
    "connect": "socket.socket().connect(('192.0.2.1', 9))",
    "connect over IPv6": "socket.socket(socket.AF_INET6).connect(('2001:db8::1', 9, 0, 0))",
    "a datagram": "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 9))",
    "a message": "socket.socket(type=socket.SOCK_DGRAM).sendmsg([b'x'], [], 0, ('192.0.2.1', 9))",
    "a lookup": "socket.getaddrinfo('outside.example', 80)",
    "a lookup by the old call": "socket.gethostbyname('outside.example')",
    "a reverse lookup": "socket.gethostbyaddr('192.0.2.1')",
    "asyncio": "asyncio.run(asyncio.open_connection('192.0.2.1', 9))",
}
INSIDE = {
    "loopback": "socket.socket().connect_ex(('127.0.0.1', 9))",
    "loopback over IPv6": "socket.socket(socket.AF_INET6).connect_ex(('::1', 9, 0, 0))",
    "loopback by its mapped address": "socket.socket(socket.AF_INET6).connect_ex(('::ffff:127.0.0.1', 9, 0, 0))",
    "a datagram to loopback": "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))",
    "a Unix socket": "socket.socket(socket.AF_UNIX).connect_ex('/nonexistent')",
    "localhost": "socket.getaddrinfo('localhost', 80)",
    "an address that is only parsed": "socket.getaddrinfo('192.0.2.1', 80)",
}


CHILD = "subprocess.run([sys.executable, '-c', 'import socket; socket.socket().connect((\"192.0.2.1\", 9))'])"


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What pytest prints for tests with these statements, each of which swallows the guard's error."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "conftest.py").write_text("from tests.conftest import *\n")
    lines = ["import asyncio, socket, subprocess, sys", "from contextlib import suppress"]
    for name, body in {**OUTSIDE, **INSIDE, "a process": CHILD}.items():
        lines += [f"def test_{name.replace(' ', '_')}():", "    with suppress(OSError):", f"        {body}"]
    (folder / "test_it.py").write_text("\n".join([*lines, ""]))
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "--rootdir", ".", "."]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_test_that_reaches_outside_fails_even_if_it_swallows_the_error(output: str, name: str) -> None:
    """The message names the test and the address."""
    found = re.search(rf"test_it.py::test_{name.replace(' ', '_')} reached past this machine:\n(.*)", output)

    assert found, output
    assert any(address in found[1] for address in ("192.0.2.1", "2001:db8::1", "outside.example"))


@pytest.mark.parametrize("name", INSIDE)
def test_a_test_that_stays_inside_passes(output: str, name: str) -> None:
    """Loopback, Unix sockets and literals that are only parsed are free."""
    assert f"PASSED test_it.py::test_{name.replace(' ', '_')}\n" in output, output


def test_a_process_that_a_test_starts_is_guarded_too(output: str) -> None:
    """The message names the address and the process."""
    assert re.search(
        r"test_it.py::test_a_process reached past this machine:\nconnect 192.0.2.1 \(process \d+: ", output
    )


def test_another_network_namespace_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packets in a namespace of its own (the lab's) reach no other host; the guard lets the call pass."""
    with socket.socket() as sock:
        monkeypatch.setenv(network_guard.HOME, "net:[1]")

        network_guard.hook("socket.connect", (sock, ("192.0.2.1", 9)))


def test_the_question_for_a_route_is_free() -> None:
    """`routed_families` connects UDP sockets to addresses outside, which sends nothing."""
    assert routed_families() <= frozenset(Family)
