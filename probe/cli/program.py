"""The command group, and what a process sets up for itself: its log and its garbage collection."""

from __future__ import annotations

import gc
import logging
import os
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import cast

import click

from probe import __version__
from probe.errors import ExitStatus, UsageError

COMMANDS: dict[str, tuple[str, str]] = {
    "check": ("probe.cli.check:command", "Measure targets once, now, and judge them."),
    "judge": ("probe.cli.judge:command", "Judge the evidence of verdicts again with this version's rules."),
    "replay": ("probe.cli.replay:command", "Feed verdicts to the detector and print the transitions."),
    "explain": ("probe.cli.explain:command", "Show why a change of a target was or was not reported."),
    "run": ("probe.cli.run:command", "Watch the targets: as a daemon, or once for cron."),
    "enrol": ("probe.cli.enrol:command", "Register this agent at a collector with a one-time token."),
    "doctor": ("probe.cli.doctor:command", "Report the health of the agent on this host."),
    "collector": ("probe.cli.collector:command", "Run a collector and administer it."),
    "targets": ("probe.cli.targets:command", "List, validate, import and download targets."),
}
"""Name of a command -> (module:attribute of the click command, one line for `probe --help`)."""
GC_THRESHOLDS = (10_000, 20, 20)
"""Thresholds of `gc.set_threshold`: new containers between two young collections, young between two middle ones, ..."""
_PRIORITIES = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (logging.NOTSET, 7))
"""Log level -> priority of syslog(3), which journald reads from a leading `<N>` (sd-daemon(3))."""

EPILOG = """\b
Try:
  probe check https://example.com/    measure one target now
  probe run --dry-run                 print what the agent would contact
  probe targets list                  the services that ship with the program

Exit status: 0 all well (every target reachable); 1 not all well; 2 bad usage or unreadable input;
3 the vantage is offline."""


class _LazyGroup(click.Group):
    """A group that imports a command when it is called, not when the help lists it."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - likewise
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        return cast("click.Command", getattr(import_module(module), attribute))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - likewise
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=_LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", message="probe %(version)s")
def program() -> None:
    """Notice when a network blocks a service, and when it stops."""


def run_program(words: list[str]) -> int:
    """Parse the words after `probe`, run the command, return its exit status.

    Raises:
        UsageError: the words are no valid command line.
    """
    try:
        status = program.main(args=words, prog_name="probe", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as help_wanted:
        click.echo(help_wanted.ctx.get_help())
        return ExitStatus.USAGE
    except click.FileError as error:
        raise UsageError(error.message, where=error.ui_filename) from error
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx is not None else "probe"
        raise UsageError(error.format_message().rstrip("."), mend=f"see {path} --help") from error
    except click.Abort:
        return ExitStatus.INTERRUPTED
    return status if isinstance(status, int) else ExitStatus.OK


class _OneLine(logging.Formatter):
    """One line for each record; of a traceback only the last line, unless PROBE_TRACEBACK is set."""

    def __init__(self, *, journal: bool, stacks: bool) -> None:
        super().__init__("%(message)s" if journal else "%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S%z")
        self._journal = journal
        self._stacks = stacks

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        if not self._stacks and record.exc_info:
            head, *_, last = text.splitlines()
            text = f"{head}: {last}"
        if self._journal:
            return f"<{next(number for level, number in _PRIORITIES if record.levelno >= level)}>{text}"
        return text


def configure_logging(level: int, environ: Mapping[str, str] = os.environ) -> None:
    """Log at this level and above to standard error; with priorities instead of times where the journal reads it."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine(journal="JOURNAL_STREAM" in environ, stacks="PROBE_TRACEBACK" in environ))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    logging.getLogger("asyncio").setLevel(max(level, logging.WARNING))


def relax_garbage_collection() -> None:
    """Collect garbage less often than Python's default of once in 700 new containers.

    A check creates thousands of containers, and reference counts free nearly all of them. The default took a twentieth
    of its time. Cycles stay for longer instead: a few megabytes at most.
    """
    gc.set_threshold(*GC_THRESHOLDS)
