"""The findings of `probe doctor`: each is well or a problem, in plain words, with a way to mend it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import msgspec

from probe.cli.localisation import translate as _
from probe.cli.localisation import translate_plural
from probe.cli.verdict_words import note_words
from probe.measure.host_checks import HostFacts
from probe.model.verdict import Vantage, VantageNote, VantageState
from probe.settings import Settings

MIN_MTU_BYTES = 1280
"""The least MTU of a path for IPv6 (RFC 8200 section 5); a smaller one loses packets."""
MAX_RESOLVER_SECONDS = 2.0
"""A slower resolver delays every look."""
MAX_CLOCK_SECONDS = 120.0
"""A larger difference is told; the collector corrects the times of reports from there on."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One finding.

    Attributes:
        name: a stable word for programs.
        ok: whether it is well; None where it was not tried.
        said: what was found.
        mend: what to do about it; empty where nothing is to be done.
    """

    name: str
    ok: bool | None
    said: str
    mend: str = ""


class NetworkFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What was found by contacting the anchors, the resolver and the collector.

    Attributes:
        vantage: by the look at the anchors.
        resolver_tried: whether the resolver was asked for a name.
        resolver_seconds: how long it took; None where it found nothing.
        nat64: the network's NAT64 prefixes.
        collector: why the collector did not answer; empty when it did, None when there is none.
        clock: seconds by which this host's clock is ahead of the collector's; None where it was not compared.
    """

    vantage: Vantage
    resolver_tried: bool = True
    resolver_seconds: float | None = None
    nat64: tuple[str, ...] = ()
    collector: str | None = None
    clock: float | None = None


def local_checks(settings: Settings, facts: HostFacts, folder_problem: str, now: datetime) -> Iterator[Check]:
    """The findings that need no packet.

    Args:
        settings: merged.
        facts: of this host.
        folder_problem: why the state folder cannot be used; empty when it can.
        now: the date and time.
    """
    yield _consent(settings)
    yield Check(
        name="folder",
        ok=not folder_problem,
        said=folder_problem or _("the state folder can be written"),
        mend=_("mend its owner and rights, or name another folder: [agent] state") if folder_problem else "",
    )
    yield _authorities(facts)
    yield _privileges(settings, facts)
    yield _tunnel(facts)
    yield Check(
        name="resolvers",
        ok=facts.resolvers > 0,
        said=translate_plural(
            "{count} resolver is configured", "{count} resolvers are configured", facts.resolvers
        ).format(count=facts.resolvers),
        mend="" if facts.resolvers else _("name a resolver in the network settings of this host"),
    )
    yield _routes(facts)
    yield _mtu(facts)
    if now.year < 2026:
        yield Check(
            name="date",
            ok=False,
            said=_("the date of this host is {date:%Y-%m-%d}").format(date=now),
            mend=_set_clock(),
        )


def _consent(settings: Settings) -> Check:
    if settings.agent.consent:
        return Check(name="consent", ok=True, said=_("you have agreed to what the agent does"))
    mend = _("read `probe run --dry-run`, then run `probe setup`")
    return Check(name="consent", ok=False, said=_("you have not agreed"), mend=mend)


def _set_clock() -> str:
    return _("set the clock, and let it be set by the network (NTP)")


def _authorities(facts: HostFacts) -> Check:
    if facts.authorities:
        return Check(name="authorities", ok=True, said=_("certificate authorities are installed"))
    return Check(
        name="authorities",
        ok=False,
        said=_("this host has no trusted certificate authorities: no https page can be verified"),
        mend=_("install the package ca-certificates, or name a file in SSL_CERT_FILE"),
    )


def _privileges(settings: Settings, facts: HostFacts) -> Check:
    if settings.measure.packets != "never" and not facts.raw_sockets:
        return Check(
            name="privileges",
            ok=False,
            said=_("the settings ask for packets, and this process may not capture them"),
            mend=_('give it CAP_NET_RAW, or set `packets = "never"` under [measure]'),
        )
    if facts.root:
        return Check(
            name="privileges",
            ok=True,
            said=_("this is root, which the agent does not need"),
            mend=_("run it as a user of its own, as the service of the package does"),
        )
    return Check(name="privileges", ok=True, said=_("no privilege is held that is not needed"))


def _tunnel(facts: HostFacts) -> Check:
    if VantageNote.TUNNEL in facts.notes:
        return Check(
            name="tunnel",
            ok=False,
            said=_("traffic leaves through a VPN or another tunnel: the network at its far end would be measured"),
            mend=_("stop the tunnel while the agent runs, or run the agent on another host"),
        )
    if VantageNote.PROXY in facts.notes:
        said = _("the environment names a proxy; the agent measures without it")
        return Check(name="tunnel", ok=True, said=said)
    return Check(name="tunnel", ok=True, said=_("no VPN, tunnel or proxy is seen"))


def _routes(facts: HostFacts) -> Check:
    if not (facts.ipv4 or facts.ipv6):
        return Check(
            name="route",
            ok=False,
            said=_("this host has no route to the Internet"),
            mend=_("connect it: cable, Wi-Fi, or the settings of its network"),
        )
    families = " + ".join(name for name, routed in (("IPv4", facts.ipv4), ("IPv6", facts.ipv6)) if routed)
    return Check(name="route", ok=True, said=_("there is a route for {families}").format(families=families))


def _mtu(facts: HostFacts) -> Check:
    if not facts.mtu:
        return Check(name="mtu", ok=None, said=_("the MTU of the network device is not known"))
    small = facts.mtu < MIN_MTU_BYTES
    return Check(
        name="mtu",
        ok=not small,
        said=_("the MTU of the network device is {mtu}").format(mtu=facts.mtu),
        mend=_("set it to 1280 or more: large packets get lost otherwise, and pages seem frozen") if small else "",
    )


def network_checks(facts: NetworkFacts) -> Iterator[Check]:
    """The findings of what was contacted."""
    notes = facts.vantage.notes
    yield _resolver(facts)
    yield _online(facts.vantage)
    yield _ipv6(facts.vantage)
    if facts.nat64:
        said = _("this network has NAT64 ({prefixes}): IPv4 sites are reached over IPv6")
        yield Check(name="nat64", ok=True, said=said.format(prefixes=", ".join(facts.nat64)))
    else:
        yield Check(name="nat64", ok=True, said=_("no NAT64 is seen"))
    if VantageNote.FAKE_ADDRESSES in notes:
        yield Check(
            name="bypass_tool",
            ok=False,
            said=note_words(VantageNote.FAKE_ADDRESSES),
            mend=_("stop the tool while the agent runs, here and on the router"),
        )
    yield _clock(facts)
    if facts.collector is not None:
        yield Check(
            name="collector",
            ok=not facts.collector,
            said=facts.collector or _("the collector answers"),
            mend=_("look at its address in the settings; reports wait until it answers") if facts.collector else "",
        )


def _resolver(facts: NetworkFacts) -> Check:
    if not facts.resolver_tried:
        return Check(name="resolver", ok=None, said=_("no anchor has a name to ask the resolver for"))
    if facts.resolver_seconds is None or VantageNote.RESOLVER_DEAD in facts.vantage.notes:
        return Check(
            name="resolver",
            ok=False,
            said=_("the resolver of this network finds no well-known name"),
            mend=_("restart the router, or choose another resolver in the network settings of this host"),
        )
    slow = facts.resolver_seconds > MAX_RESOLVER_SECONDS
    return Check(
        name="resolver",
        ok=not slow,
        said=_("the resolver answers in {milliseconds:.0f} ms").format(milliseconds=1000 * facts.resolver_seconds),
        mend=_("choose a faster resolver in the network settings of this host") if slow else "",
    )


def _online(vantage: Vantage) -> Check:
    if not vantage.anchors:
        return Check(name="online", ok=None, said=_("no anchors are configured, so this is not known"))
    match vantage.state:
        case VantageState.OFFLINE:
            said, mend = _("no anchor answers: this host is offline"), _("look at the cable, the Wi-Fi and the router")
        case VantageState.PORTAL:
            said = _("a login page answers in the place of every site (a captive portal)")
            mend = _("log in with a browser on this host, then try again")
        case VantageState.ALLOWLIST:
            said = _("this network lets only an allow-list through")
            mend = _("nothing on this host: the agent reports it, and says nothing of what fails")
        case VantageState.ONLINE if VantageNote.ANCHORS_DISAGREE in vantage.notes:
            said, mend = note_words(VantageNote.ANCHORS_DISAGREE), _("choose other anchors: [measure] anchors")
        case _:
            return Check(
                name="online", ok=True, said=_("the anchors answer: this host is online, behind no login page")
            )
    return Check(name="online", ok=False, said=said, mend=mend)


def _ipv6(vantage: Vantage) -> Check:
    if VantageNote.IPV6_BROKEN in vantage.notes:
        return Check(
            name="ipv6",
            ok=False,
            said=_("this host has an IPv6 address, and IPv6 does not work"),
            mend=_("restart the router, or switch IPv6 off on this host"),
        )
    if any(one.ipv6_result == "ok" or one.over_ipv6 for one in vantage.anchors):
        return Check(name="ipv6", ok=True, said=_("IPv6 works"))
    return Check(name="ipv6", ok=True, said=_("no IPv6 was tried: IPv4 alone is measured"))


def _clock(facts: NetworkFacts) -> Check:
    if facts.clock is not None and abs(facts.clock) > MAX_CLOCK_SECONDS:
        side = _("ahead of") if facts.clock > 0 else _("behind")
        said = _("the clock of this host is {seconds:.0f} s {side} the collector's")
        return Check(name="clock", ok=False, said=said.format(seconds=abs(facts.clock), side=side), mend=_set_clock())
    if VantageNote.CLOCK_WRONG in facts.vantage.notes:
        return Check(name="clock", ok=False, said=note_words(VantageNote.CLOCK_WRONG), mend=_set_clock())
    said = (
        _("the clock agrees with the collector's") if facts.clock is not None else _("the clock fits the certificates")
    )
    return Check(name="clock", ok=True, said=said)
