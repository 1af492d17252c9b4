"""Cases of how names are resolved: through NAT64, by truncated answers, compared with other names that work."""

from __future__ import annotations

from typing import Any

from probe.model.failure import Failure
from probe.model.nat64 import synthesised
from tests.golden.scenario import ALLOWED, NAME, SITE, A, B, Scenario, world
from tests.golden.world import Cert, Truncated

PREFIX = "2a00:1450:64::/96"
SHORT = "2a00:1450:64:aa00::/56"
FORGED = "31.13.94.10"
WITHOUT_IPV4 = {"families": frozenset({"ipv6"}), "nat64": (PREFIX,)}
DOWN = world(tcp={A: Failure.TIMEOUT, B: Failure.TIMEOUT})
ANCHORS = ("www.anchor-one.example", "www.anchor-two.example.net", "works.example.edu")
COMPARED = {"other_names": ANCHORS}
KNOWN = dict.fromkeys(ANCHORS, ("185.15.59.224",))


def six(**changes: Any) -> Any:
    """A network without IPv4, with DNS64 and NAT64."""
    return world(nat64=PREFIX, **changes)


NAT64 = (
    Scenario(
        "nat64-served", "a network without IPv4 reaches an old site", six(), "reachable", "served", context=WITHOUT_IPV4
    ),
    Scenario(
        "nat64-served-short-prefix",
        "the same with a prefix of 56 bits",
        world(nat64=SHORT),
        "reachable",
        "served",
        control=(world(),),
        context={**WITHOUT_IPV4, "nat64": (SHORT,)},
    ),
    Scenario(
        "nat64-spoofed",
        "the resolver gives another server's address; without a control, the trusted resolver knows the true one",
        six(network={NAME: (FORGED,)}, certs={FORGED: Cert(("notice.isp.example",))}),
        "blocked",
        "dns.spoofed",
        ("dns.spoofed",),
        context=WITHOUT_IPV4,
    ),
    Scenario(
        "nat64-bogon",
        "the resolver writes a private IPv4 address into its answer",
        six(network={NAME: ("10.10.34.36",)}),
        "blocked",
        "dns.bogon",
        ("dns.bogon",),
        control=(world(),),
        context=WITHOUT_IPV4,
    ),
    Scenario(
        "nat64-nxdomain",
        "the resolver denies a name that has IPv4 addresses alone",
        six(network={NAME: Failure.NXDOMAIN}),
        "blocked",
        "dns.nxdomain",
        ("dns.nxdomain",),
        context=WITHOUT_IPV4,
    ),
    Scenario(
        "nat64-nxdomain-without-trusted-resolver",
        "the same, compared with a control",
        six(network={NAME: Failure.NXDOMAIN}),
        "blocked",
        "dns.nxdomain",
        ("dns.nxdomain",),
        control=(world(),),
        context={**WITHOUT_IPV4, "trusted_resolvers": ()},
    ),
    Scenario(
        "nat64-silent",
        "the resolver is silent about the name and finds others",
        six(network={NAME: Failure.TIMEOUT}),
        "blocked",
        "dns.timeout",
        ("dns.timeout",),
        control=(world(),),
        context=WITHOUT_IPV4,
    ),
    Scenario(
        "nat64-hello-reset",
        "a filter in front of the gateway resets the ClientHello",
        six(tls={("*", NAME): Failure.RESET}),
        "blocked",
        "tls.reset.sni",
        ("tls.reset", "tls.sni"),
        control=(world(),),
        context=WITHOUT_IPV4,
    ),
    Scenario(
        "nat64-gateway-drops",
        "the gateway leads nowhere for this site; nobody but the control knows it to work",
        six(tcp={A: Failure.TIMEOUT, B: Failure.TIMEOUT}),
        "blocked",
        "tcp.timeout",
        ("tcp.timeout",),
        control=(world(),),
        context=WITHOUT_IPV4,
    ),
    Scenario(
        "nat64-down",
        "the site is down for everybody",
        six(tcp={A: Failure.TIMEOUT, B: Failure.TIMEOUT}),
        "down",
        "control.failed",
        control=(DOWN,),
        context=WITHOUT_IPV4,
    ),
    Scenario(
        "nat64-gone",
        "the name has no address of either family any more",
        six(names={NAME: Failure.NODATA}),
        "down",
        "dns.absent",
        context=WITHOUT_IPV4,
    ),
    Scenario(
        "nat64-regional-server",
        "the resolver gives another of the site's servers, which shows its certificate",
        six(network={NAME: (FORGED,)}, certs={FORGED: SITE}),
        "reachable",
        "served.acquitted",
        control=(world(),),
        context=WITHOUT_IPV4,
    ),
    Scenario(
        "nat64-beside-ipv4",
        "a host with IPv4 in a network with DNS64: the gateway is dead, IPv4 works",
        world(nat64=PREFIX, tcp={synthesised(A, PREFIX): Failure.TIMEOUT}),
        "reachable",
        "served.acquitted",
        control=(world(),),
        context={"nat64": (PREFIX,)},
    ),
)

TRUNCATION = (
    Scenario(
        "dns-truncated",
        "the answer over UDP is truncated, TCP is closed; the addresses that came are the site's",
        world(network={NAME: Truncated((A,))}),
        "reachable",
        "served",
        control=(world(),),
    ),
    Scenario(
        "dns-truncated-empty",
        "the truncated answer has no address, and TCP is silent: no silence about the name",
        world(network={NAME: Truncated(Failure.TIMEOUT)}),
        "reachable",
        "served",
        control=(world(),),
    ),
    Scenario(
        "dns-truncated-empty-site-down",
        "the same, and the site does not answer",
        world(network={NAME: Truncated(Failure.TIMEOUT)}, tcp={A: Failure.TIMEOUT, B: Failure.TIMEOUT}),
        "down",
        "control.failed",
        control=(DOWN,),
    ),
    Scenario(
        "dns-truncated-forged",
        "the truncated answer has a notice's address",
        world(network={NAME: Truncated((FORGED,))}, certs={FORGED: Cert(("notice.isp.example",))}),
        "blocked",
        "dns.spoofed",
        ("dns.spoofed",),
        control=(world(),),
    ),
)

OTHER_NAMES = (
    Scenario(
        "dns-silent-one-other-blocked",
        "the resolver is silent about the name, and about one of three others",
        world(names=KNOWN, network={NAME: Failure.TIMEOUT, ANCHORS[0]: Failure.TIMEOUT}),
        "blocked",
        "dns.timeout",
        ("dns.timeout",),
        control=(world(),),
        context=COMPARED,
    ),
    Scenario(
        "dns-refused-fixed-name-blocked",
        "the well-known name of another country is refused too; those that work here are not",
        world(names=KNOWN, network={NAME: Failure.REFUSED, ALLOWED: Failure.REFUSED}),
        "blocked",
        "dns.refused",
        ("dns.refused",),
        control=(world(),),
        context=COMPARED,
    ),
    Scenario(
        "dns-silent-others-too",
        "the resolver is silent about most names",
        world(names=KNOWN, network={NAME: Failure.TIMEOUT, **dict.fromkeys(ANCHORS[:2], Failure.TIMEOUT)}),
        "unreachable",
        "dns.resolver",
        ("dns.timeout",),
        control=(world(),),
        context=COMPARED,
    ),
)

_STALE: dict[Any, Any] = {"*": Failure.SERVFAIL, **{name: KNOWN[name] for name in ANCHORS}}
"""The resolver has lost its upstream and answers from its cache: the names of anchors and of recent targets."""
UPSTREAM = tuple(
    Scenario(
        f"dns-upstream-lost-{failure}",
        "the resolver has lost its upstream; the names that work here are in its cache, the target's is not",
        world(names=KNOWN, network={**_STALE, "*": failure}),
        "unreachable",
        "dns.resolver",
        (f"dns.{failure}",),
        control=(world(),),
        context=COMPARED,
    )
    for failure in (Failure.SERVFAIL, Failure.TIMEOUT, Failure.REFUSED)
)

SCENARIOS = (*UPSTREAM, *NAT64, *TRUNCATION, *OTHER_NAMES)
