"""Manual pages (man(7)): `probe.1` for the program, and one page for each command with those below it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from deploy.generate.command_tree import DocumentedCommand, DocumentedOption, command_tree

NOTE = r".\" Made from the code by `make references`; do not edit."
RISK = (
    "An agent contacts services that your network may block or your state may dislike, from your own line, again and"
    " again. Whoever watches the line can see that, and nothing hides it. If you are at risk, do not run it at home."
    " Nothing is contacted before you have agreed: `probe run --dry-run` prints what would be."
)
FILES = (
    ("~/.config/probe/probe.toml", "Settings of a user; $XDG_CONFIG_HOME is honoured."),
    ("/etc/probe/probe.toml", "Settings of the host, read where the user has none."),
    ("~/.local/state/probe", "Key, enrolment and state of a user's agent; $XDG_STATE_HOME is honoured."),
    ("/var/lib/probe", "The same of the host's agent."),
)
EXIT_STATUS = (
    ("0", "All is well: every target is reachable."),
    ("1", "Something is not well: a target is not reachable, or a row of a list is bad."),
    ("2", "Wrong usage or unreadable input."),
    ("3", "The vantage is offline."),
    ("130", "Interrupted."),
)


def manual_pages() -> dict[str, str]:
    """Name of a page -> its text."""
    tree = command_tree()
    pages = {"probe.1": _program_page(tree)}
    for command in tree.commands:
        pages[f"{'-'.join(command.words)}.1"] = _command_page(command)
    return pages


def _program_page(tree: DocumentedCommand) -> str:
    lines = _head("probe", tree.summary)
    lines += [".SH SYNOPSIS", *_synopsis(tree), ".SH DESCRIPTION", *_text(tree.about)]
    lines += [".SH RISK", _line(RISK), ".SH COMMANDS"]
    for command in tree.commands:
        lines += [".TP", f".BR {_escape('-'.join(command.words))} (1)", _line(f"{command.summary}.")]
    lines += _options(tree)
    lines += [".SH EXIT STATUS", *_terms(EXIT_STATUS), ".SH FILES", *_terms(FILES)]
    return _end(lines, [f"{'-'.join(command.words)}" for command in tree.commands])


def _command_page(command: DocumentedCommand) -> str:
    lines = _head("-".join(command.words), command.summary)
    lines += [".SH SYNOPSIS"]
    for number, one in enumerate(one for one in command.below() if not one.commands):
        lines += [*([".br"] if number else []), *_synopsis(one)]
    lines += [".SH DESCRIPTION", *_text(command.about), *_options(command), *_epilog(command)]
    if command.commands:
        lines.append(".SH COMMANDS")
    for one in command.below():
        if one is not command:
            lines += [f'.SS "{_escape(" ".join(one.words))}"', *_text(one.about)]
            lines += [line for option in one.options for line in _option(option)]
            lines += _text(_without_heading(one.epilog))
    return _end(lines, ["probe"])


def _head(name: str, summary: str) -> list[str]:
    title = f'.TH {_escape(name.upper())} 1 "" "reachability\\-probe" "User Commands"'
    return [NOTE, title, ".SH NAME", f"{_escape(name)} \\- {_escape(summary[:1].lower() + summary[1:])}"]


def _end(lines: list[str], others: list[str]) -> str:
    listed = [f".BR {_escape(name)} (1){',' if name != others[-1] else ''}" for name in others]
    return "\n".join([*lines, ".SH SEE ALSO", *listed, ""])


def _synopsis(command: DocumentedCommand) -> list[str]:
    return [f".B {_escape(' '.join(command.words))}", _line(command.usage)]


def _options(command: DocumentedCommand) -> list[str]:
    if not command.options:
        return []
    return [".SH OPTIONS", *(line for option in command.options for line in _option(option))]


def _option(option: DocumentedOption) -> Iterator[str]:
    spellings = ", ".join(rf"\fB{_escape(one)}\fR" for one in option.spellings)
    yield ".TP"
    yield f"{spellings} \\fI{_escape(option.value)}\\fR" if option.value else spellings
    yield _line(option.about)


def _epilog(command: DocumentedCommand) -> list[str]:
    return [".SH EXAMPLES", *_text(_without_heading(command.epilog))] if command.epilog else []


def _without_heading(epilog: str) -> str:
    """An epilog without its own heading, since the page has one."""
    return epilog.replace("Examples:\n", "", 1)


def _terms(terms: tuple[tuple[str, str], ...]) -> list[str]:
    return [line for term, about in terms for line in (".TP", f".B {_escape(term)}", _line(about))]


def _text(text: str) -> list[str]:
    r"""Paragraphs as man(7) wants them; a paragraph after `\b` keeps its lines, as click does."""
    lines: list[str] = []
    for paragraph in filter(None, re.split(r"\n\s*\n", text)):
        kept = paragraph.lstrip().startswith("\b")
        rows = [row for row in paragraph.replace("\b", "").splitlines() if row.strip()]
        lines += [".PP", ".nf", *map(_line, rows), ".fi"] if kept else [".PP", _line(" ".join(" ".join(rows).split()))]
    return lines


def _line(text: str) -> str:
    """A line of text that is no request."""
    escaped = _escape(text)
    return rf"\&{escaped}" if escaped.startswith((".", "'")) else escaped


def _escape(text: str) -> str:
    return text.replace("\\", r"\e").replace("-", r"\-").replace("`", "").replace('"', r"\(dq")
