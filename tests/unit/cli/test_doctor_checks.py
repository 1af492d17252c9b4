"""The findings of `probe doctor`, from facts."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from probe.cli.doctor_checks import Check, NetworkFacts, local_checks, network_checks
from probe.measure.host_checks import HostFacts
from probe.model.verdict import AnchorKind, AnchorLook, Vantage, VantageNote, VantageState
from probe.settings import load

NOW = datetime(2026, 12, 1, tzinfo=UTC)
SETTINGS = load(None, {"XDG_CONFIG_HOME": "/nonexistent"}, {"agent.consent": True})
HOST = HostFacts(resolvers=2, ipv4=True, ipv6=False, mtu=1500, authorities=130, root=False, raw_sockets=False, notes=())
ANCHOR = AnchorLook(url="https://a.example/", kind=next(iter(AnchorKind)), at=NOW)
ONLINE = Vantage(state=VantageState.ONLINE, anchors=(ANCHOR,))
NETWORK = NetworkFacts(vantage=ONLINE, resolver_seconds=0.02, collector="", clock=1.0)


def problems(checks: list[Check]) -> list[Check]:
    return [one for one in checks if one.ok is False]


def local(**facts: object) -> list[Check]:
    return list(local_checks(SETTINGS, msgspec.structs.replace(HOST, **facts), "", NOW))


def vantage(state: VantageState = VantageState.ONLINE, *notes: str, ipv6: str = "") -> Vantage:
    anchors = (msgspec.structs.replace(ANCHOR, ipv6_result=ipv6),)
    return msgspec.structs.replace(ONLINE, state=state, notes=notes, anchors=anchors)


def network(**facts: object) -> list[Check]:
    return list(network_checks(msgspec.structs.replace(NETWORK, **facts)))


def test_a_host_that_has_everything_has_no_problem() -> None:
    assert problems(local()) == []
    assert problems(network()) == []


@pytest.mark.parametrize(
    ("facts", "name", "said"),
    [
        ({"authorities": 0}, "authorities", "no trusted certificate authorities"),
        ({"resolvers": 0}, "resolvers", "0 resolvers are configured"),
        ({"ipv4": False}, "route", "no route to the Internet"),
        ({"mtu": 1279}, "mtu", "is 1279"),
        ({"notes": ("tunnel",)}, "tunnel", "through a VPN or another tunnel"),
    ],
)
def test_what_a_host_lacks_is_named_with_a_mend(facts: dict[str, object], name: str, said: str) -> None:
    (found,) = problems(local(**facts))

    assert found.name == name
    assert said in found.said
    assert found.mend


@pytest.mark.parametrize(
    "facts", [{"mtu": 1280}, {"mtu": 0}, {"notes": ("proxy",)}, {"root": True}, {"ipv4": False, "ipv6": True}]
)
def test_what_does_no_harm_is_no_problem(facts: dict[str, object]) -> None:
    assert problems(local(**facts)) == []


def test_packets_that_the_settings_ask_for_need_a_privilege() -> None:
    measure = msgspec.structs.replace(SETTINGS.measure, packets="numbers")
    wanted = msgspec.structs.replace(SETTINGS, measure=measure)

    (found,) = problems(list(local_checks(wanted, HOST, "", NOW)))

    assert (found.name, "CAP_NET_RAW" in found.mend) == ("privileges", True)
    able = msgspec.structs.replace(HOST, raw_sockets=True)
    assert problems(list(local_checks(wanted, able, "", NOW))) == []


def test_consent_folder_and_date_are_looked_at() -> None:
    agent = msgspec.structs.replace(SETTINGS.agent, consent=False)
    early = datetime(1970, 1, 2, tzinfo=UTC)

    found = problems(list(local_checks(msgspec.structs.replace(SETTINGS, agent=agent), HOST, "/x: Read-only", early)))

    assert [one.name for one in found] == ["consent", "folder", "date"]
    assert found[1].said == "/x: Read-only"


@pytest.mark.parametrize(
    ("facts", "name", "said"),
    [
        ({"resolver_seconds": None}, "resolver", "finds no well-known name"),
        ({"vantage": vantage(VantageState.ONLINE, VantageNote.RESOLVER_DEAD)}, "resolver", "finds no well-known name"),
        ({"resolver_seconds": 2.5}, "resolver", "in 2500 ms"),
        ({"vantage": vantage(VantageState.OFFLINE)}, "online", "no anchor answers"),
        ({"vantage": vantage(VantageState.PORTAL)}, "online", "a captive portal"),
        ({"vantage": vantage(VantageState.ALLOWLIST)}, "online", "only an allow-list"),
        ({"vantage": vantage(VantageState.ONLINE, VantageNote.ANCHORS_DISAGREE)}, "online", "some anchors fail here"),
        ({"vantage": vantage(VantageState.ONLINE, VantageNote.IPV6_BROKEN)}, "ipv6", "IPv6 does not work"),
        ({"vantage": vantage(VantageState.ONLINE, VantageNote.FAKE_ADDRESSES)}, "bypass_tool", "a bypass tool"),
        ({"clock": 3600.0}, "clock", "3600 s ahead of the collector's"),
        ({"clock": -121.0}, "clock", "121 s behind the collector's"),
        (
            {"clock": None, "vantage": vantage(VantageState.ONLINE, VantageNote.CLOCK_WRONG)},
            "clock",
            "seems to be wrong",
        ),
        ({"collector": "https://c.example: no answer in time"}, "collector", "no answer in time"),
    ],
)
def test_what_the_network_does_not_do_is_named_with_a_mend(facts: dict[str, object], name: str, said: str) -> None:
    (found,) = problems(network(**facts))

    assert found.name == name
    assert said in found.said
    assert found.mend


def test_what_was_not_asked_is_not_well() -> None:
    found = network(resolver_tried=False, collector=None, vantage=Vantage(state=VantageState.ONLINE))

    assert [one.name for one in found if one.ok is None] == ["resolver", "online"]
    assert "collector" not in [one.name for one in found]


def test_nat64_and_working_ipv6_are_said() -> None:
    found = {one.name: one for one in network(nat64=("64:ff9b::/96",), vantage=vantage(ipv6="ok"))}

    assert "64:ff9b::/96" in found["nat64"].said
    assert found["ipv6"].said == "IPv6 works"
    assert problems(list(found.values())) == []
