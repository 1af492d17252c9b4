"""The servers that tests start end with their test."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.required import package
from tests.servers.postgres import running_postgres

if sys.platform != "linux":
    pytest.skip("Linux ends a child with its parent", allow_module_level=True)

KILLED = """
import os, signal
from tests.servers.postgres import running_postgres
with running_postgres() as server:
    print(server.folder, server.process.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_test_leaves_neither_a_server_nor_its_folder() -> None:
    """The server gets a signal when its parent ends, and another process then removes the folder."""
    package("psycopg")
    test = subprocess.run((sys.executable, "-c", KILLED), stdout=subprocess.PIPE, text=True, check=False)
    if test.returncode != -signal.SIGKILL:
        pytest.skip("PostgreSQL is missing")
    folder, number = test.stdout.split()

    ends = time.monotonic() + 60
    while Path(folder).exists() or Path(f"/proc/{number}").exists():
        assert time.monotonic() < ends
        time.sleep(0.05)


def test_a_server_is_stopped_at_the_end_of_its_block() -> None:
    """Its databases are gone with it."""
    with running_postgres() as server, server.database() as url:
        assert url.startswith(f"postgresql://postgres@127.0.0.1:{server.port}/")
    assert server.process.returncode is not None
    assert not server.folder.exists()
