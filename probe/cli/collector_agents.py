"""`probe collector agents` and `probe collector audit`: who is enrolled, and what was done about it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

import click

from probe.cli import examples, printable
from probe.cli.collector_database import DB, in_database, now_of
from probe.collector.intake.enrolment import MAX_ASN, is_country, make_token
from probe.collector.store import StoreSession, agents, audit, from_ms, revocation, to_ms
from probe.collector.store.agents import AgentRow
from probe.collector.store.audit import AuditAct, AuditEntry
from probe.collector.store.database_url import shown
from probe.errors import UsageError

TOKEN_LIFE = timedelta(hours=24)
"""How long the token of a successor is good."""
JSON_OPTION = click.option("--json", "as_json", is_flag=True, help="JSON Lines, for programs.")


@click.group(epilog=examples("probe collector agents list --db c.sqlite"))
def agents_command() -> None:
    """List, show, revoke and replace the agents that are enrolled."""


@agents_command.command("list", epilog=examples("probe collector agents list --db c.sqlite --json"))
@DB
@JSON_OPTION
def list_(db: str, *, as_json: bool) -> None:
    """List the agents, in the order they enrolled."""
    for agent in in_database(db, agents.agents):
        click.echo(_json(_fields(agent)) if as_json else _line(agent))


@agents_command.command(epilog=examples("probe collector agents show --db c.sqlite 0123456789abcdef"))
@DB
@JSON_OPTION
@click.argument("agent")
def show(db: str, agent: str, *, as_json: bool) -> None:
    """Show an agent, and what was done about it."""

    def look(session: StoreSession) -> tuple[AgentRow | None, list[AuditEntry]]:
        return agents.agent(session, agent), audit.entries(session, agent)

    found, acts = in_database(db, look)
    if found is None:
        raise _unknown(agent, db)
    if as_json:
        click.echo(_json(_fields(found) | {"audit": [_entry(act) for act in acts]}))
        return
    for name, value in _fields(found).items():
        click.echo(f"{name:<8} {printable(str(value))}".rstrip())
    for act in acts:
        click.echo(_entry_line(act))


@agents_command.command(epilog=examples("probe collector agents revoke --db c.sqlite 0123456789abcdef"))
@DB
@click.argument("agent")
def revoke(db: str, agent: str) -> None:
    """Refuse this agent from now on, and take back its reports, its votes and its control verdicts.

    Events that stood on them are revised, with the reason.
    """
    moment = now_of()
    if not in_database(db, lambda session: revoke_agent(session, agent, moment)):
        raise _unknown(agent, db)


@agents_command.command(epilog=examples("probe collector agents rotate --db c.sqlite 0123456789abcdef > token"))
@DB
@click.argument("agent")
def rotate(db: str, agent: str) -> None:
    """Revoke this agent, and print a token with which its host enrols anew, with a new key.

    For a key that may be known to others, or a copied machine. The token has the role and the sponsor of the agent, and
    is valid for a day. The agent enrols by itself as soon as its token file has it.
    """
    moment = now_of()
    token = in_database(db, lambda session: _rotated(session, agent, moment))
    if token is None:
        raise _unknown(agent, db)
    click.echo(token)


@agents_command.command(epilog=examples("probe collector agents network --db c.sqlite 0123456789abcdef AS64500 RU"))
@DB
@click.argument("agent")
@click.argument("asn", metavar="AS")
@click.argument("country", metavar="COUNTRY")
def network(db: str, agent: str, asn: str, country: str) -> None:
    """Give an agent another network: AS is its AS number, COUNTRY two capitals.

    An agent has a vote in one network only, as it was enrolled; reports from any other are kept and do not count.
    What it has sent from the new network counts from now on, also what came before; that from the old one does not.
    """
    number = asn.upper().removeprefix("AS")
    if not number.isascii() or not number.isdigit() or int(number) > MAX_ASN or not is_country(country):
        raise UsageError(f"{asn!r} in {country!r} is no network", where=agent, mend="write for example AS64500 RU")
    moment = now_of()

    def change(session: StoreSession) -> bool:
        found = agents.agent(session, agent)
        if found is None:
            return False
        agents.set_network(session, agent, int(number), country)
        revocation.mark_of_agent(session, found.no, to_ms(moment))
        audit.record(session, to_ms(moment), AuditAct.MOVED, agent, f"to AS{number} {country}")
        return True

    if not in_database(db, change):
        raise _unknown(agent, db)


@click.command("audit", epilog=examples("probe collector audit --db c.sqlite --json"))
@DB
@JSON_OPTION
@click.option("--most", type=click.IntRange(1, 100_000), default=1000, show_default=True, help="The newest entries.")
def audit_command(db: str, *, as_json: bool, most: int) -> None:
    """Print what was done to the list of agents: tokens, enrolments, revocations, flags. It holds no address."""
    for act in in_database(db, lambda session: audit.entries(session, most=most)):
        click.echo(_json(_entry(act)) if as_json else _entry_line(act))


def revoke_agent(session: StoreSession, agent: str, moment: datetime) -> bool:
    """Revoke an agent and write it to the audit log; False where there is none."""
    if not revocation.revoke_agent(session, agent, to_ms(moment)):
        return False
    audit.record(session, to_ms(moment), AuditAct.REVOKED, agent)
    return True


def _rotated(session: StoreSession, agent: str, moment: datetime) -> str | None:
    found = agents.agent(session, agent)
    if found is None:
        return None
    revocation.revoke_agent(session, agent, to_ms(moment))
    audit.record(session, to_ms(moment), AuditAct.ROTATED, agent)
    return make_token(session, role=found.role, sponsor=found.sponsor, now=moment, ttl=TOKEN_LIFE)


def _fields(agent: AgentRow) -> dict[str, str | int]:
    return {
        "agent": agent.id,
        "role": agent.role,
        "sponsor": agent.sponsor,
        "asn": agent.asn,
        "country": agent.cc,
        "state": agent.state,
        "seen": _time(agent.seen),
        "flag": agent.flag,
    }


def _line(agent: AgentRow) -> str:
    network = f"AS{agent.asn} {agent.cc}".strip() if agent.asn else agent.cc or "no network"
    words = (f"{agent.role:<7}", f"{agent.state:<7}", _time(agent.seen), network, f"sponsor {agent.sponsor or 'none'}")
    return printable("  ".join((agent.id, *words, agent.flag)).rstrip())


def _entry(act: AuditEntry) -> dict[str, str]:
    return {"time": _time(act.at), "act": act.act, "agent": act.agent, "note": act.note}


def _entry_line(act: AuditEntry) -> str:
    return printable(f"{_time(act.at)}  {act.act:<8}  {act.agent:<16}  {act.note}".rstrip())


def _time(moment: int) -> str:
    return from_ms(moment).isoformat(timespec="seconds").replace("+00:00", "Z")


def _json(fields: Mapping[str, object]) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


def _unknown(agent: str, db: str) -> UsageError:
    return UsageError(f"no agent {agent!r} is enrolled", where=shown(db))
