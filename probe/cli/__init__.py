"""The command line: one file for each command, which parses, calls one function, prints and exits.

A command is imported only when it is called, so that `probe --version` and a round for cron import nothing that they do
not use. A command line of `check` or `run` that is plain (`probe.cli.command_line`) is read without click.
"""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from probe import __version__
from probe.lazy import lazy

if TYPE_CHECKING:
    import errno
    import io
    from collections.abc import Sequence
    from types import TracebackType

    from probe import errors
    from probe.cli import program
    from probe.cli.command_line import CommandLine
else:
    errors, program = lazy("probe.errors"), lazy("probe.cli.program")
    errno, io = lazy("errno"), lazy("io")

GC_THRESHOLDS = (10_000, 20, 20)
"""Thresholds of `gc.set_threshold`: new containers between two young collections, young between two middle ones, ..."""
_PLAIN_COMMANDS = frozenset({"check", "run"})
"""Commands with a `CommandLine`: what cron jobs and harnesses call."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status (`probe.errors.ExitStatus`).

    Args:
        arguments: the words after `probe`; None for those of the process.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words in (["--version"], ["-V"]):
        sys.stdout.write(f"probe {__version__}\n")
        return 0
    if words in (["--help"], ["-h"]) and _has_usual_width():
        return _print_help()
    if "PROBE_TRACEBACK" not in os.environ:
        sys.excepthook = _one_line
    show_any_text()
    relax_garbage_collection()
    try:
        return _run(words)
    except errors.ProbeError as error:
        say(str(error))
        return error.status
    except KeyboardInterrupt:
        return errors.ExitStatus.INTERRUPTED
    except BrokenPipeError:
        abandon_stdout()
        return errors.ExitStatus.NOT_ALL_WELL
    except OSError as error:
        say(describe(error))
        if error.errno == errno.ENOSPC:
            abandon_stdout()
        return errors.ExitStatus.NOT_ALL_WELL


def _run(words: Sequence[str]) -> int:
    """Run a plain command line itself, and leave any other to click."""
    if words and words[0] in _PLAIN_COMMANDS and "_PROBE_COMPLETE" not in os.environ:
        line: CommandLine = import_module(f"probe.cli.{words[0]}").COMMAND
        values = line.parse_plain(words[1:])
        if values is not None:
            return line.function(**values)
    return program.run_program(list(words))


def _has_usual_width() -> bool:
    """Whether click would write the help 80 columns wide, as the shipped text is."""
    if "COLUMNS" in os.environ:
        return False
    try:
        columns = os.get_terminal_size(sys.stdout.fileno()).columns
    except (AttributeError, OSError, ValueError):
        return True  # no terminal
    return columns <= 0 or columns >= 80


def _print_help() -> int:
    """Print the text that click made of the table of commands (`make references`): click is slow to import."""
    with open(os.path.join(os.path.dirname(__file__), "help.txt"), encoding="utf-8") as file:  # noqa: PTH118, PTH120, PTH123 - pathlib is slow to import, too
        sys.stdout.write(file.read())
    return 0


def relax_garbage_collection() -> None:
    """Collect garbage less often than Python's default of once in 700 new containers.

    A check creates thousands of containers, and reference counts free nearly all of them. The default took a twentieth
    of its time, and a tenth of that of imports. Cycles stay for longer instead: a few megabytes at most.
    """
    gc.set_threshold(*GC_THRESHOLDS)


def show_any_text() -> None:
    """Let standard output show what its encoding lacks as an escape: a target may have letters of any script."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def printable(line: str) -> str:
    """A line without the control characters that a stranger may have put into it: a terminal would obey them."""
    return line if line.isprintable() else "".join(c if c.isprintable() else "?" for c in line)


def say(text: str) -> None:
    """Print one line for the user on standard error."""
    line = printable(" ".join(text.split()))
    try:
        sys.stderr.write(f"probe: {line}\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        return  # standard error is closed, and there is no other place for the message


def describe(error: OSError) -> str:
    """An error of the operating system in one line: where, what, how to mend it."""
    place = f"{error.filename}: " if error.filename else ""
    advice = " (free some space and run it again)" if error.errno == errno.ENOSPC else ""
    return f"{place}{error.strerror or error}{advice}"


def abandon_stdout() -> None:
    """Send what is still buffered to the null device: the reader has closed the pipe, which is not an error."""
    try:
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, sys.stdout.fileno())
        os.close(sink)
    except (OSError, ValueError, AttributeError):
        return  # standard output has no file descriptor, as in tests


def _one_line(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print an unexpected exception in one line with its place; Python then exits with status 1."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" at {trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}" if trace is not None else ""
    say(f"fault in the program: {kind.__name__}: {error}{place} (please report it; PROBE_TRACEBACK=1 shows all)")


def examples(*lines: str) -> str:
    """The epilog of a command's help: these command lines, which click must not wrap."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
