"""The reference pages of `docs/reference/`, two files of the package and its catalogues of texts, made from the code.

``make references`` (``python -m tests.references --write``) writes them; ``tests/unit/test_references.py`` fails while
a page differs from the code.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import re
import subprocess
import sys
import tempfile
import textwrap
import tomllib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, get_args, get_type_hints

import click
import msgspec

from deploy.generate.completion import completions
from deploy.generate.manual_pages import manual_pages
from probe.cli import start_methods
from probe.cli.program import program
from probe.clock import Clock
from probe.collector import metrics, server
from probe.collector.state import Collector
from probe.collector.store.database_url import open_store
from probe.collector.web import parameters
from probe.formats.batch import Batch
from probe.model.verdict import Verdict
from probe.settings.options import SECTIONS
from tests import catalogues

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "reference"
NOTE = "*Made from the code by `make references`; do not edit.*"
HELP_WIDTH = 110
WIDTH = 120
UNBROKEN: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}


def page(title: str, *paragraphs: str) -> list[str]:
    """The beginning of a page."""
    return [f"# {title}\n", f"{NOTE}\n", *(f"{textwrap.fill(text, WIDTH, **UNBROKEN)}\n" for text in paragraphs)]


def commands() -> str:
    """The page of every command, its arguments and options."""
    head = page(
        "Commands",
        "Exit status of every command: 0 all is well; 1 something is not (a target is not reachable, a row is bad);"
        " 2 wrong usage or unreadable input; 3 the vantage is offline; 130 interrupted. Results go to standard output,"
        " messages for a person to standard error.",
    )
    helps = [f"## {name}\n\n```text\n{text}\n```\n" for name, text in command_helps(program, "probe")]
    return "\n".join(head + helps)


def command_helps(command: click.Command, name: str, parent: click.Context | None = None) -> Iterator[tuple[str, str]]:
    """Name and help of a command, then of those below it."""
    last = name.rpartition(" ")[2]
    # click keeps the help option of the first context: give it the names that a user sees, whoever comes first.
    context = click.Context(
        command,
        info_name=last,
        parent=parent,
        terminal_width=HELP_WIDTH,
        max_content_width=HELP_WIDTH,
        **command.context_settings,
    )
    yield name, "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            if (found := command.get_command(context, child)) is not None:
                yield from command_helps(found, f"{name} {child}", context)


def settings() -> str:
    """The page of every setting, from `defaults.toml` and the types of `probe/settings/options.py`."""
    text = (ROOT / "probe/settings/defaults.toml").read_text()
    defaults = tomllib.loads(text)
    explained = explanations(text)
    lines = page(
        "Settings",
        "The first of these files that exists is read, alone: the one that `--config` or `PROBE_CONFIG` names,"
        " `$XDG_CONFIG_HOME/probe/probe.toml` (usually `~/.config/probe/probe.toml`), `/etc/probe/probe.toml`. A"
        " command-line option overrides a variable (`PROBE_<SECTION>_<KEY>`), a variable the file, the file the"
        " default. `probe run --check-config` reads everything, says what is wrong, and exits.",
    )
    for section, record in SECTIONS.items():
        lines.append(f"## [{section}]\n")
        for key, kind in get_type_hints(record, include_extras=True).items():
            default = json.dumps(defaults[section][key])
            takes = next(meta.description for meta in get_args(kind) if isinstance(meta, msgspec.Meta))
            lines.append(f"### `{section}.{key}`\n\nDefault `{default}`; {takes}.\n")
            lines.append(f"{textwrap.fill(explained[section, key], WIDTH, **UNBROKEN)}\n")
    return "\n".join(lines)


def explanations(text: str) -> dict[tuple[str, str], str]:
    """The comment above each setting of `defaults.toml`, by section and key."""
    found: dict[tuple[str, str], str] = {}
    section, comment = "", []
    for line in text.splitlines():
        if line.startswith("#"):
            comment.append(line.removeprefix("#").strip())
            continue
        if named := re.match(r"\[(\w+)\]", line):
            section = named[1]
        elif named := re.match(r"(\w+) =", line):
            found[section, named[1]] = " ".join(comment)
        comment = []
    return found


def metric_list() -> str:
    """The page of the collector's metrics."""
    about = "`/metrics` of the collector, in Prometheus' text format. No label carries a target, a service or an agent."
    rows = [
        f"| `{metrics.PREFIX}{name}` | {'gauge' if name in metrics.GAUGES else 'counter'} | {text} |"
        for name, text in metrics.HELP.items()
    ]
    return "\n".join([*page("Metrics", about), "| name | type | what |", "| --- | --- | --- |", *rows, ""])


def http_interface() -> str:
    """The page of the collector's routes and queries, from the application's table and from docstrings."""
    head = page(
        "The collector's HTTP interface",
        "Pages and feeds are for people and their readers; `/api/v1/` is data (JSON). Errors under `/api/` are JSON"
        " with a `code` and a `message`. [batch.schema.json](batch.schema.json) describes a batch,"
        " [verdict.schema.json](verdict.schema.json) a verdict and its evidence.",
    )
    rows = [f"| `{path}` | {method} | {text} |" for path, method, text in asyncio.run(routes())]
    queries = [part for record in query_records() for part in query_table(record)]
    return "\n".join([*head, "| path | method | what |", "| --- | --- | --- |", *rows, "", *queries])


async def routes() -> list[tuple[str, str, str]]:
    """Path, method and first paragraph of the handler's docstring of every route."""
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder) / "collector.db")
        try:
            app = server.application(Collector(store, Clock(), "https://collector.example", b""))
            return [
                (route.resource.canonical, route.method, first_paragraph(route.handler))
                for route in app.router.routes()
                if route.method != "HEAD" and route.resource is not None
            ]
        finally:
            await store.close()


def first_paragraph(handler: object) -> str:
    """The first paragraph of a handler's docstring in one line, without a path before its colon."""
    text = inspect.getdoc(handler) or "Files of the pages."
    return re.sub(r"^`[^`]*`: ", "", " ".join(text.partition("\n\n")[0].split())).replace("|", r"\|")


def query_records() -> list[type]:
    """The records that queries are read into."""
    return [value for name, value in sorted(vars(parameters).items()) if name.endswith("Query") and name != "Query"]


def query_table(record: type) -> list[str]:
    """What a query takes, from the attributes in the record's docstring."""
    about, _, attributes = (inspect.getdoc(record) or "").partition("\n\nAttributes:\n")
    on_the_wire = [re.sub(r"^\w+: (`\w+`) on the wire: ", r"- \1: ", line.strip()) for line in attributes.splitlines()]
    rows = [re.sub(r"^(\w+): ", r"- `\1`: ", line).replace("None for", "without it") for line in on_the_wire]
    return [f"## {about.replace('Query of', 'The query of').rstrip('.')}\n", *rows, ""]


def schema(record: type, title: str) -> str:
    """The JSON Schema (draft 2020-12) of a record."""
    made: dict[str, Any] = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title}
    made |= msgspec.json.schema(record)
    for definition in made["$defs"].values():
        if "description" in definition:
            definition["description"] = inspect.cleandoc(definition["description"])
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "commands.md": commands,
    "settings.md": settings,
    "metrics.md": metric_list,
    "http-interface.md": http_interface,
    "verdict.schema.json": lambda: schema(Verdict, "A verdict: one line of `probe check --json`"),
    "batch.schema.json": lambda: schema(Batch, "A batch: what an agent sends to a collector"),
}


def main_help() -> str:
    """What `probe --help` prints on a terminal of 80 columns or more: the program prints this file, without click."""
    environ = {key: value for key, value in os.environ.items() if key != "COLUMNS"}
    script = "from probe.cli.program import run_program; run_program(['--help'])"
    words = [sys.executable, "-c", script]
    return subprocess.run(words, capture_output=True, text=True, check=True, env=environ, cwd=ROOT).stdout


def default_values() -> str:
    """The values of `defaults.toml`, in a form that is quick to read."""
    return json.dumps(tomllib.loads((ROOT / "probe/settings/defaults.toml").read_text()), indent=1) + "\n"


PACKAGE_FILES: dict[str, Callable[[], str]] = {
    "probe/cli/help.txt": main_help,
    "probe/settings/defaults.json": default_values,
}
"""Files of the package that save an import at each start."""


def shell_files() -> dict[str, Callable[[], str]]:
    """Manual pages and shell completion, which packages install."""
    made = {f"deploy/man/{name}": text for name, text in manual_pages().items()}
    made |= {f"deploy/completion/{name}": text for name, text in completions().items()}
    return {name: partial(str, text) for name, text in made.items()}


def user_unit() -> str:
    """The unit that `probe setup` writes for a user, for the usual places."""
    return start_methods.render_unit("/usr/bin/probe run --config %E/probe/probe.toml", "%h/.local/state/probe")


MADE = {f"docs/reference/{name}": make for name, make in PAGES.items()} | PACKAGE_FILES | shell_files()
MADE["deploy/systemd/user/probe-agent.service"] = user_unit
"""Path below the root -> what makes the file."""


def main(words: list[str]) -> int:
    """Write the files that differ with `--write`, else name them; 0 where none differs or all are written."""
    differing = [name for name, make in MADE.items() if not current(name, make())]
    for name in differing:
        if words == ["--write"]:
            (ROOT / name).parent.mkdir(exist_ok=True)
            (ROOT / name).write_text(MADE[name]())
        sys.stdout.write(f"{'written' if words == ['--write'] else 'differs'}: {name}\n")
    if words == ["--write"]:
        catalogues.write()
    return int(bool(differing) and words != ["--write"])


def current(name: str, text: str) -> bool:
    """Whether the file in the tree is this text."""
    path = ROOT / name
    return path.exists() and path.read_text() == text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
