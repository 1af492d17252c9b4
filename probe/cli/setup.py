"""`probe setup`: ask what the agent may do here; then write the settings, enrol, and have it started."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from probe.agent import watchlist
from probe.agent.identity import read_enrolment
from probe.agent.watchlist import Watchlist
from probe.cli import dialogue, examples, setup_apply, setup_questions, start_methods
from probe.cli.dialogue import tell
from probe.cli.enrol import read_token_file
from probe.cli.localisation import translate as _
from probe.cli.place_hints import PlaceHint, suggest_place
from probe.cli.risk_texts import explanation
from probe.cli.setup_apply import SetupAnswers
from probe.cli.targets import shipped_services
from probe.errors import UsageError
from probe.lists.service import Service
from probe.settings import Settings, load_file
from probe.settings.paths import own_settings_file, state_folder
from probe.settings.toml_edit import edited


class SetupOptions(NamedTuple):
    """The answers that the command line gives; None for those that are asked."""

    asn: str | None
    country: str | None
    services: str | None
    collector: str | None
    token_file: str | None
    start: str | None
    metered: bool | None
    mmdb: Path | None
    state: str | None
    accept_risks: bool
    enrol_later: bool
    force: bool
    started_by_caller: bool


@click.command(
    "setup",
    epilog=examples(
        "probe setup",
        "probe setup --accept-risks --asn 64500 --country RU --services default --collector none --start nothing",
    ),
)
@click.option("--accept-risks", is_flag=True, help="Consent, for automation: you have read docs/volunteers.md.")
@click.option("--asn", metavar="N", help="AS number of this network; 0: unknown.")
@click.option("--country", metavar="XX", help="Two letters (ISO 3166); -: unknown.")
@click.option("--services", metavar="NAMES", help="Names of shipped services, `default` or `none`.")
@click.option("--collector", metavar="URL", help="The collector to report to, or `none`.")
@click.option("--token-file", metavar="FILE", help="File with the collector's one-time token; - is standard input.")
@click.option("--enrol-later", is_flag=True, help="Leave it to the agent to enrol; contact nobody now.")
@click.option("--start", metavar="HOW", help="`systemd`, `cron` or `nothing`.")
@click.option("--metered/--unmetered", default=None, help="Whether the line costs by volume: keep to 500 MB a month.")
@click.option("--mmdb", type=click.Path(path_type=Path), metavar="FILE", help="AS or country database to suggest from.")
@click.option("--state", metavar="FOLDER", help="Folder of key, enrolment and state, instead of the usual one.")
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="Settings file to write.")
@click.option("--force", is_flag=True, help="Change an existing settings file without asking.")
@click.option("--started-by-caller", is_flag=True, hidden=True, help="Whoever calls this starts the agent afterwards.")
def command(*, config: Path | None, **given: Any) -> int:
    """Explain the risk, ask for consent, and write the settings of an agent on this host.

    Nothing is contacted and nothing is changed before the last "yes". Every answer may be given as an option; without a
    terminal all must be. An existing file is edited: the differences are shown, other keys and comments stay. Exit
    status: 0 done; 1 stopped, or something failed that is named; 2 an answer is missing or wrong.
    """
    options = SetupOptions(**given)
    path = setup_apply.followed(config or own_settings_file(os.environ))
    if not dialogue.is_on_terminal():
        _require_all(options)
    text = setup_apply.read_text(path)
    before = load_file(path if text else None, os.environ, {"agent.state": options.state})
    answers = _ask(options, before)
    plan = setup_apply.SettingsPlan(path, text, edited(text, setup_apply.changes(before, answers)))
    setup_apply.show(plan, answers)
    if plan.replaces and not options.force and not dialogue.is_on_terminal():
        raise UsageError("would be changed as shown", where=str(path), mend="--force changes it")
    asked = dialogue.is_on_terminal() and not options.force and not (options.accept_risks and not plan.replaces)
    if asked and not dialogue.confirm(
        _("Write this, and go on?"),
        about=_('  This is the last question. "no" stops without a change.'),
    ):
        dialogue.stop()
    return setup_apply.apply(plan, answers)


def _require_all(options: SetupOptions) -> None:
    """Without a terminal nobody can be asked.

    Raises:
        UsageError: an answer is missing; all that are missing are named.
    """
    missing = [] if options.accept_risks else ["--accept-risks"]
    missing += [
        f"--{name}" for name in ("asn", "country", "services", "collector", "start") if getattr(options, name) is None
    ]
    if missing:
        raise UsageError(f"without a terminal every answer is an option; missing: {' '.join(missing)}")


def _ask(options: SetupOptions, before: Settings) -> SetupAnswers:
    """Explain, get consent, and get every answer."""
    if options.enrol_later and options.token_file == "-":  # noqa: S105 - standard input
        raise UsageError("--enrol-later needs the name of a token's file", mend="write the token into a file")
    catalogue = shipped_services()
    watched = watchlist.load(before)
    folder = state_folder(before.agent.state, os.environ)
    for paragraph in explanation(before, watched, _titles(watched, catalogue), folder):
        tell(f"{paragraph}\n")
    if not options.accept_risks and not dialogue.confirm(
        _("Do you understand this, and agree that this computer contacts these services?"),
        about=_("  Write the whole word. Further questions follow, and nothing is contacted before the last one."),
    ):
        dialogue.stop()
    asn, country = _place(options, before)
    services = _services(options, before, catalogue)
    collector = _collector(options, before)
    later = options.token_file if options.enrol_later else None
    return SetupAnswers(
        asn=asn,
        country=country,
        services=services,
        collector=collector,
        token=_token(options, collector, folder),
        token_file="" if later is None else str(Path(later).absolute()),
        state=None if options.state is None else str(Path(options.state).absolute()),
        metered=_metered(options, before),
        start=_start(options),
        started_by_caller=options.started_by_caller,
    )


def _place(options: SetupOptions, before: Settings) -> tuple[int, str]:
    hint = PlaceHint()
    if options.asn is None or options.country is None:
        hint = suggest_place(options.mmdb, os.environ)
    asn, country = options.asn, options.country
    return (
        setup_questions.ask_asn(before.network.asn, hint) if asn is None else setup_questions.read_asn(asn),
        setup_questions.ask_country(before.network.country, hint)
        if country is None
        else setup_questions.read_country(country),
    )


def _services(options: SetupOptions, before: Settings, catalogue: tuple[Service, ...]) -> tuple[str, ...]:
    if options.services is None:
        return setup_questions.ask_services(before.targets.services, catalogue, accepted=options.accept_risks)
    names = setup_questions.read_services(options.services, catalogue)
    if not options.accept_risks and not setup_questions.confirm_risks(names, catalogue):
        dialogue.stop()
    return names


def _collector(options: SetupOptions, before: Settings) -> str:
    if options.collector is not None:
        return setup_questions.read_collector(options.collector)
    return setup_questions.ask_collector(before.agent.collectors[0] if before.agent.collectors else "")


def _metered(options: SetupOptions, before: Settings) -> bool:
    """Whether the line costs by volume; the one answer that need not be given, for it exposes nobody."""
    known = before.budget.preset == setup_apply.METERED
    if options.metered is not None or not dialogue.is_on_terminal() or options.accept_risks:
        return known if options.metered is None else options.metered
    return setup_questions.ask_metered(known=known)


def _start(options: SetupOptions) -> str:
    offered = start_methods.offered(os.environ)
    if options.start is not None:
        return setup_questions.read_start(options.start, offered)
    if len(offered) == 1:
        return offered[0]
    return setup_questions.ask_start(offered)


def _titles(watched: Watchlist, catalogue: Sequence[Service]) -> list[str]:
    """The titles of the services that are watched."""
    names = set(watched.services.values())
    return [service.title for service in catalogue if service.name in names]


def _token(options: SetupOptions, collector: str, folder: Path) -> str:
    """The token to enrol with; empty where the agent is enrolled there, or where it is for later."""
    if not collector or options.enrol_later:
        return ""
    known = read_enrolment(folder)
    if known is not None and known.origin == collector:
        return ""
    if options.token_file is not None:
        return setup_questions.read_token(read_token_file(options.token_file))
    return setup_questions.ask_token() if dialogue.is_on_terminal() else ""
