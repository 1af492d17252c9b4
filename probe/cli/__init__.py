"""The command line: a file a command, each of which parses, calls one function, prints and exits.

Commands are found in `COMMANDS` and imported only when they are asked for, so that `probe --version` and a cron job
start without what they do not use. This module itself imports nothing but the exceptions.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from types import TracebackType

from probe import __version__
from probe.errors import ExitStatus, ProbeError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status (`probe.errors.ExitStatus`).

    Args:
        arguments: the words after `probe`; those of the process when None.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words in (["--version"], ["-V"]):
        sys.stdout.write(f"probe {__version__}\n")
        return ExitStatus.OK
    if "PROBE_TRACEBACK" not in os.environ:
        sys.excepthook = _one_line
    try:
        from probe.cli.program import run_program  # noqa: PLC0415 - click costs more than all of the above

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


def say(text: str) -> None:
    """One line for the person, on standard error."""
    line = " ".join(text.split())
    try:
        sys.stderr.write(f"probe: {line}\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        return  # nobody listens, and there is no other place to complain


def describe(error: OSError) -> str:
    """An error of the operating system as one clear line: what, where, how to mend it."""
    place = f"{error.filename}: " if error.filename else ""
    advice = " (free some space and run it again)" if error.errno == errno.ENOSPC else ""
    return f"{place}{error.strerror or error}{advice}"


def abandon_stdout() -> None:
    """Let the interpreter's last flush go nowhere: the reader has gone, and that is no fault."""
    try:
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, sys.stdout.fileno())
        os.close(sink)
    except (OSError, ValueError, AttributeError):
        return  # standard output is not a file of the process (a test's buffer)


def _one_line(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """A fault of ours, as one line with its place; Python's own exit status for it is 1."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" at {trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}" if trace is not None else ""
    say(f"fault in the program: {kind.__name__}: {error}{place} (please report it; PROBE_TRACEBACK=1 shows all)")
