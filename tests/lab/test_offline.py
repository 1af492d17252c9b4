"""On a host without any network every target is unknown, none is blocked, and the run is short."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.bench import PROBE
from tests.lab.hosts import Host
from tests.lab.topology import missing

pytestmark = pytest.mark.lab
TARGETS = [
    "https://www.wikipedia.org/",
    "example.com",
    "dns://example.org",
    "tcp://9.9.9.9:443",
    "tls://9.9.9.9:443/dns.quad9.net",
]


@pytest.fixture
def nowhere(tmp_path: Path) -> Iterator[Host]:
    """A namespace with a loopback interface and nothing else."""
    if reason := missing():
        pytest.fail(reason)
    host = Host("nowhere", tmp_path, ("192.0.2.53",))
    host.wait_until_up()
    yield host
    host.close()


def test_with_no_network_every_verdict_is_unknown_within_thirty_seconds(nowhere: Host, tmp_path: Path) -> None:
    """`probe check` runs with the default anchors and trusted resolvers."""
    environ = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    before = time.monotonic()
    done = nowhere.run(PROBE, "check", "--json", *TARGETS, environ=environ, timeout=60)
    took = time.monotonic() - before

    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted(line["target"] for line in lines) == sorted(TARGETS), done.stderr
    assert {line["status"] for line in lines} == {"unknown"}
    assert {line["vantage"]["state"] for line in lines} == {"offline"}
    assert done.returncode == 3
    assert took < 30
