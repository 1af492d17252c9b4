"""Which addresses are tried."""

from __future__ import annotations

from probe.plan.candidates import choose, fit
from probe.plan.context import HopLimits, PlanContext

CONTEXT = PlanContext(limits=HopLimits(ipv4=2, ipv6=1))


def test_each_source_gives_its_first_before_any_gives_its_second() -> None:
    """A resolver that lies with twenty addresses cannot crowd out the true one."""
    lies = [f"31.13.94.{number}" for number in range(1, 21)]

    assert choose((lies, ("151.101.1.10",)), CONTEXT) == ("31.13.94.1", "151.101.1.10")


def test_the_families_have_caps_of_their_own() -> None:
    """Many IPv6 addresses take no place from IPv4."""
    source = ("2a04:4e42::1", "2a04:4e42::2", "151.101.1.10")

    assert choose((source,), CONTEXT) == ("2a04:4e42::1", "151.101.1.10")


def test_bogons_and_families_without_a_route_are_left_out() -> None:
    """A lie must not make us knock at the volunteer's own machines."""
    context = PlanContext(families=frozenset({"ipv4"}))  # type: ignore[arg-type]

    assert choose((("10.0.0.1", "127.0.0.1", "2a04:4e42::1", "151.101.1.10"),), context) == ("151.101.1.10",)


def test_more_addresses_fit_beyond_the_caps_when_asked() -> None:
    """Those chosen before count, and are not chosen again."""
    chosen = ("31.13.94.1", "31.13.94.2")

    assert fit(chosen, ("31.13.94.1", "151.101.1.10", "151.101.1.11"), CONTEXT, beyond=1) == ("151.101.1.10",)
    assert fit(chosen, ("151.101.1.10",), CONTEXT) == ()
