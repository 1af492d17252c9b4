"""The client of the capture process: its start, its end, its requests, and what it passes on."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from probe.measure import watcher
from probe.measure.watcher import Watcher
from probe.model.hop import Purpose, StepPosition
from probe.model.observation import Connection, Exchange, Observation, Resolution, TlsHandshake
from probe.model.packets import PacketTrace
from probe.model.resolver import Trust
from probe.model.step import Connect
from tests import required

ROOT = Path(__file__).parents[3]
A = "151.101.1.10"


def handshake(name: str, purpose: Purpose = Purpose.SUBJECT) -> TlsHandshake:
    """Return an observed handshake with this server name."""
    return TlsHandshake(address=A, port=443, sni=name, purpose=purpose)


def test_captured_packets_are_requested_by_the_names_of_the_subject() -> None:
    """Each name once, in order. Neutral names and observations without a name are left out."""
    seen: list[Observation] = [
        Connection(address=A, port=443),
        handshake("news.example.org"),
        handshake("neutral.com", Purpose.NEUTRAL),
        Exchange(url="http://other.example:8080/a", address=A),
        handshake("news.example.org"),
        Resolution(name="n.example", rrtype="A", resolver="tls://9.9.9.9", trust=Trust.TRUSTED),
    ]

    assert watcher._subject_names(seen) == ("news.example.org", "other.example")


def test_the_address_of_a_resolver_on_the_vantages_network_is_left_out() -> None:
    """Other addresses are kept. Observations contain a target's private address anyway."""
    shown = [
        watcher._without_private_address(PacketTrace(address=address, port=53, protocol=protocol)).address
        for address, protocol in (("192.168.1.1", "dns"), ("95.165.1.1", "dns"), ("192.168.1.9", "tcp"))
    ]

    assert shown == ["network", "95.165.1.1", "192.168.1.9"]


def test_capture_files_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    """Their names have only characters that every file system accepts."""
    watcher._write(tmp_path / "pcap", "20261001T120000-https://x/../y", [b"one", b"two"])

    files = sorted((tmp_path / "pcap").iterdir())
    assert [(file.name, file.read_bytes()) for file in files] == [
        ("20261001T120000-https_x_.._y-0.pcap", b"one"),
        ("20261001T120000-https_x_.._y-1.pcap", b"two"),
    ]
    if os.name == "posix":
        assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_a_full_disk_does_not_end_a_measurement(tmp_path: Path) -> None:
    (tmp_path / "pcap").write_text("in the way")

    watcher._write(tmp_path / "pcap", "x", [b"one"])


async def test_measuring_goes_on_when_the_capture_process_dies() -> None:
    """Later requests return no packets, at once."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "input()"), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    dead = Watcher(process, None)

    await dead.watch(Connect(address=A, port=443, position=StepPosition()))
    packets = await dead.report([handshake("news.example.org")], 0.0, "label")
    await dead.close()

    assert packets == ()
    assert process.returncode is not None


async def test_no_report_is_requested_without_a_name() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "input()"), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    idle = Watcher(process, None)

    assert await idle.report([Connection(address=A, port=443)], 0.0, "label") == ()
    assert process.returncode is None
    await idle.close()


START = """
import asyncio
from probe.measure.watcher import Watcher
print(asyncio.run(Watcher.start()))
"""


def test_without_the_privilege_the_reason_is_returned() -> None:
    """On Linux the kernel refuses the socket; on other systems no process is started."""
    words = [sys.executable, "-c", START]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        words = [required.command("setpriv"), "--bounding-set=-all", "--inh-caps=-all", "--", *words]

    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=ROOT, timeout=60)

    reasons = ("no CAP_NET_RAW", "scapy is not installed (the extra `packets`)") if sys.platform == "linux" else ()
    assert done.stdout.strip() in {str((None, reason)) for reason in (*reasons, "packets are captured on Linux alone")}
