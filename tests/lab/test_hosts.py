"""Hosts of the lab are isolated from each other and from this machine, and end with the process that made them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.hosts import ROOT, Host
from tests.lab.topology import missing

pytestmark = pytest.mark.lab


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """One host with a resolver and a name of its own."""
    if reason := missing():
        pytest.fail(reason)
    host = Host("alone", tmp_path, ("192.0.2.53",), {"192.0.2.7": "www.only-here.net"})
    host.wait_until_up()
    yield host
    host.close()


def test_a_host_has_a_loopback_interface_and_no_way_out(host: Host) -> None:
    """It has no other interface and no route."""
    assert [line.split(":")[1].strip() for line in host.must("ip", "-o", "link").splitlines()] == ["lo"]
    assert not host.must("ip", "route").strip()


def test_a_host_reads_its_own_resolv_conf_and_hosts_file_and_ours_stay_as_they_are(host: Host) -> None:
    """The files are bind mounts in a mount namespace of its own."""
    ours = Path("/etc/hosts").read_text()

    assert "192.0.2.53" in host.must("cat", "/etc/resolv.conf")
    assert host.must("getent", "hosts", "www.only-here.net").split()[0] == "192.0.2.7"
    assert Path("/etc/hosts").read_text() == ours


def test_a_command_that_fails_is_reported_with_its_output(host: Host) -> None:
    """The error has the command, the host and the output."""
    with pytest.raises(RuntimeError, match=r"alone: ip link show nothing: .*does not exist"):
        host.must("ip", "link", "show", "nothing")


def test_a_lab_whose_process_is_killed_leaves_no_process_behind(tmp_path: Path) -> None:
    """SIGKILL to the process that made a host ends the host's holder and all programs in it."""
    if reason := missing():
        pytest.fail(reason)
    program = (
        "import sys, time; from pathlib import Path; from tests.lab.hosts import Host\n"
        "host = Host('doomed', Path(sys.argv[1])); host.wait_until_up(); inside = host.spawn('sleep', '600')\n"
        "print(host.pid, inside.pid, flush=True); time.sleep(600)"
    )
    maker = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE)
    with maker:
        assert maker.stdout is not None
        processes = [int(word) for word in maker.stdout.readline().split()]
        maker.send_signal(signal.SIGKILL)

    deadline = time.monotonic() + 60
    while any(_alive(process) for process in processes) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(processes) == 2
    assert not [process for process in processes if _alive(process)]


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
