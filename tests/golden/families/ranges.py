"""Cases of ranges: a sample of addresses that answered at the control, judged together."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from probe.model.failure import Failure
from probe.model.verdict import VantageState
from tests.golden.scenario import ALLOWED, SITE, Scenario
from tests.golden.world import Cert, World

RANGE, WIDE, TINY, SIX = "151.101.1.0/24", "151.101.0.0/22", "151.101.1.0/29", "2a04:4e42::/32"
RELAY = "198.18.7.7"
ALL = [f"151.101.1.{n}" for n in range(256)]
SOME = ALL[1:5]
TWO = ALL[1:3]
EVERY = [f"151.101.{part}.{n}" for part in range(4) for n in range(256)]
HOLE = [address for address in EVERY if address.startswith("151.101.2.")]


def servers(addresses: Iterable[str], **changes: Any) -> World:
    """A world in which these addresses are machines that speak TLS, and others are dark."""
    return World(names={ALLOWED: ("2620:0:860::1",)}, certs=dict.fromkeys(addresses, SITE), **changes)


def failing(addresses: Iterable[str], how: Failure) -> dict[str, Failure]:
    """Each of these addresses fails in this way."""
    return dict.fromkeys(addresses, how)


class Low(dict[str, Cert]):
    """A certificate at the first address of every subnet."""

    def __contains__(self, address: object) -> bool:
        return str(address).startswith("2a04:4e42:") and str(address).endswith("::1")

    def get(self, address: str, default: Any = None) -> Any:
        """As in a table."""
        return SITE if address in self else default


def six(*, witness: bool, tcp: bool = True) -> World:
    """An IPv6 range in which every subnet's first address answers."""
    made = servers((), tcp={} if tcp else _SilentSix())
    made.certs = Low()
    made.names = {ALLOWED: {"AAAA": ("2620:0:860::1",)}}
    made.tcp = made.tcp if tcp else _SilentSix()
    made.tcp["2620:0:860::1"] = None if witness else Failure.TIMEOUT
    return made


class _SilentSix(dict[Any, Any]):
    """Silence at every address of the range."""

    def __contains__(self, key: object) -> bool:
        return str(key).startswith("2a04:4e42:") or super().__contains__(key)

    def __getitem__(self, key: Any) -> Any:
        return Failure.TIMEOUT if str(key).startswith("2a04:4e42:") else super().__getitem__(key)


HELLOS_SILENT = {("*", name): Failure.TIMEOUT for name in ("xkqvdwpzrjtm.com", ALLOWED)}
WELL = (servers(ALL),)
FEW = (servers(SOME),)


def _case(name: str, says: str, here: World, status: str, rule: str, *causes: str, **more: Any) -> Scenario:
    return Scenario(name, says, here, status, rule, causes, **{"target": RANGE, "control": WELL, **more})


SCENARIOS = (
    _case("range-served", "the sample answers", servers(ALL), "reachable", "served"),
    _case("range-served-alone", "the sample answers, no control", servers(ALL), "reachable", "served", control=()),
    _case(
        "range-timeout",
        "every SYN to the range is dropped",
        servers(ALL, tcp=failing(ALL, Failure.TIMEOUT)),
        "blocked",
        "tcp.timeout.range",
        "tcp.timeout",
        "ip.range",
    ),
    _case(
        "range-timeout-sparse",
        "four machines in a dark range, all dropped",
        servers(SOME, tcp=failing(SOME, Failure.TIMEOUT)),
        "blocked",
        "tcp.timeout.range",
        "tcp.timeout",
        "ip.range",
        control=FEW,
    ),
    _case(
        "range-reset",
        "every SYN to the range is answered with RST",
        servers(ALL, tcp=failing(ALL, Failure.RESET)),
        "blocked",
        "tcp.reset.range",
        "tcp.reset",
        "ip.range",
    ),
    _case(
        "range-unreachable",
        "an ICMP error comes back from the whole range",
        servers(ALL, tcp=failing(ALL, Failure.UNREACHABLE)),
        "blocked",
        "tcp.unreachable.range",
        "tcp.unreachable",
        "ip.range",
    ),
    _case(
        "range-hello-timeout",
        "SYNs pass and every ClientHello vanishes (bbs#516)",
        servers(ALL, tls=HELLOS_SILENT),
        "blocked",
        "tls.timeout.range",
        "tls.timeout",
        "ip.range",
    ),
    _case(
        "range-hello-residual",
        "silence after the ClientHello, then to every SYN to the address",
        servers(SOME, tcp={a: [None, None, Failure.TIMEOUT] for a in SOME}, tls=HELLOS_SILENT),
        "blocked",
        "tls.timeout.range",
        "tls.timeout",
        "ip.range",
        control=FEW,
    ),
    _case(
        "range-syns-leak",
        "SYNs to half of the machines pass, and no ClientHello does",
        servers(SOME, tcp=failing(SOME[:2], Failure.TIMEOUT), tls=HELLOS_SILENT),
        "blocked",
        "tls.timeout.range",
        "tls.timeout",
        "ip.range",
        control=FEW,
    ),
    _case(
        "range-machine-hangs",
        "two machines are gone and one hangs; another answers",
        servers(SOME, tcp=failing(SOME[:2], Failure.TIMEOUT), tls={(SOME[2], "xkqvdwpzrjtm.com"): Failure.TIMEOUT}),
        "reachable",
        "served",
        control=FEW,
        found={"failing": dict.fromkeys(SOME[:2], "tcp.timeout")},
    ),
    _case(
        "range-hello-reset",
        "SYNs pass and every ClientHello is reset",
        servers(ALL, tls={("*", name): Failure.RESET for name in ("xkqvdwpzrjtm.com", ALLOWED)}),
        "blocked",
        "tls.reset.range",
        "tls.reset",
        "ip.range",
    ),
    _case(
        "range-hello-eof",
        "SYNs pass and every ClientHello is answered with FIN",
        servers(ALL, tls={("*", name): Failure.EOF for name in ("xkqvdwpzrjtm.com", ALLOWED)}),
        "blocked",
        "tls.eof.range",
        "tls.eof",
        "ip.range",
    ),
    _case(
        "range-hello-allowlist",
        "only an allow-listed name is answered: the range is not blocked",
        servers(ALL, tls={("*", "xkqvdwpzrjtm.com"): Failure.TIMEOUT}),
        "unreachable",
        "range.mute",
        "tls.timeout",
    ),
    _case(
        "range-other-protocol",
        "machines that reset a ClientHello everywhere: they can only connect",
        servers(ALL, tls={("*", "xkqvdwpzrjtm.com"): Failure.RESET}),
        "reachable",
        "served",
        control=(servers(ALL, tls={("*", "xkqvdwpzrjtm.com"): Failure.RESET}),),
    ),
    _case(
        "range-half-dead",
        "half of the range is dead everywhere: a miss is no evidence",
        servers(ALL[::2]),
        "reachable",
        "served",
        control=(servers(ALL[::2]),),
        found={"failing": {}},
    ),
    _case(
        "range-hole",
        "a /24 of a /22 is dropped: the /22 works, and the /24 is named",
        servers(EVERY, tcp=failing(HOLE, Failure.TIMEOUT)),
        "reachable",
        "served",
        target=WIDE,
        control=(servers(EVERY),),
        found={"failing": {"151.101.2.0/24": "tcp.timeout"}},
    ),
    _case(
        "range-one-lost",
        "one machine fails here and others do not: only it is named",
        servers(SOME, tcp=failing(SOME[:1], Failure.RESET)),
        "reachable",
        "served",
        control=FEW,
        found={"failing": {SOME[0]: "tcp.reset"}},
    ),
    _case(
        "range-one-answers",
        "three of four fail here; other addresses serve",
        servers(SOME, tcp=failing(SOME[:3], Failure.TIMEOUT)),
        "reachable",
        "served",
        control=FEW,
        found={"failing": dict.fromkeys(SOME[:3], "tcp.timeout")},
    ),
    _case(
        "range-not-alike",
        "the sample fails in two ways, equally often: a broken line rather than one block",
        servers(SOME, tcp={**failing(SOME[:2], Failure.RESET), **failing(SOME[2:], Failure.TIMEOUT)}),
        "unreachable",
        "tcp.ambiguous",
        "tcp.reset",
        control=FEW,
    ),
    _case(
        "range-two-hits",
        "two machines answered at the control: too few to judge the range",
        servers(TWO, tcp=failing(TWO, Failure.TIMEOUT)),
        "unreachable",
        "tcp.ambiguous",
        "tcp.timeout",
        control=(servers(TWO),),
    ),
    _case(
        "range-alone",
        "silence without a control is ambiguous",
        servers(ALL, tcp=failing(ALL, Failure.TIMEOUT)),
        "unreachable",
        "tcp.ambiguous",
        "tcp.timeout",
        control=(),
    ),
    _case("range-dark", "nothing answers anywhere", servers(()), "down", "control.failed", control=(servers(()),)),
    _case(
        "range-control-stale",
        "the control is a month old: its addresses may belong to others now",
        servers(ALL, tcp=failing(ALL, Failure.TIMEOUT)),
        "unreachable",
        "tcp.ambiguous",
        "tcp.timeout",
        age=timedelta(days=30),
    ),
    _case(
        "range-relayed",
        "a relay accepts every SYN, and proves nothing",
        servers([*ALL, RELAY]),
        "unreachable",
        "range.relayed",
        context={"relay_address": RELAY},
    ),
    _case(
        "range-relayed-inside",
        "a relay accepts every SYN to the range: addresses that are silent at the control connect too",
        servers(ALL),
        "unreachable",
        "range.relayed",
        control=FEW,
        context={"relay_address": RELAY},
    ),
    _case(
        "range-relayed-allowlist",
        "a relay accepts every SYN on a line that lets through only a list",
        servers([*ALL, RELAY]),
        "unknown",
        "vantage.relayed",
        context={"relay_address": RELAY},
        state=VantageState.ALLOWLIST,
    ),
    _case(
        "range-not-relayed",
        "no relay on the path",
        servers(ALL),
        "reachable",
        "served",
        context={"relay_address": RELAY},
    ),
    _case(
        "range-small",
        "all addresses of a range of eight are tried",
        servers(ALL, tcp=failing(ALL[:8], Failure.TIMEOUT)),
        "blocked",
        "tcp.timeout.range",
        "tcp.timeout",
        "ip.range",
        target=TINY,
    ),
    _case(
        "range-ipv6-timeout",
        "an IPv6 range is silent here while IPv6 works",
        six(witness=True, tcp=False),
        "blocked",
        "tcp.timeout.range",
        "tcp.timeout",
        "ip.range",
        target=SIX,
        control=(six(witness=True),),
    ),
    _case(
        "range-ipv6-broken",
        "an IPv6 range is silent here, like everything over IPv6",
        six(witness=False, tcp=False),
        "unreachable",
        "tcp.ambiguous",
        "tcp.timeout",
        target=SIX,
        control=(six(witness=True),),
    ),
    _case(
        "range-offline",
        "at an offline vantage a range is unknown",
        servers(ALL, tcp=failing(ALL, Failure.TIMEOUT)),
        "unknown",
        "vantage.offline",
        state=VantageState.OFFLINE,
    ),
)
