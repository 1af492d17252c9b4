"""What an agent is told about its vote."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from probe.collector.intake.apply_batch import BatchOutcome, BatchResult
from probe.collector.intake.vote_notes import CANARIES, OTHER_NETWORK, SHADOW, standing_reasons, vote_notes
from probe.collector.store import to_ms
from probe.collector.store.agents import AgentRow
from probe.model.event import Network

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOME, AWAY = Network(asn=64500, country="RU"), Network(asn=64501, country="RU")
AGENT = AgentRow(1, "a", b"k" * 32, "vantage", "club", 64500, "RU", "active", "", 0, 0)


@pytest.mark.parametrize(
    ("agent", "network", "reasons"),
    [
        (AGENT, HOME, []),
        (AGENT, AWAY, [OTHER_NETWORK]),
        (msgspec.structs.replace(AGENT, asn=0, cc=""), AWAY, []),
        (msgspec.structs.replace(AGENT, votes_from=to_ms(NOW + timedelta(days=1))), HOME, [SHADOW]),
        (msgspec.structs.replace(AGENT, weight=300), AWAY, [OTHER_NETWORK, CANARIES]),
    ],
)
def test_the_reasons_why_nothing_of_an_agent_counts(agent: AgentRow, network: Network, reasons: list[str]) -> None:
    """Its network, its age, its agreement with the canaries."""
    assert standing_reasons(agent, network, NOW) == reasons


def test_the_answer_says_what_does_not_count_and_where_it_would() -> None:
    """Nothing is said where all of it counts."""
    whole = BatchOutcome(answer=BatchResult.STORED, seq=1, network=HOME)
    partly = msgspec.structs.replace(whole, network=AWAY, ignored=2, without_vote={"no_evidence": 1})

    assert vote_notes(AGENT, whole, NOW) == {}
    assert vote_notes(AGENT, partly, NOW) == {
        "no_vote": [OTHER_NETWORK],
        "votes_in": {"asn": 64500, "country": "RU"},
        "without_vote": {"no_evidence": 1},
        "ignored": 2,
    }
