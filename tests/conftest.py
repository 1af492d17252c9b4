"""Hooks for every test: nothing may leave this machine (`tests/guard/network_guard.py`)."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

GUARD = Path(__file__).with_name("guard")
sys.path.insert(0, str(GUARD))

import network_guard  # noqa: E402 - found by the path above, as in the processes that tests start

_SEEN = pytest.StashKey[int]()
_LOG = pytest.StashKey[Path]()


hypothesis.settings.register_profile("no deadline", deadline=None)
hypothesis.settings.load_profile("no deadline")
"""A busy machine is no fault, whatever the Python."""


def pytest_configure(config: pytest.Config) -> None:
    """Guard this process and those that it will start."""
    handle, name = tempfile.mkstemp(prefix="network-guard-", suffix=".log")
    os.close(handle)
    config.stash[_LOG], config.stash[_SEEN] = Path(name), 0
    os.environ[network_guard.LOG] = name
    os.environ[network_guard.HOME] = network_guard.namespace()
    paths = [str(GUARD), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))
    network_guard.install()
    if (
        signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    ):  # a shell starts its background jobs so, and programs inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the log."""
    config.stash[_LOG].unlink(missing_ok=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Fail a test that reached past this machine."""
    result = yield
    _fail_if_outside(item)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Fail a test whose fixtures, tasks or processes reached past this machine."""
    result = yield
    _fail_if_outside(item)
    return result


def _fail_if_outside(item: pytest.Item) -> None:
    """Fail with the name of the test and the log's new lines."""
    written = item.config.stash[_LOG].read_text()
    new, item.config.stash[_SEEN] = written[item.config.stash[_SEEN] :], len(written)
    if new:
        pytest.fail(
            f"{item.nodeid} reached past this machine:\n{new}Use a server of tests/loopback/tiny_servers.py on"
            " 127.0.0.1, or the lab (tests/lab) for other addresses.",
            pytrace=False,
        )
