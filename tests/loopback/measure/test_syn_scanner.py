"""The client of the SYN scanner: without the privilege, with a process that dies, with more than one request."""

from __future__ import annotations

import asyncio
import errno
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from probe.measure import syn_scanner
from probe.measure.syn_scanner import SynScannerClient
from probe.model.syn import SynAnswer

ADDRESSES = tuple(f"192.0.2.{n}" for n in range(1, 6))
MakeClient = Callable[..., SynScannerClient]
FAKE = """
import json, sys
print(json.dumps([0, [], {trouble!r}]), flush=True)
for line in sys.stdin:
    ident, addresses, port, seconds, rate = json.loads(line)
    for at, address in enumerate(addresses[:{most}]):
        print(json.dumps([ident, [[at, {code}, 5.0, 0.5, 0, False]], ""]), flush=True)
    if len(addresses) > {most}:
        sys.exit()
"""


@pytest.fixture
def scanner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> MakeClient:
    """Makes clients whose process is a script: it answers at most so many addresses of a request, then ends."""
    monkeypatch.setattr(syn_scanner, "may_send_syns", lambda: True)
    monkeypatch.setattr(syn_scanner.privileges, "give_up_capabilities", lambda: None)

    def make(most: int, trouble: object = "", code: int = 0) -> SynScannerClient:
        script = tmp_path / "scan.py"
        script.write_text(FAKE.format(most=most, trouble=trouble, code=code))
        monkeypatch.setattr(syn_scanner, "COMMAND", (sys.executable, str(script)))
        return SynScannerClient()

    return make


async def ask(client: SynScannerClient, addresses: tuple[str, ...] = ADDRESSES) -> list[SynAnswer]:
    """All answers."""
    return [answer async for answer in client.answers(addresses, 443, 1.0)]


async def test_without_the_privilege_no_process_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syn_scanner, "may_send_syns", lambda: False)
    client = SynScannerClient()

    assert await ask(client) == []
    assert client.trouble == "no CAP_NET_RAW"
    await client.close()


async def test_answers_come_with_the_index_of_their_address(
    scanner: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the addresses need several requests."""
    monkeypatch.setattr(syn_scanner, "MAX_SWEEP_ADDRESSES", 2)
    client = scanner(most=2, code=errno.ECONNREFUSED)

    assert await ask(client) == [SynAnswer(index, errno.ECONNREFUSED, 5.0, 0.5) for index in range(5)]
    await client.close()


async def test_sweeps_at_the_same_time_share_the_process(scanner: MakeClient) -> None:
    client = scanner(most=9)

    found = await asyncio.gather(*(ask(client, ADDRESSES[:count]) for count in (1, 3, 5)))

    assert [len(each) for each in found] == [1, 3, 5]
    await client.close()


async def test_a_process_that_dies_ends_the_sweep_early(scanner: MakeClient) -> None:
    """The answers that came count; later sweeps have none."""
    client = scanner(most=2)

    assert [answer.index for answer in await ask(client)] == [0, 1]
    assert client.trouble == "the scanner has ended"
    assert await ask(client) == []
    await client.close()


async def test_a_process_that_cannot_scan_says_why(scanner: MakeClient) -> None:
    client = scanner(most=9, trouble="no raw socket: Operation not supported")

    assert await ask(client) == []
    assert client.trouble == "no raw socket: Operation not supported"
    await client.close()


async def test_a_process_that_says_nothing_sensible_is_no_scanner(scanner: MakeClient) -> None:
    client = scanner(most=9, trouble={"not": "a string"})

    assert await ask(client) == []
    assert client.trouble == "the scanner did not start"
    await client.close()
