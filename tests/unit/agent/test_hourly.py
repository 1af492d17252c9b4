"""Default sampling touches no address more than once an hour: the schedule, the watchlist and the plan together."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.agent import watchlist
from probe.agent.scheduler import RANGE_INTERVAL_SECONDS, due, next_start
from probe.agent.watchlist import Watchlist
from probe.lists.prefixes.expand import more_specifics_of
from probe.model.target import RangeTarget, parse
from probe.model.verdict import ControlFacts, Status
from probe.plan import PlanContext, plan_for
from probe.settings import load
from tests.unit.plan.dialogue import Dialogue

SUNDAY = datetime(2026, 11, 29, 12, tzinfo=UTC)
"""The next day begins another week, and with it another sample."""
RANGES = ("8.8.0.0/20", "8.8.8.0/24", "8.8.8.0/24:80", "8.8.8.0/24:8080", "8.8.4.0/22", "8.8.8.128/25", "9.9.9.0/24")
HOURLY = timedelta(seconds=RANGE_INTERVAL_SECONDS)


def watched(texts: tuple[str, ...]) -> Watchlist:
    """A watchlist of ranges, some inside others, as `load` makes it."""
    targets = tuple((text, parse(text)) for text in texts)
    inside = more_specifics_of(target.network for _, target in targets if isinstance(target, RangeTarget))
    excluded = {text: inside.get(text.partition(":")[0], ()) for text in texts}
    return Watchlist(targets=targets, excluded_prefixes=excluded)


def contacts(target: RangeTarget, context: PlanContext, works: float, chance: Random) -> Counter[str]:
    """Address -> how often one measurement contacts it, where a share of them works."""
    dialogue, found = Dialogue(plan_for(target, context)), Counter[str]()
    while asked := dialogue.asks():
        for step in asked:
            dead = chance.random() > works
            if step.startswith(("A ", "AAAA ")):
                dialogue.tell(step, ())
                continue
            if "relay" not in step:
                words = step.split()
                found[words[1].rpartition(":")[0] if words[0] == "connect" else words[3]] += 1
            dialogue.tell(step, ("tls.timeout" if step.startswith("hello") else "tcp.timeout") if dead else "ok")
    return found


def control_of(text: str, hits: int, chance: Random) -> ControlFacts | None:
    """The control's facts about a range: some addresses that answered."""
    network = text.partition("/")[0].rpartition(".")[0]
    found = dict.fromkeys((f"{network}.{chance.randrange(1, 255)}" for _ in range(hits)), "tls")
    return ControlFacts(time=SUNDAY, statuses=(Status.REACHABLE,), hits=found) if hits else None


@settings(deadline=None, max_examples=20)
@given(
    st.lists(st.sampled_from(RANGES), min_size=1, unique=True),
    st.floats(60, 1800),
    st.sampled_from([0, 2, 40]),
    st.floats(0, 1),
    st.integers(0, 10**6),
)
def test_an_hour_lies_between_two_measurements_of_one_address(
    texts: list[str], interval: float, hits: int, works: float, seed: int
) -> None:
    """This holds for every choice of ranges, interval, week, hit list and answers.

    Within one measurement an address is contacted six times at most: a connection, a hello, one with an allowed
    name, each tried twice.
    """
    chance, found = Random(seed), watched(tuple(texts))
    facts = {text: control_of(text, hits, chance) for text in texts}
    measured: dict[str, datetime] = {}
    last: dict[str, datetime] = {}
    begun = float("-inf")
    now = SUNDAY + timedelta(hours=9)
    while now < SUNDAY + timedelta(hours=15):
        begun = next_start(begun, now.timestamp(), interval=interval, jitter=0.08, draw=chance.random())
        now = start = datetime.fromtimestamp(begun, UTC)
        looked = []
        for text, target in due(found.targets, measured, start):
            assert isinstance(target, RangeTarget)
            week = now.isocalendar()
            context = PlanContext(
                control=facts[text],
                seed=week.year * 100 + week.week,
                search_seed=int(now.timestamp()) // 3600,
                excluded_prefixes=found.excluded_prefixes[text],
            )
            touched = contacts(target, context, works, chance)
            end = now + timedelta(seconds=chance.uniform(0, 300))
            assert all(now - last[address] >= HOURLY for address in touched if address in last)
            assert max(touched.values(), default=0) <= 6
            last.update(dict.fromkeys(touched, end))
            looked.append(text)
            now = end
        measured.update(dict.fromkeys(looked, now))  # as `probe.agent.agent` does: by the round's end


def test_ports_of_one_prefix_take_turns() -> None:
    """The port that waited longest comes first."""
    targets = tuple((text, parse(text)) for text in ("8.8.8.0/24", "8.8.8.0/24:80", "8.8.8.0/24:8080"))
    measured: dict[str, datetime] = {}
    order = []
    for hour in range(6):
        now = SUNDAY + hour * HOURLY
        ((text, _),) = due(targets, measured, now)
        order.append(text)
        measured[text] = now

    assert order[:3] == order[3:]
    assert set(order) == {text for text, _ in targets}


def test_the_hour_counts_from_the_end_of_a_measurement() -> None:
    """The last address may have been measured just before the end."""
    targets = (("8.8.8.0/24", parse("8.8.8.0/24")),)
    measured: Mapping[str, datetime] = {"8.8.8.0/24": SUNDAY}

    assert due(targets, measured, SUNDAY + HOURLY - timedelta(seconds=1)) == ()
    assert due(targets, measured, SUNDAY + HOURLY) == targets


def test_a_range_excludes_narrower_ranges_and_prefixes_of_other_ases(tmp_path: Path) -> None:
    """Narrower ranges of the same list are targets of their own."""
    table = tmp_path / "AS.csv"
    rows = ("8.8.0.0/16,AS64500", "8.8.8.0/24,AS64501", "8.8.9.0/24,AS64500", "7.0.0.0/8,AS64502")
    table.write_text("url,notes\n" + "\n".join(rows) + "\n")
    own = tmp_path / "own.txt"
    own.write_text("8.8.9.0/24:80\n8.8.0.0/17\n")
    base = load(None, {"XDG_CONFIG_HOME": str(tmp_path)})
    chosen = {"services": (), "files": (str(own),), "networks": ("AS64500",), "prefixes": (str(table),)}
    found = watchlist.load(msgspec.structs.replace(base, targets=msgspec.structs.replace(base.targets, **chosen)))

    assert [text for text, _ in found.targets] == ["8.8.0.0/16", "8.8.9.0/24", "8.8.9.0/24:80", "8.8.0.0/17"]
    assert found.excluded_prefixes == {"8.8.0.0/16": ("8.8.0.0/17",), "8.8.0.0/17": ("8.8.8.0/24", "8.8.9.0/24")}


@pytest.mark.parametrize("wide", ["8.8.0.0/16", "2a04:4e42::/32"])
def test_nothing_is_drawn_from_an_excluded_prefix(wide: str) -> None:
    """This holds for the first sample and for the later ones."""
    excluded = wide.replace(".0.0/16", ".0.0/17").replace("::/32", "::/33")
    target = parse(wide)
    assert isinstance(target, RangeTarget)
    touched = contacts(target, PlanContext(sample=64, excluded_prefixes=(excluded,)), 0.5, Random(1))

    assert len(touched) > 60
    assert not any(ipaddress.ip_address(address) in ipaddress.ip_network(excluded) for address in touched)
