"""Giving privileges up, for good (Linux: capabilities(7), prctl(2))."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress
from pathlib import Path

NOBODY = 65534
"""The user and group that own nothing (Linux: the overflow id)."""

_PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 4, 24, 38, 47
_AMBIENT_CLEAR_ALL = 4
_CAPABILITY_VERSION_3 = 0x20080522
_LAST = 63
"""The highest capability that the kernel's two words can hold."""


def give_up_capabilities() -> None:
    """Drop every capability of this process, and the way to new ones; does nothing elsewhere than on Linux.

    Raises:
        PermissionError: the kernel left one.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    _bind(libc)
    libc.prctl(_PR_CAP_AMBIENT, _AMBIENT_CLEAR_ALL, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    libc.capset(header, (ctypes.c_uint32 * 6)())
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if held():
        raise PermissionError("this process kept a capability")


def _bind(libc: ctypes.CDLL) -> None:
    """No program that is run from here can have a capability again; refused, and of no consequence, without one."""
    for number in range(_LAST + 1):
        libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0)


def become_nobody() -> None:
    """Give up root, groups, capabilities, core dumps and the right to write files.

    Raises:
        PermissionError: something was left.
    """
    import resource  # noqa: PLC0415 - not on Windows, where nobody asks for it

    libc = ctypes.CDLL(None, use_errno=True)
    _bind(libc)  # while root still may
    if os.geteuid() == 0:
        with suppress(OSError):  # a user namespace may know no such user; the capabilities are dropped all the same
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
    give_up_capabilities()
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    for limit in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        resource.setrlimit(limit, (0, 0))


def held() -> int:
    """The capabilities that this process has or may take, as a set of bits; 0 for none."""
    words = Path("/proc/self/status").read_bytes().split()
    return int(words[words.index(b"CapEff:") + 1], 16) | int(words[words.index(b"CapPrm:") + 1], 16)
