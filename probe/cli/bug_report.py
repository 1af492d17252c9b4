"""`probe bug-report`: one text file for whoever is asked for help, without what identifies the volunteer."""

from __future__ import annotations

import os
import platform
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import click
import msgspec

from probe import __version__
from probe.agent import watchlist
from probe.agent.agent_status import AgentStatus, read_status
from probe.agent.identity import write_private_file
from probe.cli import examples
from probe.cli.doctor import check_lines, examine
from probe.cli.localisation import translate as _
from probe.cli.scrubbing import scrubber
from probe.cli.status import agent_lines, problems, target_lines
from probe.clock import Clock
from probe.errors import ExitStatus, ProbeError, UsageError
from probe.measure.network_config import own_addresses
from probe.settings import Settings, load
from probe.settings.merge import load_file
from probe.settings.paths import state_folder

LIBRARIES = ("msgspec", "cryptography", "click", "rich", "aiohttp", "dnspython", "aioquic", "h2", "scapy")
MAX_LOG_LINES = 200
MAX_LOG_BYTES = 1024 * 1024
"""Bytes that are read from the end of a log."""
JOURNAL_SECONDS = 10.0
UNITS = ("probe-agent", "probe-agent-once")
"""Units of the package and of `probe setup` whose log is read."""


@click.command("bug-report", epilog=examples("probe bug-report", "probe bug-report --log agent.log -o report.txt"))
@click.option("--with-targets", is_flag=True, help="Keep the names of targets; otherwise they are left out.")
@click.option("--log", type=click.Path(path_type=Path), metavar="FILE", help="Log to take the last lines of.")
@click.option("--local", is_flag=True, help="Contact nobody, as in `probe doctor --local`.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="File to write.")
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="Settings file to read.")
def command(with_targets: bool, log: Path | None, local: bool, output: Path | None, config: Path | None) -> int:
    """Write a text file for whoever helps you: versions, settings, what doctor and status find, the end of the log.

    Left out are your addresses in any form, names of this host, user and home, keys, tokens, ids, the collector, your
    network and country, and the names of targets. Read the file before you give it away: nothing is sent.
    """
    settings = load(config, os.environ)
    folder = state_folder(settings.agent.state, os.environ)
    clock = Clock.parse(os.environ.get("PROBE_CLOCK", ""))
    found = read_status(settings, folder, clock.now())
    targets = _targets(settings) if with_targets else None
    parts = {
        _("Doctor"): "\n".join(check_lines(examine(settings, folder, clock, local=local))),
        _("Status"): "\n".join(_status_lines(found, with_targets=with_targets)),
        _("Log, last lines"): log_lines(log),
    }
    clean = scrubber(settings, found, own_addresses(), targets)
    head = {
        _("Versions"): "\n".join(versions()),
        _("Settings that differ from the defaults"): "\n".join(changes(settings)),
    }
    sections = head | {title: clean.scrubbed(text) for title, text in parts.items()}
    body = "\n\n".join(f"== {title} ==\n{text or '-'}" for title, text in sections.items())
    path = output or Path(f"probe-report-{clock.now():%Y%m%d-%H%M%S}.txt")
    write_private_file(path, f"{body}\n".encode())
    click.echo(_("Written: {file}. It has: {contents}.").format(file=path, contents=", ".join(sections).lower()))
    click.echo(_("Read it before you give it away. Nothing was sent."))
    return ExitStatus.OK


def versions() -> Iterator[str]:
    """The versions of the program, of Python, of the system and of the libraries that are installed."""
    yield f"probe {__version__}"
    yield f"Python {platform.python_version()} ({platform.python_implementation()}), {ssl.OPENSSL_VERSION}"
    yield f"{platform.system()} {platform.release()} {platform.machine()}"
    for name in LIBRARIES:
        try:
            yield f"{name} {metadata.version(name)}"
        except metadata.PackageNotFoundError:
            yield f"{name} -"


def changes(settings: Settings) -> Iterator[str]:
    """The settings that differ from the defaults: numbers and switches as they are, of others only that they differ."""
    defaults = msgspec.to_builtins(load_file(None, {}))
    for section, values in msgspec.to_builtins(settings).items():
        if not isinstance(values, dict):
            continue
        for name, value in values.items():
            if value == defaults[section][name]:
                continue
            plain = isinstance(value, bool | float | int) and (section, name) != ("network", "asn")
            size = f"{len(value)} items" if isinstance(value, list | tuple) else "set"
            yield f"{section}.{name} = {value if plain else f'({size})'}"


def log_lines(log: Path | None) -> str:
    """The last lines of a log file, else of the journal of the agent's units; empty where there is none.

    Raises:
        UsageError: the file cannot be read.
    """
    if log is None:
        return _last(_journal())
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - MAX_LOG_BYTES))
            return _last(file.read(MAX_LOG_BYTES))
    except OSError as error:
        raise UsageError(f"the log cannot be read: {error.strerror}", where=str(log)) from error


def _last(content: bytes) -> str:
    return "\n".join(content.decode("utf-8", "replace").splitlines()[-MAX_LOG_LINES:])


def _journal() -> bytes:
    """What the journal has of the agent's units, of this user and of the system."""
    program = shutil.which("journalctl")
    if program is None or sys.platform != "linux":
        return b""
    units = [word for unit in UNITS for word in ("-u", unit)]
    found = b""
    for scope in ((), ("--user",)):
        words = (
            program,
            *scope,
            *units,
            "-n",
            str(MAX_LOG_LINES),
            "-o",
            "short-iso",
            "--no-hostname",
            "--no-pager",
            "-q",
        )
        try:
            found += subprocess.run(words, capture_output=True, check=False, timeout=JOURNAL_SECONDS).stdout  # noqa: S603
        except (OSError, subprocess.SubprocessError):
            continue
    return found[-MAX_LOG_BYTES:]


def _status_lines(found: AgentStatus, *, with_targets: bool) -> Iterator[str]:
    if with_targets:
        yield from target_lines(found)
    else:
        groups = (found.blocked, found.unsettled, found.failing)
        yield "targets: {} blocked or slowed, {} not sure, {} failing, {} work".format(
            *map(len, groups), found.reachable
        )
    yield from agent_lines(found)
    yield from problems(found)


def _targets(settings: Settings) -> frozenset[str]:
    """The targets of the watchlist, and the parts of them by which texts name them."""
    try:
        texts = [text for text, _target in watchlist.load(settings).targets]
    except ProbeError:
        return frozenset()
    hosts = {text.partition("://")[2].partition("/")[0] for text in texts}
    return frozenset(texts) | hosts
