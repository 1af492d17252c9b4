"""TCP connections are opened, and each failure is classified and observed."""

from __future__ import annotations

import asyncio
import errno
import socket
import subprocess
import sys

import pytest

from probe.measure.connect import connect, open_tcp
from probe.measure.tools import Timestamps, Tools
from probe.model.failure import Failure
from probe.model.observation import Connection, Observation
from probe.model.step import Connect
from tests.loopback.tiny_servers import closed_port, serving, silent


async def look(address: str, port: int, tools: Tools) -> Connection:
    """Return the observation of one step."""
    seen: list[Observation] = []
    step = Connect(address=address, port=port)
    await connect(step, tools, Timestamps(asyncio.get_running_loop().time(), step.position), seen.append)
    (only,) = seen
    assert isinstance(only, Connection)
    return only


async def test_a_connection_to_an_open_port_succeeds(tools: Tools) -> None:
    """The observation has address, port and times."""
    async with serving(silent) as port:
        seen = await look("127.0.0.1", port, tools)

    assert (seen.address, seen.port, seen.failure) == ("127.0.0.1", port, None)


async def test_a_refused_connection_is_a_reset(tools: Tools) -> None:
    """The server answers the SYN with an RST."""
    seen = await look("127.0.0.1", closed_port(), tools)

    assert (seen.failure, seen.detail) == (Failure.RESET, errno.errorcode[errno.ECONNREFUSED])


async def test_a_full_backlog_is_a_time_out_and_makes_the_pace_limiter_back_off(
    tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A listener that accepts no connection drops further SYNs."""
    spared: list[str] = []
    monkeypatch.setattr(tools.pace, "back_off", spared.append)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        first = socket.create_connection(("127.0.0.1", port))
        seen = [await look("127.0.0.1", port, tools) for _ in range(3)]
        first.close()

    assert seen[-1].failure is Failure.TIMEOUT
    assert 450 <= seen[-1].took < 3000
    assert spared == ["127.0.0.1"] * sum(one.failure is Failure.TIMEOUT for one in seen)


@pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are Linux'")
def test_a_host_without_a_network_has_no_route() -> None:
    """In an empty network namespace connect() fails at once; that is not an ICMP message."""
    program = """
import asyncio
from probe.measure.connect import open_tcp
from probe.measure.failures import OperationError
from probe.measure.network_config import routed_families
async def main():
    for address in ("198.51.100.1", "2001:db8::1"):
        try:
            await open_tcp(address, 443, 1.0)
        except OperationError as error:
            print(error.info.failure.value, error.info.detail)
    print(sorted(routed_families()))
asyncio.run(main())
"""
    command = ["unshare", "--map-root-user", "--net", sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if "unshare" in done.stderr:
        pytest.skip(f"no network namespace to be had: {done.stderr.strip()}")

    *lines, families = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["no_route", "no_route"], done.stderr
    assert families == "[]"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system may not let it be chosen")
async def test_the_other_side_is_asked_for_small_segments(tools: Tools) -> None:
    """The kernel reports the size asked for, or less by the TCP options."""
    async with serving(silent) as port:
        usual = await open_tcp("127.0.0.1", port, tools.timeout)
        small = await open_tcp("127.0.0.1", port, tools.timeout, segment=1000)
        with usual, small:
            sizes = [one.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG) for one in (usual, small)]

    assert 0 < sizes[1] <= 1000 < sizes[0]
