"""Servers that tests start: they end with the test, also when it is killed, and leave no folder behind.

Some servers refuse to run as root. Under root they run as another user, in a folder that belongs to that user.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

PR_SET_PDEATHSIG = 1
"""Option of prctl(2): the signal that a process gets when its parent ends."""
REMOVER = """
import pathlib, shutil, sys, time
sys.stdin.read()
for _ in range(100):  # the servers that write there are ending, too
    shutil.rmtree(sys.argv[1], ignore_errors=True)
    if not pathlib.Path(sys.argv[1]).exists():
        break
    time.sleep(0.1)
"""


def unprivileged_user() -> pwd.struct_passwd | None:
    """The user that servers run as under root; None where the tests do not run as root."""
    if os.geteuid() != 0:
        return None
    names = {each.pw_name: each for each in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]


@contextmanager
def vanishing_folder(prefix: str) -> Iterator[Path]:
    """A new folder of the unprivileged user, removed at the end and also when this process is killed."""
    path = Path(tempfile.mkdtemp(prefix=prefix))
    user = unprivileged_user()
    if user is not None:
        os.chown(path, user.pw_uid, user.pw_gid)
    remover = subprocess.Popen(
        (sys.executable, "-I", "-c", REMOVER, str(path)), stdin=subprocess.PIPE, start_new_session=True
    )
    try:
        yield path
    finally:
        remover.communicate()


def start_child(
    command: Sequence[str | Path],
    *,
    log: IO[Any] | int,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    end: signal.Signals = signal.SIGKILL,
) -> subprocess.Popen[bytes]:
    """Start a server as the unprivileged user.

    Args:
        command: its words.
        log: where its output goes.
        environment: its variables; those of this process by default.
        folder: its working folder.
        end: the signal that it gets when this process ends.
    """
    user = unprivileged_user()
    as_user: dict[str, Any] = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
    libc = ctypes.CDLL(None)

    def die_with_parent() -> None:  # called after the change of the user, which would clear the setting
        libc.prctl(PR_SET_PDEATHSIG, int(end), 0, 0, 0)

    return subprocess.Popen(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        env=None if environment is None else dict(environment),
        cwd=folder,
        preexec_fn=die_with_parent,  # noqa: PLW1509 - it calls one function of the C library
        **as_user,
    )
