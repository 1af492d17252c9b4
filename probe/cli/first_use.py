"""Say once, before the first `probe check`, who can see what it contacts."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from probe.cli.localisation import translate as _

MARKER_FILE = "check-risk-shown"
"""File of the state folder; it exists once the lines were shown."""
OPERATORS = {
    "1.1.1.1": "Cloudflare",
    "1.0.0.1": "Cloudflare",
    "9.9.9.9": "Quad9",
    "149.112.112.112": "Quad9",
    "8.8.8.8": "Google",
    "8.8.4.4": "Google",
}
"""Address of a well-known resolver -> who runs it."""


def warn_once(trusted_resolvers: Sequence[str], folder: Path) -> None:
    """Print two lines on standard error where it is a terminal, unless the state folder says that they were shown.

    A program that calls `probe check` reads neither, so nothing is printed, and nothing remembered, without a terminal.

    Args:
        trusted_resolvers: as the settings have them.
        folder: of the agent's state.
    """
    marker = folder / MARKER_FILE
    if not sys.stderr.isatty() or marker.exists():
        return
    for line in warning(trusted_resolvers):
        sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        marker.touch(mode=0o600)
    except OSError:
        return  # a folder that cannot be written: the lines are shown again


def warning(trusted_resolvers: Sequence[str]) -> tuple[str, ...]:
    """Who sees the contacts, and who is asked for the names."""
    line = _("This contacts the targets from your own line. Your provider, and whoever watches the line, can see that.")
    if not trusted_resolvers:
        return (line,)
    asked = _("{operators} are asked for every name (--trusted-resolver= asks none). This is said once.")
    return line, asked.format(operators=operators(trusted_resolvers))


def operators(trusted_resolvers: Sequence[str]) -> str:
    """Who runs the resolvers: names where they are known, else addresses."""
    names: dict[str, None] = {}
    for url in trusted_resolvers:
        authority = url.partition("://")[2].partition("/")[0]
        host = authority[1:].partition("]")[0] if authority.startswith("[") else authority.partition(":")[0]
        names[OPERATORS.get(host, host)] = None
    return ", ".join(names)
