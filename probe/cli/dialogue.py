"""Questions to a person on a terminal: each takes `?` for help and `q` to stop without a change."""

from __future__ import annotations

import contextlib
import getpass
import io
import sys
from collections.abc import Callable
from typing import NoReturn, TypeVar

from probe.cli.localisation import translate as _
from probe.errors import ProbeError, UsageError

T = TypeVar("T")

HELP_KEY, STOP_KEY = "?", "q"


class SetupStoppedError(ProbeError):
    """The person stopped before anything was changed."""


def tell(text: str = "") -> None:
    """Print a line, or several, for the person."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def ask(question: str, *, about: str, read: Callable[[str], T], suggestion: str = "") -> T:
    """The answer to a question, asked again until it can be read.

    Args:
        question: one line.
        about: the help for it.
        read: makes the value of the text; raises UsageError where it is none.
        suggestion: the text that an empty answer stands for.

    Raises:
        SetupStoppedError: the person stopped.
    """
    while True:
        text = _line(f"{question} [{suggestion}] " if suggestion else f"{question} ", about)
        try:
            return read(text or suggestion)
        except UsageError as error:
            tell(f"  {error}")


def ask_secret(question: str, *, about: str, read: Callable[[str], T]) -> T:
    """Likewise, without showing on the terminal what is typed."""
    while True:
        text = _line(f"{question} ", about, hidden=True)
        try:
            return read(text)
        except UsageError as error:
            tell(f"  {error}")


def confirm(question: str, *, about: str) -> bool:
    """Whether the person agrees, which takes the whole word `yes`, in English or in their language.

    Args:
        question: one line.
        about: the help for it.

    Raises:
        SetupStoppedError: the person stopped.
    """
    yes, no = _("yes"), _("no")
    while True:
        text = _line(f"{question} ({yes}/{no}) ", about).lower()
        if text in {"yes", yes}:
            return True
        if text in {"n", "no", no}:
            return False
        tell(_("  Write {yes} or {no}; ? explains, q stops.").format(yes=yes, no=no))


def read_yes_or_no(text: str) -> bool:
    """Whether a text means yes.

    Raises:
        UsageError: it means neither yes nor no.
    """
    yes, no = _("yes"), _("no")
    if text.lower() in {"y", "yes", yes}:
        return True
    if text.lower() in {"n", "no", no}:
        return False
    raise UsageError(_("write {yes} or {no}").format(yes=yes, no=no))


def is_on_terminal() -> bool:
    """Whether a person can answer."""
    return sys.stdin is not None and sys.stdin.isatty()


def stop() -> NoReturn:
    """End without a change.

    Raises:
        SetupStoppedError: always.
    """
    raise SetupStoppedError(_("stopped; nothing was contacted and nothing was changed"))


def _line(prompt: str, about: str, *, hidden: bool = False) -> str:
    """What is typed at the prompt, after any help; stops at `q` and at the end of the input."""
    if isinstance(sys.stdin, io.TextIOWrapper):
        with contextlib.suppress(io.UnsupportedOperation):
            sys.stdin.reconfigure(errors="replace")
    while True:
        try:
            text = (getpass.getpass(prompt) if hidden else input(prompt)).strip()
        except (EOFError, KeyboardInterrupt):
            tell()
            stop()
        if text.lower() == STOP_KEY:
            stop()
        if text != HELP_KEY:
            return text
        tell(about)
