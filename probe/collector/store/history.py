"""SQL of spans and presence: written by intake, read by fusion and the pages."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache

import msgspec

from probe.collector.store import Row, StoreSession, from_ms
from probe.collector.store.key_sets import rows_in
from probe.fuse.presence import MISSED_INTERVALS
from probe.model.event import Network, Presence, Span
from probe.model.verdict import Cause, Status

_STATUSES = {status.value: status for status in Status}


class OpenSpan(msgspec.Struct, frozen=True):
    """The part of an open span that intake reads before it closes it."""

    start: int
    status: str
    network: int
    no_vote: str = ""


class PresenceRun(msgspec.Struct):
    """A row of presence for intake to extend. Times are in milliseconds."""

    start: int
    stop: int
    network: int
    interval: int
    state: str
    rounds: int
    measured: int


class LatestPresence(msgspec.Struct, frozen=True):
    """The latest presence of one agent. Times in milliseconds.

    Attributes:
        state: the vantage's state in its last rounds.
        skew: the offset of the agent's clock that was corrected last.
        flag: what was odd about its batches; empty when nothing was.
    """

    agent: str
    network: Network
    state: str
    start: int
    stop: int
    interval: int
    rounds: int
    skew: int
    flag: str
    role: str

    def present(self, now: int) -> bool:
        """Whether the agent counts as present at a moment in milliseconds."""
        return self.stop + MISSED_INTERVALS * self.interval >= now


def open_spans_of(session: StoreSession, agent: int, targets: Collection[int]) -> dict[int, OpenSpan]:
    """Target -> its open span at an agent, for those that have one."""
    found = rows_in(
        session,
        "SELECT target, start, status, network, no_vote FROM span WHERE agent = ? AND stop IS NULL AND target IN",
        targets,
        (agent,),
    )
    return {target: OpenSpan(*rest) for target, *rest in found}


class EndedSpan(msgspec.Struct, frozen=True):
    """An open span that ends at `stop`; `moved` when its agent came into another network."""

    agent: int
    target: int
    start: int
    stop: int
    moved: bool = False


def measured_by(session: StoreSession, agent: int, targets: Collection[int]) -> set[int]:
    """Those of these targets that an agent has measured."""
    sql = "SELECT DISTINCT target FROM span WHERE agent = ? AND target IN"
    return {int(row[0]) for row in rows_in(session, sql, targets, (agent,))}


def close_spans(session: StoreSession, ended: Iterable[EndedSpan]) -> None:
    """End open spans."""
    session.many(
        "UPDATE span SET stop = ?, moved = ? WHERE agent = ? AND target = ? AND start = ? AND stop IS NULL",
        [(each.stop, int(each.moved), each.agent, each.target, each.start) for each in ended],
    )


class NewSpan(msgspec.Struct, frozen=True, kw_only=True):
    """A span that begins.

    `network` is a number, `causes` are joined by spaces, `evidence` is a verdict's digest, `before_watch` as in `Span`;
    `no_vote` says why it changes no event, and is empty where it may.
    """

    target: int
    agent: int
    start: int
    known: int
    network: int
    status: str
    causes: str
    evidence: bytes | None
    before_watch: bool = False
    stop: int | None = None
    no_vote: str = ""


def add_spans(session: StoreSession, spans: Iterable[NewSpan]) -> None:
    """Store spans that begin."""
    session.many(
        "INSERT INTO span (target, agent, start, stop, known, network, status, causes, evidence, before_watch,"
        " no_vote) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                *(each.target, each.agent, each.start, each.stop, each.known),
                *(each.network, each.status, each.causes, each.evidence, int(each.before_watch), each.no_vote),
            )
            for each in spans
        ],
    )


def presence_run_at(session: StoreSession, agent: int, moment: int) -> PresenceRun | None:
    """The latest run of rounds that began at or before a moment; None when there is none."""
    row = session.row(
        "SELECT start, stop, network, interval, state, rounds, measured FROM presence"
        " WHERE agent = ? AND start <= ? ORDER BY start DESC LIMIT 1",
        agent,
        moment,
    )
    return PresenceRun(*row) if row else None


def save_presence_run(session: StoreSession, agent: int, run: PresenceRun) -> None:
    """Store a run of rounds; it replaces the one that began at the same moment."""
    session.run(
        "INSERT INTO presence (agent, start, stop, network, interval, state, rounds, measured)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (agent, start) DO UPDATE SET stop = excluded.stop,"
        " network = excluded.network, interval = excluded.interval, state = excluded.state,"
        " rounds = excluded.rounds, measured = excluded.measured",
        agent,
        run.start,
        run.stop,
        run.network,
        run.interval,
        run.state,
        run.rounds,
        run.measured,
    )


def add_first_looks(session: StoreSession, network: int, looks: Mapping[int, int]) -> None:
    """Store since when targets have been measured in a network: target -> moment. An earlier moment stays."""
    session.many(
        "INSERT INTO first_look (target, network, first) VALUES (?, ?, ?) ON CONFLICT (target, network) DO UPDATE SET"
        " first = excluded.first WHERE excluded.first < first_look.first",
        [(target, network, first) for target, first in sorted(looks.items())],
    )


def renew_first_looks(session: StoreSession, target: int) -> None:
    """Compute anew since when a target has been measured in each network, after spans of it were deleted."""
    session.run("DELETE FROM first_look WHERE target = ?", target)
    session.run(
        "INSERT INTO first_look (target, network, first) SELECT target, network, min(start) FROM span"
        " WHERE target = ? GROUP BY target, network",
        target,
    )


def countries_of(session: StoreSession, target: int) -> list[str]:
    """The countries in which a target has ever had a span."""
    found = session.rows(
        "SELECT DISTINCT network.cc FROM first_look JOIN network ON network.no = first_look.network"
        " WHERE first_look.target = ? ORDER BY network.cc",
        target,
    )
    return [str(row[0]) for row in found]


def mark_dirty(session: StoreSession, service: str, cc: str, now: int, reason: str = "") -> None:
    """Mark a service in a country to have all its history fused; the reason is given to events withdrawn then."""
    session.run(
        "INSERT INTO dirty (service, cc, since, reason, changed) VALUES (?, ?, ?, ?, 0) ON CONFLICT (service, cc)"
        " DO UPDATE SET mark = dirty.mark + 1, changed = 0,"
        " reason = CASE WHEN excluded.reason = '' THEN dirty.reason ELSE excluded.reason END",
        service,
        cc,
        now,
        reason,
    )


def mark_dirty_many(session: StoreSession, cc: str, services: Mapping[str, int], now: int) -> None:
    """Mark services in a country to be fused: service -> the earliest moment at which something changed."""
    session.many(
        "INSERT INTO dirty (service, cc, since, changed) VALUES (?, ?, ?, ?) ON CONFLICT (service, cc) DO UPDATE SET"
        " mark = dirty.mark + 1,"
        " changed = CASE WHEN excluded.changed < dirty.changed THEN excluded.changed ELSE dirty.changed END",
        [(service, cc, now, max(1, changed)) for service, changed in sorted(services.items())],
    )


def watched_services(session: StoreSession, cc: str, services: Sequence[str]) -> set[str]:
    """Those of these services that have events in a country, or wait there to be fused."""
    return {
        str(row[0])
        for table in ("dirty", "event")
        for row in rows_in(session, f"SELECT service FROM {table} WHERE cc = ? AND service IN", services, (cc,))  # noqa: S608 - the names above
    }


_SPAN = (
    "SELECT agent.id, target.text, network.asn, network.cc, span.start, span.stop, span.known, span.status,"
    " span.causes, span.evidence, span.before_watch FROM span JOIN target ON target.no = span.target"
    " JOIN agent ON agent.no = span.agent JOIN network ON network.no = span.network"
)
_PRESENCE = (
    "SELECT agent.id, network.asn, network.cc, presence.start, presence.stop, presence.interval, presence.rounds"
    # CROSS JOIN has SQLite begin with the agents: it would scan all presences for the few that are looked for.
    " FROM agent CROSS JOIN presence JOIN network ON network.no = presence.network"
    " WHERE presence.agent = agent.no AND presence.state = 'online' AND agent.role = 'vantage'"
    " AND agent.state = 'active' AND presence.start >= coalesce((SELECT max(earlier.start) FROM presence AS earlier"
    " WHERE earlier.agent = agent.no AND earlier.start <= ?), 0)"
)
_OF_SERVICE = "(target.service = ? OR (target.service = '' AND target.text = ?))"


_TOUCHES = "(span.stop IS NULL OR span.stop >= ?)"
_COUNTS = "network.cc = ? AND agent.state = 'active' AND span.no_vote = ''"


def spans_of(session: StoreSession, service: str, cc: str, since: int = 0) -> list[Span]:
    """The spans of a service's targets in a country that may change events, of agents that are not revoked.

    Args:
        session: the view.
        service: its name, or a target that belongs to none.
        cc: the country.
        since: spans that ended before this moment are left out, but for the last ones of agents in networks that they
            have left: these show that the network was measured.
    """
    found = session.rows(
        f"{_SPAN} WHERE {_OF_SERVICE} AND {_TOUCHES} AND {_COUNTS} UNION ALL"
        f" {_SPAN} WHERE {_OF_SERVICE} AND span.moved = 1 AND span.stop < ? AND {_COUNTS}",
        *(service, service, since, cc),
        *(service, service, since, cc),
    )
    return [span_of(row) for row in found]


def interfered_since(session: StoreSession, service: str, cc: str, since: int) -> bool:
    """Whether a target of a service was blocked or throttled in a country by a span that had not ended at a moment."""
    row = session.row(
        "SELECT 1 FROM target JOIN span ON span.target = target.no JOIN network ON network.no = span.network"  # noqa: S608 - the texts above
        f" WHERE {_OF_SERVICE} AND {_TOUCHES} AND span.status IN ('blocked', 'throttled') AND network.cc = ? LIMIT 1",
        *(service, service, since, cc),
    )
    return row is not None


def first_looks(session: StoreSession, service: str) -> dict[Network, datetime]:
    """Network -> since when a service has been measured there."""
    found = session.rows(
        "SELECT network.asn, network.cc, min(first_look.first) FROM target"  # noqa: S608 - the texts above
        " JOIN first_look ON first_look.target = target.no JOIN network ON network.no = first_look.network"
        f" WHERE {_OF_SERVICE} GROUP BY network.asn, network.cc",
        service,
        service,
    )
    return {Network(asn=asn, country=cc): from_ms(start) for asn, cc, start in found}


class VantageKey(msgspec.Struct, frozen=True):
    """A vantage as its public name is made of it: an agent in one network."""

    agent: str
    network: Network


def spans(session: StoreSession, target: str, since: int, limit: int, vantage: VantageKey | None = None) -> list[Span]:
    """Spans that had not ended before a moment, newest first.

    Args:
        session: of the database.
        target: its text; of all targets when it is empty.
        since: in milliseconds.
        limit: the most spans to return.
        vantage: only spans of this one; None for all.
    """
    chosen = "target.text = ? AND" if target else "? = '' AND"
    place: tuple[str | int, ...] = ()
    if vantage is not None:
        chosen += " agent.id = ? AND network.asn = ? AND network.cc = ? AND"
        place = (vantage.agent, vantage.network.asn, vantage.network.country)
    found = session.rows(
        f"{_SPAN} WHERE {chosen} (span.stop IS NULL OR span.stop >= ?) ORDER BY span.start DESC LIMIT ?",
        *(target, *place, since, limit),
    )
    return [span_of(row) for row in found]


def vantages(session: StoreSession) -> list[VantageKey]:
    """Every agent with every network that it has reported from."""
    found = session.rows(
        "SELECT DISTINCT agent.id, network.asn, network.cc FROM presence JOIN agent ON agent.no = presence.agent"
        " JOIN network ON network.no = presence.network"
    )
    return [VantageKey(agent, Network(asn=asn, country=cc)) for agent, asn, cc in found]


def open_spans(session: StoreSession) -> list[Span]:
    """Every open span, of agents that are not revoked."""
    return [span_of(row) for row in session.rows(f"{_SPAN} WHERE span.stop IS NULL AND agent.state = 'active'")]


def presences_of(session: StoreSession, cc: str, since: int = 0) -> list[Presence]:
    """Runs of rounds in a country in which a vantage was online, from the last run that began before a moment on."""
    return [_presence(row) for row in session.rows(f"{_PRESENCE} AND network.cc = ?", since, cc)]


def presences_since(session: StoreSession, since: int) -> list[Presence]:
    """Runs of rounds of vantages (not of controls) that were online and had not ended before a moment."""
    return [_presence(row) for row in session.rows(f"{_PRESENCE} AND presence.stop >= ?", since, since)]


def latest_presences(session: StoreSession) -> list[LatestPresence]:
    """The latest presence of each agent, newest first."""
    found = session.rows(
        "SELECT agent.id, network.asn, network.cc, presence.state, presence.start, presence.stop, presence.interval,"
        " presence.rounds, agent.skew, agent.flag, agent.role FROM agent JOIN presence ON presence.agent = agent.no"
        " AND presence.start = (SELECT max(start) FROM presence AS latest WHERE latest.agent = agent.no)"
        " JOIN network ON network.no = presence.network WHERE agent.state = 'active'"
        " ORDER BY presence.stop DESC, agent.no"
    )
    return [LatestPresence(row[0], Network(asn=row[1], country=row[2]), *row[3:]) for row in found]


def services(session: StoreSession) -> dict[str, str]:
    """Target -> the service it belongs to, for those that belong to one."""
    return dict(session.rows("SELECT text, service FROM target WHERE service <> ''"))


_network = lru_cache(maxsize=4096)(lambda asn, cc: Network(asn=asn, country=cc))
_causes = lru_cache(maxsize=4096)(lambda text: tuple(Cause(cause) for cause in text.split()))


def known_status(word: str) -> Status:
    """The status of a stored word; `unknown` for one of a newer version, which neither blocks nor lifts anything."""
    return _STATUSES.get(word, Status.UNKNOWN)


def span_of(row: Row) -> Span:
    """The span of a row with the columns of `_SPAN`."""
    agent, target, asn, cc, start, stop, known, status, causes, evidence, before_watch = row
    return Span(
        agent=agent,
        target=target,
        network=_network(asn, cc),
        start=from_ms(start),
        stop=None if stop is None else from_ms(stop),
        known=from_ms(known),
        status=known_status(status),
        newer="" if status in _STATUSES else status,
        causes=_causes(causes),
        evidence="" if evidence is None else evidence.hex(),
        before_watch=bool(before_watch),
    )


def _presence(row: Row) -> Presence:
    agent, asn, country, start, stop, interval, rounds = row
    return Presence(
        agent=agent,
        network=_network(asn, country),
        start=from_ms(start),
        stop=from_ms(stop),
        interval=interval / 1000,
        rounds=rounds,
    )
