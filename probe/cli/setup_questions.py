"""The questions of `probe setup`: network, country, services, collector, start. Each answer may also be an option."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from probe.agent.enrolment import MAX_TOKEN_LENGTH, origin_of
from probe.agent.traffic_budget import METERED_MONTH
from probe.agent.watchlist import ALL_SERVICES, DEFAULT_SERVICES
from probe.cli import dialogue, start_methods
from probe.cli.localisation import mark
from probe.cli.localisation import translate as _
from probe.cli.place_hints import PlaceHint
from probe.errors import UsageError
from probe.lists.service import Risk, Service

NONE = "none"
MAX_ASN = 4294967295
RISKS: Mapping[Risk, str] = {
    Risk.ORDINARY: mark("everybody's everyday traffic"),
    Risk.POLITICAL: mark("media, watchdogs, opposition: access to them is noticed in some countries"),
    Risk.CIRCUMVENTION: mark("tools against censorship: using or searching for them is an offence in some countries"),
    Risk.GOVERNMENT: mark("sites of authorities: they see who visits them"),
}
"""Risk of a service -> what a volunteer is told of it."""


def read_asn(text: str) -> int:
    """An AS number; 0 for unknown.

    Raises:
        UsageError: the text is none.
    """
    digits = text.strip().upper().removeprefix("AS")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 10 and int(digits) <= MAX_ASN):
        raise UsageError(_("not the number of a network; 0 means unknown"))
    return int(digits)


def read_country(text: str) -> str:
    """A country code; empty for unknown.

    Raises:
        UsageError: the text is none.
    """
    code = text.strip().upper().removeprefix("-")
    if code and not re.fullmatch("[A-Z]{2}", code):
        raise UsageError(_("not two letters as in RU or IN; - means unknown"))
    return code


def read_services(text: str, catalogue: Sequence[Service]) -> tuple[str, ...]:
    """Names for `[targets] services`.

    Raises:
        UsageError: a name is not in the catalogue.
    """
    words = text.replace(",", " ").split()
    if words in ([NONE], ["-"], []):
        return ()
    known = {service.name for service in catalogue} | {DEFAULT_SERVICES, ALL_SERVICES}
    for word in words:
        if word not in known:
            near = get_close_matches(word, sorted(known), n=1)
            raise UsageError(
                _("no service is called {word}").format(word=word),
                mend=_("did you mean {near}?").format(near=near[0]) if near else _("? lists them"),
            )
    return tuple(dict.fromkeys(words))


def read_collector(text: str) -> str:
    """The origin of a collector; empty for none.

    Raises:
        UsageError: the text is no address of a collector.
    """
    address = text.strip()
    if address in ("", "-", NONE):
        return ""
    if not address.isascii():
        raise UsageError(_("not the address of a collector"), mend="https://host")
    return origin_of(address)


def read_token(text: str) -> str:
    """A one-time token; empty where there is none yet.

    Raises:
        UsageError: the text cannot be a token.
    """
    token = text.strip()
    if len(token) > MAX_TOKEN_LENGTH or not token.isascii() or (token and not token.isprintable()):
        raise UsageError(_("not a token"))
    return token


def read_start(text: str, offered: Sequence[str]) -> str:
    """A method of `probe.cli.start_methods`.

    Raises:
        UsageError: this host does not offer it.
    """
    if text.strip() not in offered:
        raise UsageError(_("not possible here; write one of: {names}").format(names=", ".join(offered)))
    return text.strip()


def ask_asn(known: int, hint: PlaceHint) -> int:
    """The AS number; an empty answer takes what the settings have, or the hint."""
    if not known and hint.asn:
        dialogue.tell(_("  AS{asn}, says {source}.").format(asn=hint.asn, source=hint.asn_source))
    return dialogue.ask(
        _("The number of your provider's network (AS number; 0: unknown)?"),
        about=_(
            "  It is published beside what this agent finds, so that reports of one network\n"
            '  can be joined; without it they stand under "Unknown network". Your provider or\n'
            "  the collector's operator can tell it. Nothing is looked up over the network."
        ),
        read=read_asn,
        suggestion=str(known or hint.asn),
    )


def ask_country(known: str, hint: PlaceHint) -> str:
    """The country code, likewise; empty for unknown."""
    if not known and hint.country:
        dialogue.tell(_("  {country}, says {source}.").format(country=hint.country, source=hint.country_source))
    return dialogue.ask(
        _("The country that this line is in (two letters; -: unknown)?"),
        about=_("  It is published, too. It is also used to choose a name that works inside the country."),
        read=read_country,
        suggestion=known or hint.country or "-",
    )


def ask_services(chosen: Sequence[str], catalogue: Sequence[Service], *, accepted: bool) -> tuple[str, ...]:
    """The services to watch; those that are no ordinary traffic are confirmed apart.

    Args:
        chosen: what the settings have.
        catalogue: the shipped services.
        accepted: every risk is accepted already.
    """
    while True:
        names = dialogue.ask(
            _("Which services (names, default or none)?"),
            about=service_list(catalogue),
            read=lambda text: read_services(text, catalogue),
            suggestion=" ".join(chosen) or NONE,
        )
        if accepted or confirm_risks(names, catalogue):
            return names


def confirm_risks(names: Sequence[str], catalogue: Sequence[Service]) -> bool:
    """Whether the person accepts the services among these that are no ordinary traffic; true where there is none."""
    risky = [one for one in catalogue if one.risk is not Risk.ORDINARY and (one.name in names or ALL_SERVICES in names)]
    if not risky:
        return True
    for risk in dict.fromkeys(service.risk for service in risky):
        titles = ", ".join(service.title for service in risky if service.risk is risk)
        dialogue.tell(f"  {titles}: {_(RISKS[risk])}.")
    return dialogue.confirm(
        _("Contact these from your line?"),
        about=_('  They are not in the default set. "no" asks for the services again.'),
    )


def service_list(catalogue: Sequence[Service]) -> str:
    """The catalogue by risk, for the help."""
    lines = [_("  default: those marked with *. Names are separated by blanks.")]
    for risk, text in RISKS.items():
        names = [
            service.name + ("*" if service.default else "")
            for service in catalogue
            if service.risk is risk and not service.gone
        ]
        if names:
            lines.append(f"  {_(text)}:")
            lines += _columns(names)
    return "\n".join(lines)


def _columns(names: Sequence[str], width: int = 74) -> list[str]:
    lines = [""]
    for name in names:
        if len(lines[-1]) + len(name) >= width:
            lines.append("")
        lines[-1] += f" {name}"
    return [f"   {line}" for line in lines]


def ask_metered(*, known: bool) -> bool:
    """Whether the line costs by volume."""
    return dialogue.ask(
        _("Does this line cost by volume (yes: at most {megabytes} MB a month)?").format(
            megabytes=METERED_MONTH.octets // 1_000_000
        ),
        about=_("  What does not fit is left out of a round, the less important targets first."),
        read=dialogue.read_yes_or_no,
        suggestion=_("yes") if known else _("no"),
    )


def ask_collector(known: str) -> str:
    """The origin of the collector; empty for none."""
    return dialogue.ask(
        _("The address of the collector to report to (https://..., none)?"),
        about=_(
            "  A collector joins the reports of many networks and publishes them. Whoever asked\n"
            "  you to run this has an address and a token for you. Without a collector nothing\n"
            "  is sent, and there is no control: whether a silent site is blocked here or dead\n"
            "  for everybody cannot be told."
        ),
        read=read_collector,
        suggestion=known or NONE,
    )


def ask_token() -> str:
    """The one-time token; empty where there is none yet."""
    return dialogue.ask_secret(
        _("The token from its operator (not shown; empty: later, with `probe enrol`)?"),
        about=_("  A token is good for one agent and one day. It is not kept once the agent is enrolled."),
        read=read_token,
    )


def ask_start(offered: Sequence[str]) -> str:
    """How the agent is started."""
    return dialogue.ask(
        _("How shall it start ({names})?").format(names=", ".join(offered)),
        about=_(
            "  systemd: a service of yours, at work while this computer is on. cron: a round\n"
            "  every {minutes} minutes. nothing: you start it by hand."
        ).format(minutes=start_methods.CRON_MINUTES),
        read=lambda text: read_start(text, offered),
        suggestion=start_methods.NOTHING,
    )
