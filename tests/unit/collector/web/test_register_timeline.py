"""Register listings beside observed blocking, and the lags."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from probe.collector.web.register_timeline import (
    Lag,
    RegisterListing,
    TimeBounds,
    compare,
    register_listings,
    response_lag,
    time_bounds,
)
from probe.lists.register_diff import ChangeKind, RegisterChange
from probe.lists.registers.register_entry import RegisterDecision
from probe.model.event import Confidence, Event, Network, Scope
from probe.model.verdict import Cause, Status

A, B = Network(asn=64500, country="RU"), Network(asn=64501, country="RU")
ABROAD = Network(asn=64502, country="KZ")


def day(number: float, month: int = 5) -> datetime:
    """A moment in 2017."""
    return datetime(2017, month, 1, tzinfo=UTC) + timedelta(days=number - 1)


def change(
    kind: ChangeKind,
    after: datetime | None,
    before: datetime | None,
    subject: str = "wechat.com",
    *,
    decided: str = "",
    included: datetime | None = None,
) -> RegisterChange:
    """A register change of WeChat."""
    decision = RegisterDecision(decided, "10-Restricting")
    return RegisterChange(
        kind=kind, subject=subject, service="wechat", decision=decision, after=after, before=before, included=included
    )


def event(network: Network, onset: datetime, lifted: datetime | None = None) -> Event:
    """WeChat blocked in this network."""
    return Event(
        id=f"{network.asn}-{onset:%d%H}",
        revision=1,
        service="wechat",
        scope=Scope.NETWORK,
        network=network,
        status=Status.BLOCKED,
        causes=(Cause.TCP_TIMEOUT,),
        confidence=Confidence.ONE_SOURCE,
        onset=onset,
        known=onset,
        lifted=lifted,
    )


class TestTimeBounds:
    """The bounds of the moment of a change."""

    def test_between_the_two_snapshots(self) -> None:
        """These are the bounds where no other date is known."""
        assert time_bounds(change(ChangeKind.DELISTED, day(5), day(11))) == TimeBounds(after=day(5), before=day(11))

    def test_not_before_its_decision(self) -> None:
        """A listing is not older than its decision; a delisting refers to an old one."""
        assert time_bounds(change(ChangeKind.LISTED, day(12, 4), day(3), decided="2017-04-28")) == TimeBounds(
            after=day(28, 4), before=day(3)
        )
        assert time_bounds(change(ChangeKind.DELISTED, day(5), day(11), decided="2017-05-08")) == TimeBounds(
            after=day(5), before=day(11)
        )

    def test_at_the_register_s_own_time_where_that_lies_between_them(self) -> None:
        """The time of entry is the decision's: an entry that came later under an old decision is not dated by it."""
        assert time_bounds(change(ChangeKind.LISTED, day(1), day(9), included=day(4.5))) == TimeBounds(
            after=day(4.5), before=day(4.5)
        )
        assert time_bounds(change(ChangeKind.LISTED, day(5), day(9), included=day(4.5))) == TimeBounds(
            after=day(5), before=day(9)
        )

    def test_none_where_the_source_gives_none(self) -> None:
        """Some registers have no publication time."""
        assert time_bounds(change(ChangeKind.LISTED, None, None)) is None


class TestRegisterListings:
    """The periods in which a service was on the register."""

    def test_from_the_first_name_s_listing_to_the_last_one_s_delisting(self) -> None:
        """The service is listed while any of its names is."""
        found = register_listings(
            "RU",
            [
                change(ChangeKind.LISTED, day(3), day(5), "a.example"),
                change(ChangeKind.LISTED, day(5), day(7), "b.example"),
                change(ChangeKind.DELISTED, day(7), day(8), "a.example"),
                change(ChangeKind.DELISTED, day(8), day(11), "b.example"),
            ],
        )

        assert found == (
            RegisterListing(
                country="RU",
                listed=TimeBounds(after=day(3), before=day(5)),
                delisted=TimeBounds(after=day(8), before=day(11)),
                entries=2,
                decisions=("10-Restricting",),
            ),
        )

    def test_twice_where_nothing_was_listed_in_between(self) -> None:
        """Tor's site was listed twice."""
        found = register_listings(
            "RU",
            [
                change(ChangeKind.LISTED, day(1), day(2)),
                change(ChangeKind.DELISTED, day(3), day(4)),
                change(ChangeKind.LISTED, day(7), day(8)),
            ],
        )

        assert [(each.listed.before, each.delisted and each.delisted.before) for each in found] == [
            (day(2), day(4)),
            (day(8), None),
        ]

    def test_overlapping_diffs_narrow_the_bounds_of_one_change(self) -> None:
        """Monday to Friday and Wednesday to Thursday: it came on Thursday."""
        wide, narrow = change(ChangeKind.LISTED, day(1), day(5)), change(ChangeKind.LISTED, day(3), day(4))

        for order in ([wide, narrow], [narrow, wide], [narrow, narrow, wide]):
            (found,) = register_listings("RU", order)
            assert found.listed == TimeBounds(after=day(3), before=day(4))

    def test_an_entry_known_only_as_delisted_was_listed_before(self) -> None:
        """Before the first known snapshot."""
        (found,) = register_listings("RU", [change(ChangeKind.DELISTED, day(5), day(11))])

        assert found.listed == TimeBounds(after=None, before=day(5))


class TestCompare:
    """Listings, the networks of their country, and the lags."""

    LISTED = RegisterListing(
        country="RU",
        listed=TimeBounds(after=day(4), before=day(5)),
        delisted=TimeBounds(after=day(11), before=day(11)),
        entries=5,
        decisions=(),
    )

    def test_each_network_of_the_country_has_its_four_dates_and_two_lags(self) -> None:
        """One that never blocked is included; one of another country is not."""
        measured_since = {A: day(1), B: day(1), ABROAD: day(1)}

        (found,) = compare([self.LISTED], [event(A, day(4.5), day(11.25))], measured_since)

        one, other = found.networks
        assert (one.network, one.blocked, one.unblocked) == (A, day(4.5), day(11.25))
        assert one.block_lag == Lag(least=-43_200, most=43_200)
        assert one.unblock_lag == Lag(least=21_600, most=21_600)
        assert (other.network, other.blocked, other.events) == (B, None, ())

    def test_an_ongoing_event_has_no_unblocking(self) -> None:
        """Although the service is delisted."""
        (found,) = compare([self.LISTED], [event(A, day(4), day(5)), event(A, day(6))], {A: day(1)})

        assert found.networks[0].unblocked is None
        assert len(found.networks[0].events) == 2

    def test_a_service_blocked_when_measuring_began_has_no_block_lag(self) -> None:
        """The true onset is not known."""
        (found,) = compare([self.LISTED], [event(A, day(7), day(12))], {A: day(7)})

        assert found.networks[0].found
        assert found.networks[0].block_lag is None
        assert found.networks[0].unblock_lag is not None

    def test_events_outside_every_listing_are_listed_separately(self) -> None:
        """The block was long before, long after, or in a country without a listing."""
        early, late, abroad = event(A, day(1), day(2)), event(A, day(20)), event(ABROAD, day(5))

        listed, unlisted = compare([self.LISTED], [early, late, abroad], {A: day(1), ABROAD: day(1)})

        assert listed.networks[0].blocked is None
        assert unlisted.listing is None
        assert {each.network: each.events for each in unlisted.networks} == {
            A: (early.id, late.id),
            ABROAD: (abroad.id,),
        }

    def test_without_listings_and_events_there_are_no_rows(self) -> None:
        """Also where the service is measured."""
        assert compare([], [], {A: day(1)}) == ()

    def test_a_lag_after_an_unbounded_moment_has_no_maximum(self) -> None:
        """Only the least is known."""
        assert response_lag(day(6), TimeBounds(after=None, before=day(5))) == Lag(least=86_400, most=None)
