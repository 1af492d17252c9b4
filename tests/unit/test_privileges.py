"""Privileges that a process gives up are gone, also for the programs that it runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests import required

ROOT = Path(__file__).parents[2]
AFTER = """
import os, socket
from probe import privileges
{act}
def refused(act):
    try:
        act()
    except OSError:
        return True
    return False
print(privileges.held(), refused(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)),
    refused(lambda: open("/tmp/never-written", "w").write("x")), os.geteuid())
words = open("/proc/self/status").read().split()
print(int(words[words.index("CapBnd:") + 1], 16), words[words.index("NoNewPrivs:") + 1])
"""


def said(act: str) -> list[str]:
    """The output of a separate process after the call."""
    required.root()
    script = AFTER.format(act=act)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_capabilities_are_given_up_for_good() -> None:
    """A raw socket is refused to root itself, and the bounding set is empty."""
    held, raw, _, user, bound, no_new = said("privileges.give_up_capabilities()")

    assert (held, raw, user, bound, no_new) == ("0", "True", "0", "0", "1")


def test_nobody_owns_nothing_and_writes_nothing() -> None:
    assert said("privileges.become_nobody()") == ["0", "True", "True", str(65534), "0", "1"]
