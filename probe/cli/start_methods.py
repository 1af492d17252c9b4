"""How the agent is started on this host: as a systemd service of the user, by cron, or by hand."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from probe.agent.identity import write_private_file
from probe.cli.localisation import translate as _
from probe.errors import ProbeError

SYSTEMD, CRON, NOTHING = "systemd", "cron", "nothing"
METHODS = (SYSTEMD, CRON, NOTHING)
UNIT = "probe-agent.service"
PACKAGED_UNITS = (Path("/usr/lib/systemd/system") / UNIT, Path("/lib/systemd/system") / UNIT)
"""Where the package of a distribution has the unit of the system."""
CRON_MINUTES = 10
CRON_MARK = "# probe-agent"
"""End of the crontab line that is ours; `probe setup` replaces it when it runs again."""
COMMAND_SECONDS = 30.0
"""Longest time for a command of the system."""
_UNIT_TEXT = """\
# The agent as a service of a user, without root. To end it for good: systemctl --user disable --now {unit}
# To keep it running while nobody is logged in: loginctl enable-linger
[Unit]
Description=Reachability probe agent
After=network-online.target

[Service]
Type=notify
{prepare}ExecStart={command}
ExecReload=/bin/sh -c "kill -HUP $MAINPID"
Restart=on-failure
RestartSec=30s
# Exit status 2: wrong settings, which a restart cannot correct.
RestartPreventExitStatus=2
WatchdogSec=10min
TimeoutStopSec=90s
UMask=0077
Nice=10

NoNewPrivileges=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
# An agent takes some 60 MB; a table of all announced prefixes (targets.prefixes) another 400 MB while it is read.
MemoryMax=768M
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
{confinement}
[Install]
WantedBy=default.target
"""
_PREPARE = """\
ExecStartPre=+/bin/mkdir -p -m 0700 {state}
"""
_CONFINEMENT = """
# It reads the home folder, and writes its state alone. This needs a user namespace. Where the system allows none
# (status 217 or 226 in `systemctl --user status {unit}`), delete the lines below.
ReadWritePaths=-{state}
CapabilityBoundingSet=
PrivateUsers=yes
PrivateDevices=yes
PrivateTmp=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=read-only
ProtectHostname=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProtectSystem=strict
"""
_NAMESPACE_TRIAL = ("PrivateUsers=yes", "PrivateTmp=yes", "ProtectSystem=strict", "ProtectKernelTunables=yes")


def program() -> tuple[str, ...]:
    """The words that start this program, wherever the caller stands and whatever is on the PATH."""
    beside = Path(sys.executable).with_name("probe.exe" if sys.platform == "win32" else "probe")
    return (str(beside),) if beside.is_file() else (sys.executable, "-m", "probe")


def offered(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The methods that this host has, the best first."""
    return tuple(
        method
        for method, found in (
            (SYSTEMD, _has_systemd(environ)),
            (CRON, sys.platform != "win32" and shutil.which("crontab") is not None),
            (NOTHING, True),
        )
        if found
    )


def _has_systemd(environ: Mapping[str, str]) -> bool:
    if sys.platform != "linux" or shutil.which("systemctl") is None:
        return False
    if is_root():
        return any(path.is_file() for path in PACKAGED_UNITS)
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    return bool(runtime) and (Path(runtime) / "systemd").is_dir()


def is_root() -> bool:
    """Whether this process may do everything on this host."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def unit_path(environ: Mapping[str, str]) -> Path:
    """The file of the user's unit (systemd.unit(5))."""
    base = environ.get("XDG_CONFIG_HOME")
    folder = Path(base) if base else Path(environ.get("HOME") or Path.home()) / ".config"
    return folder / "systemd" / "user" / UNIT


def unit_text(config: Path, state: Path | None = None) -> str:
    """The user's unit.

    Args:
        config: the settings.
        state: the folder that the agent may write, where files can be confined; None where they cannot.
    """
    words = [*program(), "run", "--config", str(config)]
    return render_unit(" ".join(map(_systemd_word, words)), "" if state is None else _systemd_word(str(state)))


def render_unit(command: str, state: str) -> str:
    """The text of a user's unit, from words as systemd reads them; empty for a state where files cannot be confined."""
    prepare, confinement = (_PREPARE, _CONFINEMENT) if state else ("", "")
    return _UNIT_TEXT.format(
        unit=UNIT,
        command=command,
        prepare=prepare.format(state=state),
        confinement=confinement.format(unit=UNIT, state=state),
    )


def _can_confine_files() -> bool:
    """Whether the user's service manager may use a user namespace: some distributions forbid it."""
    words = ["systemd-run", "--user", "--quiet", "--collect", "--service-type=oneshot"]
    words += [word for one in _NAMESPACE_TRIAL for word in ("--property", one)]
    try:
        done = subprocess.run(  # noqa: S603 - constant words
            [*words, "true"], capture_output=True, check=False, timeout=COMMAND_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _systemd_word(word: str) -> str:
    """A word of ExecStart (systemd.service(5), "Command lines"): quoted, without specifiers and variables."""
    text = word.replace("%", "%%").replace("$", "$$")
    if re.fullmatch(r"[A-Za-z0-9_./@:+=%$-]+", text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def cron_line(config: Path) -> str:
    """The line of the user's crontab; in it, `%` must be escaped (crontab(5))."""
    words = shlex.join([*program(), "run", "--once", "--config", str(config)]).replace("%", "\\%")
    return f"*/{CRON_MINUTES} * * * * {words} {CRON_MARK}"


def systemd_commands() -> list[list[str]]:
    """The commands that start the service now and at each start of the host."""
    if is_root():
        # Restarted, because it may run with the settings of before.
        return [["systemctl", "enable", UNIT], ["systemctl", "restart", UNIT]]
    return [
        ["systemctl", "--user", "daemon-reload"],
        ["systemctl", "--user", "enable", UNIT],
        ["systemctl", "--user", "restart", UNIT],
    ]


def describe(method: str, config: Path, environ: Mapping[str, str]) -> str:
    """What `install` would write and run; for `nothing`, what to do by hand."""
    if method == SYSTEMD:
        commands = "".join(f"\n  {shlex.join(words)}" for words in systemd_commands())
        if is_root():
            return _("These commands are run:") + commands
        said = _("The file {path} is written, and these commands are run:").format(path=unit_path(environ))
        hint = _("It ends when you log out, unless you run once: loginctl enable-linger")
        return f"{said}{commands}\n{hint}"
    if method == CRON:
        return _("This line is added to your crontab:") + f"\n  {cron_line(config)}"
    if sys.platform == "win32":
        return _("Nothing is installed. To start it at each log-in, make a task in the Task Scheduler that runs:") + (
            f"\n  {subprocess.list2cmdline([*program(), 'run', '--config', str(config)])}"
        )
    if sys.platform == "darwin":
        return _("Nothing is installed: you start it yourself. deploy/launchd has a file for launchd.")
    return _("Nothing is installed: you start it yourself.")


def install(method: str, config: Path, state: Path, environ: Mapping[str, str]) -> None:
    """Do what `describe` says.

    Args:
        method: one of `METHODS`.
        config: the settings.
        state: the folder that the agent writes.
        environ: of this process.

    Raises:
        ProbeError: a command of the system fails.
        StorageError: the unit cannot be written.
    """
    if method == SYSTEMD:
        if not is_root():
            text = unit_text(config, state.absolute() if _can_confine_files() else None)
            write_private_file(unit_path(environ), text.encode())
        for words in systemd_commands():
            _run(words)
    elif method == CRON:
        listed = subprocess.run(["crontab", "-l"], capture_output=True, text=True, check=False, timeout=COMMAND_SECONDS)  # noqa: S607 - the user's own PATH
        kept = listed.stdout if listed.returncode == 0 else ""
        _run(["crontab", "-"], with_cron_line(kept, cron_line(config)))


def with_cron_line(crontab: str, line: str) -> str:
    """A crontab with this line in place of the one that an earlier set-up wrote."""
    others = [one for one in crontab.splitlines() if not one.rstrip().endswith(CRON_MARK)]
    return "".join(f"{one}\n" for one in [*others, line])


def _run(words: Sequence[str], text: str = "") -> None:
    try:
        done = subprocess.run(  # noqa: S603 - constant commands
            words, input=text, capture_output=True, text=True, check=False, timeout=COMMAND_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ProbeError(f"{shlex.join(words)} cannot be run: {error}", mend="start the agent by hand") from error
    if done.returncode:
        said = " ".join(done.stderr.split())[:200] or f"exit status {done.returncode}"
        raise ProbeError(f"{shlex.join(words)}: {said}", mend="start the agent by hand: probe run")
