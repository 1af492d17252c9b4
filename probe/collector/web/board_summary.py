"""The first sentence of the board and its title: the answer before the table. Pure.

The sentence claims that all is well only of what present vantages measured and found to work. Whatever fails, or was
not looked at, is said.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from probe.collector.web import wording
from probe.collector.web.board_view import BoardView, NetworkColumn
from probe.collector.web.display_names import service_title
from probe.collector.web.network_counts import NetworkCounts, count_networks, interference_text
from probe.collector.web.wording import count_of

MAX_NAMED_NETWORKS = 3
"""Networks whose state is told one by one; more are counted."""


class BoardSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The board in words.

    Attributes:
        headline: one sentence.
        title: of the window, a few words that claim no more than the headline.
        remarks: further sentences: what fails without proof, and which vantages are silent.
    """

    headline: str
    title: str
    remarks: tuple[str, ...] = ()


def board_summary(view: BoardView) -> BoardSummary:
    """The board in words."""
    counts = {row.service: count_networks(cell for cell in row.cells if cell is not None) for row in view.rows}
    silence = "; ".join(said for said in (_unsettled_text(view), _silence(view)) if said)
    if not view.networks:
        return BoardSummary(headline="Nobody has looked yet.", title="Nobody has looked yet")
    interfered = {service: found for service, found in counts.items() if found.interfered}
    failing = _failing_text(counts, controlled=bool(view.controls))
    if interfered:
        headline = _interference(interfered)
        title = f"{len(interfered)} blocked or throttled now"
        return BoardSummary(headline=headline, title=title, remarks=_sentences(failing, silence))
    if not any(column.present for column in view.networks):
        headline = "Nobody measures now, so the present state is not known."
        return BoardSummary(headline=headline, title="No recent reports", remarks=_sentences(silence))
    if failing:
        title = "Some services cannot be reached"
        return BoardSummary(headline=_sentence(failing), title=title, remarks=_sentences(silence))
    return _all_reachable(view, counts, silence)


def _all_reachable(view: BoardView, counts: dict[str, NetworkCounts], silence: str) -> BoardSummary:
    """Nothing fails where somebody measures."""
    measured = [found for found in counts.values() if found.measured]
    if view.failing:
        headline = "Some targets fail, and it is not yet sure why."
        return BoardSummary(headline=headline, title="Some targets fail, not yet sure", remarks=_sentences(silence))
    if not measured:
        headline = "The vantages have begun to measure; no service has a settled status yet."
        return BoardSummary(headline=headline, title="No settled status yet", remarks=_sentences(silence))
    networks = sum(1 for column in view.networks if column.present)
    where = "the one measured network" if networks == 1 else f"{networks} measured networks"
    every = "The one measured service is" if len(measured) == 1 else f"All {len(measured)} measured services are"
    headline = f"{every} reachable on {where}."
    return BoardSummary(headline=headline, title="No interference seen", remarks=_sentences(silence))


def _interference(interfered: dict[str, NetworkCounts]) -> str:
    """The affected services, with the numbers of networks."""
    if len(interfered) == 1:
        ((service, counts),) = interfered.items()
        return f"{wording.shortened(service_title(service))} is {interference_text(counts)}."
    blocked = sum(1 for counts in interfered.values() if counts.blocked or counts.partly_blocked)
    throttled = sum(1 for counts in interfered.values() if not (counts.blocked or counts.partly_blocked))
    said = [f"{count_of(number, 'service')} {word}" for word, number in _named(blocked, throttled) if number]
    return f"{' and '.join(said)} in at least one measured network."


def _named(blocked: int, throttled: int) -> tuple[tuple[str, int], ...]:
    return (("blocked", blocked), ("throttled", throttled))


def _failing_text(counts: dict[str, NetworkCounts], *, controlled: bool) -> str:
    """How many services fail somewhere without proof of interference; empty where none does."""
    measured = [found for found in counts.values() if found.measured]
    failing = [found for found in measured if found.failing]
    if not failing:
        return ""
    said = f"{len(failing)} of {count_of(len(measured), 'service')} cannot be reached"
    if all(not found.unreachable for found in failing):
        return f"{said}: the fault is their own, for they fail from uncensored places too"
    return f"{said}, and {'the evidence does not say why' if controlled else 'without a control nobody can say why'}"


def _unsettled_text(view: BoardView) -> str:
    """What fails and is not settled yet; empty where nothing is."""
    if not view.failing:
        return ""
    services = len({found.service for found in view.failing})
    since = wording.short_moment(view.failing[0].since, view.now)
    return f"{count_of(services, 'service')} failing since {since} UTC, not yet sure"


def _silence(view: BoardView) -> str:
    """Which vantages do not measure, and why; empty where all do."""
    gone = [column for column in view.networks if not column.present and not column.states]
    held = [column for column in view.networks if column.states]
    said = [_gone(gone, view.now)] if gone else []
    if len(held) <= MAX_NAMED_NETWORKS:
        said += [f"{wording.network_name(column.network)} is {_states(column.states)}" for column in held]
    else:
        states = {state for column in held for state in column.states}
        said.append(f"{len(held)} networks are {_states(sorted(states))}")
    return "; ".join(said)


def _gone(columns: list[NetworkColumn], now: datetime) -> str:
    """How many vantages have fallen silent, and since when the longest of them."""
    vantages = sum(column.vantages for column in columns)
    verb = "has" if vantages == 1 else "have"
    since = wording.short_moment(min(column.seen for column in columns), now)
    return f"{count_of(vantages, 'vantage')} {verb} been silent, the longest since {since} UTC"


def _states(states: Iterable[str]) -> str:
    return " or ".join(wording.state_text(state) for state in states)


def _sentences(*texts: str) -> tuple[str, ...]:
    return tuple(_sentence(text) for text in texts if text)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
