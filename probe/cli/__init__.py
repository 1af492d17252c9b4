"""The command line: one file for each command, which parses, calls one function, prints and exits.

A command is imported only when it is called, so that `probe --version` and a round for cron import nothing that they do
not use. This module imports only the exceptions.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Sequence
from types import TracebackType

from probe import __version__
from probe.errors import ExitStatus, ProbeError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status (`probe.errors.ExitStatus`).

    Args:
        arguments: the words after `probe`; None for those of the process.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words in (["--version"], ["-V"]):
        sys.stdout.write(f"probe {__version__}\n")
        return ExitStatus.OK
    if "PROBE_TRACEBACK" not in os.environ:
        sys.excepthook = _one_line
    show_any_text()
    try:
        from probe.cli.program import run_program  # noqa: PLC0415 - importing click takes longer than all of the above

        return run_program(words)
    except ProbeError as error:
        say(str(error))
        return error.status
    except KeyboardInterrupt:
        return ExitStatus.INTERRUPTED
    except BrokenPipeError:
        abandon_stdout()
        return ExitStatus.NOT_ALL_WELL
    except OSError as error:
        say(describe(error))
        if error.errno == errno.ENOSPC:
            abandon_stdout()
        return ExitStatus.NOT_ALL_WELL


def show_any_text() -> None:
    """Let standard output show what its encoding lacks as an escape: a target may have letters of any script."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def say(text: str) -> None:
    """Print one line for the user on standard error."""
    line = " ".join(text.split())
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
