"""Show what `probe setup` would change, and change it: enrol, write the settings, have the agent started."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from probe.agent import watchlist
from probe.agent.identity import write_private_file
from probe.agent.traffic_budget import limits
from probe.cli import say, start_methods
from probe.cli.dialogue import tell
from probe.cli.enrol import enrol_at
from probe.cli.localisation import translate as _
from probe.cli.risk_texts import cost_text, day_total
from probe.cli.setup_questions import read_collector
from probe.clock import Clock
from probe.errors import EnrolmentRefusedError, ExitStatus, UplinkError, UsageError
from probe.settings import Settings, load_file
from probe.settings.paths import settings_file, state_folder
from probe.settings.toml_edit import edited, rendered

METERED = "metered"
"""The preset of `[budget]` for lines that cost by volume."""
TOKEN_FILE = "token"  # noqa: S105 - a file's name
"""File of the state folder with a token that could not be used yet."""


class SetupAnswers(NamedTuple):
    """What the person, or the command line, chose.

    Attributes:
        asn: of the network; 0 for unknown.
        country: two capitals; empty for unknown.
        services: for `[targets] services`.
        collector: its origin; empty for none.
        token: to enrol with now; empty for not now.
        token_file: for the agent to enrol with by itself; empty for none.
        state: folder of the state; None where the settings stay.
        metered: whether the line costs by volume.
        start: a method of `probe.cli.start_methods`.
        started_by_caller: whether the caller starts the agent at once (`make run`), so that no next step is printed.
    """

    asn: int
    country: str
    services: tuple[str, ...]
    collector: str
    token: str
    token_file: str
    state: str | None
    metered: bool
    start: str
    started_by_caller: bool = False


class SettingsPlan(NamedTuple):
    """A settings file before and after.

    Attributes:
        path: of the file.
        old: its text; empty where there is none.
        new: the text to write.
    """

    path: Path
    old: str
    new: str

    @property
    def replaces(self) -> bool:
        """Whether a file that is there would change."""
        return bool(self.old) and self.old != self.new


def followed(path: Path) -> Path:
    """The file that a path stands for, behind symbolic links: a link stays, and its file is changed.

    Raises:
        UsageError: the links lead round in a circle.
    """
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:
        raise UsageError("links lead nowhere", where=str(path), mend="name another with --config") from error


def read_text(path: Path) -> str:
    """The text of a settings file; empty where there is none.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise UsageError(f"cannot be read: {said}", where=str(path), mend="name another with --config") from error


def changes(before: Settings, answers: SetupAnswers) -> dict[tuple[str, str], object]:
    """The settings to write. Further addresses of the same collector stay."""
    known = before.agent.collectors
    keep = bool(known) and read_collector(known[0]) == answers.collector
    found: dict[tuple[str, str], object] = {
        ("agent", "consent"): True,
        ("agent", "collectors"): known if keep else (answers.collector,) if answers.collector else (),
        ("network", "asn"): answers.asn,
        ("network", "country"): answers.country,
        ("targets", "services"): answers.services,
    }
    if answers.metered != (before.budget.preset == METERED):
        found["budget", "preset"] = METERED if answers.metered else "none"
    if answers.state is not None:
        found["agent", "state"] = answers.state
    if answers.token_file:
        found["agent", "token_file"] = answers.token_file
    return found


def show(plan: SettingsPlan, answers: SetupAnswers) -> None:
    """Print the differences, the cost, and what would be done beside writing the settings."""
    tell()
    lines = list(differences(plan.old, plan.new))
    title = _("To be written to {path}:") if lines else _("{path} stays as it is.")
    tell(title.format(path=plan.path))
    for line in lines:
        tell(f"  {line}")
    settings = settings_of(plan.new)
    tell(cost_text(day_total(settings, watchlist.load(settings))))
    if most := limits(settings.budget)[1].octets:
        tell(_("  The budget ends it at {megabytes:.0f} MB a month.").format(megabytes=most / 1e6))
    if answers.token:
        tell(_("This agent will be enrolled at {collector}.").format(collector=answers.collector))
    if not answers.started_by_caller:
        tell(start_methods.describe(answers.start, plan.path, os.environ))
    if not answers.collector:
        tell(_("No control: silence and resets cannot be told from a dead site. A collector has one."))
    tell()


def differences(old: str, new: str) -> Iterator[str]:
    """A line for each setting that differs between two texts: `network.asn = 64500`, and the old value behind it."""
    before, after = _flat(old), _flat(new)
    for name in dict.fromkeys((*after, *before)):
        if before.get(name) == after.get(name):
            continue
        was = f"  ({_('was')} {rendered(before[name])})" if name in before else ""
        yield f"{name} = {rendered(after[name])}{was}" if name in after else f"{name}: -{was}"


def settings_of(text: str) -> Settings:
    """The settings that a text stands for, with the environment.

    Raises:
        SettingsError: a value is bad.
    """
    return load_file(None, os.environ, _flat(text))


def apply(plan: SettingsPlan, answers: SetupAnswers) -> ExitStatus:
    """Enrol, write the settings, have the agent started, and say what comes next.

    Raises:
        StorageError: the settings or the unit cannot be written.
        ProbeError: a command of the system fails.
    """
    settings = settings_of(plan.new)
    text, problem = plan.new, ""
    if answers.token:
        text, problem = _enrolled(plan.new, settings, answers)
    if text != plan.old:
        _write(plan.path, text)
        tell(_("Written: {path}").format(path=plan.path))
    if plan.replaces and answers.start == start_methods.NOTHING:
        tell(_("An agent that runs reads them when it is started again."))
    state = state_folder(settings.agent.state, os.environ)
    start_methods.install(answers.start, plan.path, state, os.environ)
    for line in () if answers.started_by_caller else _next_steps(plan.path, answers.start):
        tell(line)
    if problem:
        say(problem)
    return ExitStatus.NOT_ALL_WELL if problem else ExitStatus.OK


def _enrolled(text: str, settings: Settings, answers: SetupAnswers) -> tuple[str, str]:
    """Enrol; the settings to write, and what went wrong.

    Where the collector does not answer, the token is kept in the state folder, and the agent enrols with it.
    """
    folder = state_folder(settings.agent.state, os.environ)
    clock = Clock.parse(os.environ.get("PROBE_CLOCK", ""))
    try:
        enrolment = asyncio.run(enrol_at(answers.collector, answers.token, folder, settings, clock))
    except EnrolmentRefusedError as error:
        return text, str(error)
    except UplinkError as error:
        token = (folder / TOKEN_FILE).absolute()
        write_private_file(token, answers.token.encode() + b"\n")
        tell(_("The collector does not answer now. The agent enrols by itself when it does."))
        return edited(text, {("agent", "token_file"): str(token)}), str(error)
    tell(_("Enrolled at {collector} as {agent}.").format(collector=enrolment.origin, agent=enrolment.agent))
    return text, ""


def _write(path: Path, text: str) -> None:
    """Replace the file atomically. It is its owner's alone, but where root has given it to others, that stays."""
    try:
        old = path.stat() if start_methods.is_root() else None
    except FileNotFoundError:
        old = None
    write_private_file(path, text.encode())
    if old is not None and sys.platform != "win32":
        os.chown(path, old.st_uid, old.st_gid)
        path.chmod(old.st_mode & 0o777)


def _next_steps(path: Path, start: str) -> Iterator[str]:
    first, *more = start_methods.program()
    found = shutil.which("probe")
    is_found = found is not None and Path(found).resolve() == Path(first).resolve()
    name = "probe" if is_found else shlex.join([first, *more])
    usual = settings_file(os.environ)
    named = "" if usual is not None and path == usual.resolve() else f" --config {shlex.quote(str(path))}"
    yield _("Next:")
    lines = [(f"{name} run --dry-run{named}", _("what is contacted; contacts nothing"))]
    if start == start_methods.NOTHING:
        lines.append((f"{name} run{named}", _("start; Ctrl-C ends it")))
    lines.append((f"{name} status{named}", _("what is blocked, and how the agent is")))
    width = max(len(words) for words, _about in lines)
    for words, about in lines:
        yield f"  {words:{width}}  {about}"


def _flat(text: str) -> dict[str, object]:
    tree = tomllib.loads(text)
    return {f"{section}.{key}": value for section, values in tree.items() for key, value in values.items()}
