"""Give up the privileges of this process for good (Linux: capabilities(7), prctl(2))."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress
from pathlib import Path

NOBODY = 65534
"""User and group id that own nothing (on Linux the overflow id)."""

_PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 4, 24, 38, 47
_AMBIENT_CLEAR_ALL = 4
_CAPABILITY_VERSION_3 = 0x20080522
_HIGHEST_CAPABILITY = 63
"""The kernel keeps capabilities in two words of 32 bits."""


def give_up_capabilities() -> None:
    """Drop every capability of this process and the means to gain new ones. On systems other than Linux do nothing.

    Raises:
        PermissionError: the kernel left a capability.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    _empty_bounding_set(libc)
    libc.prctl(_PR_CAP_AMBIENT, _AMBIENT_CLEAR_ALL, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    libc.capset(header, (ctypes.c_uint32 * 6)())
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if held():
        raise PermissionError("this process kept a capability")


def _empty_bounding_set(libc: ctypes.CDLL) -> None:
    """Deny capabilities to programs run from here. The kernel refuses where the process has none, which is harmless."""
    for number in range(_HIGHEST_CAPABILITY + 1):
        libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0)


def become_nobody() -> None:
    """Give up root, groups, capabilities, core dumps and writing to files.

    Raises:
        PermissionError: the kernel left a capability.
    """
    import resource  # noqa: PLC0415 - Windows has no such module

    libc = ctypes.CDLL(None, use_errno=True)
    _empty_bounding_set(libc)  # as long as the process is root
    if os.geteuid() == 0:
        with suppress(OSError):  # a user namespace may have no such user; the capabilities are dropped anyway
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
    give_up_capabilities()
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    for limit in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        resource.setrlimit(limit, (0, 0))


def held() -> int:
    """The capabilities that this process has or may take, as bits; 0 when it has none."""
    words = Path("/proc/self/status").read_bytes().split()
    return int(words[words.index(b"CapEff:") + 1], 16) | int(words[words.index(b"CapPrm:") + 1], 16)
