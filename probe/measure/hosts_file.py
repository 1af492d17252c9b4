"""Which names programs on this host find elsewhere than at the network's resolvers.

getaddrinfo blocks, takes a thread and asks the network's resolver the question that we ask it ourselves. On an ordinary
Linux host it adds nothing but the hosts file, and that can be read: nsswitch.conf(5) says whether there is anything
else. Elsewhere (macOS, Windows, systemd-resolved, mDNS, LDAP) only getaddrinfo itself knows.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ETC = Path("/etc")
_PLAIN = frozenset({"files", "dns"})


def own_names(etc: Path = ETC, platform: str = sys.platform) -> frozenset[str] | None:
    """The names of the hosts file, where only it and DNS are asked; None where any name may come from elsewhere."""
    if platform != "linux" or os.environ.get("HOSTALIASES"):
        return None
    if not _sources(_read(etc / "nsswitch.conf")) <= _PLAIN:
        return None
    lines = (line.partition("#")[0].split() for line in _read(etc / "hosts").splitlines())
    return frozenset(name.rstrip(".").lower() for words in lines for name in words[1:])


def _sources(nsswitch: str) -> frozenset[str]:
    """Who is asked for hosts; nothing is said where there is no such file (musl) or line: files, then DNS."""
    for line in nsswitch.splitlines():
        database, separator, sources = line.partition("#")[0].partition(":")
        if separator and database.strip() == "hosts":
            return frozenset(sources.split())
    return frozenset()


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
