"""Cases of whose machine an address is: several honest answers, filters that are trusted, forged public addresses."""

from __future__ import annotations

from typing import Any

from probe.model.failure import Failure
from tests.golden.scenario import HOME, HTTP, NAME, SITE, URL, A, B, Scenario, world
from tests.golden.world import Cert, Filtered, Page, Race, World

DNS = f"dns://{NAME}"
REGIONAL, PARKING, CACHE, SINKHOLE = "203.205.254.61", "199.59.243.20", "100.72.3.9", "146.112.61.106"
FACEBOOK, TWITTER = "31.13.94.10", "104.244.43.57"
REFUSED, MUTE = Failure.RESET, Failure.TIMEOUT
EDE_BLOCKED, EDE_CENSORED, EDE_FILTERED = 15, 16, 17

FOR_SALE = Page("Buy this domain", length=900)
OTHER_SITE = Page("Weather and maps for sailors", headers={"x-marine": "1"}, length=7000)
NOTICE = Page("Access restricted", length=203)
REGIONAL_HOME = Page("Новини регіону", headers={"x-region": "ua"}, length=6000)


HOWS: dict[str, Any] = {
    "refused": {"tcp": REFUSED},
    "mute": {"tcp": MUTE},
    "reset-after-hello": {"tls": Failure.RESET},
    "closed-after-hello": {"tls": Failure.EOF},
    "mute-after-hello": {"tls": Failure.TIMEOUT},
}
"""How an address without TLS answers at 443."""


def without_tls(how: str = "refused", *more: str) -> dict[str, Any]:
    """Tables in which neither the site's nor these addresses have TLS."""
    addresses = (A, B, REGIONAL, *more)
    tables: dict[str, Any] = {"certs": dict.fromkeys(addresses), "http": pages(*addresses)}
    if "tcp" in HOWS[how]:
        return {**tables, "tcp": {(address, 443): HOWS[how]["tcp"] for address in addresses}}
    return {**tables, "tls": {(address, "*"): HOWS[how]["tls"] for address in addresses}}


def pages(*addresses: str) -> dict[Any, Page]:
    """The site's page at each address, whatever the name."""
    return {(NAME, address): HOME for address in addresses}


def regional(how: str = "refused", **more: Any) -> World:
    """A site without TLS; the network gives another address of it than everybody else has."""
    return world(network={NAME: (REGIONAL,)}, **{**without_tls(how), **more})


def plain_site(how: str = "refused", **more: Any) -> World:
    """A site without TLS."""
    return world(**without_tls(how), **more)


def no_web(how: str, *addresses: str) -> dict[str, Any]:
    """Tables of a host that answers neither at 80 nor at 443, as servers of other protocols do."""
    tables = without_tls(how, *addresses)
    return {**tables, "http": {}, "tcp": {**tables.get("tcp", {}), **{(one, 80): REFUSED for one in (A, B, REGIONAL)}}}


REGIONS = (
    *(
        Scenario(
            f"dns-region-{how}",
            f"resolution alone, another address by region; 443 is {how.replace('-', ' ')} at all; control resolved it",
            world(network={NAME: (REGIONAL,)}, **no_web(how)),
            "reachable",
            "served",
            target=DNS,
            control=(world(**no_web(how)),),
            found={"notes": ("addresses_differ",)},
        )
        for how in HOWS
    ),
    *(
        Scenario(
            f"dns-region-{kind}",
            "another address by region, a site without TLS: its page is the one that the control got",
            regional(),
            "reachable",
            "served",
            target=target,
            control=(plain_site(),),
        )
        for kind, target in (("http", HTTP), ("domain", NAME))
    ),
    Scenario(
        "dns-region-edition",
        "another address by region, http only, with a page of its own that knows the name; no control",
        regional(
            http={**pages(A, B), (NAME, REGIONAL): REGIONAL_HOME, ("*", REGIONAL): Page("Not here", status=404)},
        ),
        "reachable",
        "served",
        target=HTTP,
        found={"notes": ("addresses_differ",)},
    ),
    Scenario(
        "dns-spoofed-control-saw-tls",
        "resolution alone, an address that refuses, and the true one is cut by name; the control saw its certificate",
        world(network={NAME: (FACEBOOK,)}, tcp={FACEBOOK: REFUSED}, tls={("*", NAME): Failure.RESET}),
        "blocked",
        "dns.spoofed",
        ("dns.spoofed",),
        target=DNS,
        control=(world(),),
    ),
    *(
        Scenario(
            f"dns-spoofed-http-only-{kind}",
            f"resolution alone, a site without TLS: the address gives every name the same notice; {control}",
            world(
                network={NAME: (FACEBOOK,)},
                **{
                    **without_tls(),
                    "http": {**pages(A, B), (NAME, FACEBOOK): NOTICE, ("*", FACEBOOK): NOTICE},
                },
            ),
            "blocked",
            "dns.spoofed",
            ("dns.spoofed",),
            target=DNS,
            control=made,
        )
        for kind, control, made in (
            ("alone", "no control", ()),
            ("control", "the control resolved it", (plain_site(),)),
        )
    ),
)

TWO_ANSWERS = (
    *(
        Scenario(
            f"dns-two-answers-{kind}",
            "two answers to one query, both the site's, the regional one first; the site has no TLS",
            world(network={NAME: Race((REGIONAL,), ((A, B),))}, **without_tls()),
            "reachable",
            "served",
            target=target,
            control=(plain_site(),),
            found={"notes": ("late_answer",)},
        )
        for kind, target in (("http", HTTP), ("domain", NAME), ("dns", DNS))
    ),
    *(
        Scenario(
            f"dns-injected-{whose}-{kind}",
            f"a forged address of {whose}'s before the true answer; the site has no TLS (net4people/bbs#47, #466)",
            world(network={NAME: Race((forged,), ((A, B),))}, **{**without_tls(), **more}),
            "blocked",
            "dns.injected",
            ("dns.injected",),
            target=target,
            control=(plain_site(),),
        )
        for whose, forged, more in (
            ("twitter", TWITTER, {}),
            (
                "facebook",
                FACEBOOK,
                {"http": {**pages(A, B), ("*", FACEBOOK): OTHER_SITE, (NAME, FACEBOOK): OTHER_SITE}},
            ),
        )
        for kind, target in (("http", HTTP), ("dns", DNS))
    ),
    Scenario(
        "dns-spoofed-dead-and-sni",
        "the resolver gives an address where nothing listens, and the name is reset at the true one: both causes",
        world(network={NAME: (TWITTER,)}, tls={("*", NAME): Failure.RESET}),
        "blocked",
        "dns.spoofed",
        ("dns.spoofed", "tls.reset", "tls.sni"),
        control=(world(),),
    ),
    Scenario(
        "dns-region-dropped",
        "another address by region, which nobody else gives; the network drops packets to it and to the known ones",
        world(network={NAME: (REGIONAL,)}, certs={REGIONAL: SITE}, tcp={REGIONAL: MUTE, A: MUTE, B: MUTE}),
        "blocked",
        "tcp.timeout",
        ("tcp.timeout",),
        control=(world(),),
    ),
    Scenario(
        "dns-cached-injection",
        "the resolver kept what was injected into its own query: an address of Facebook's, with its certificate",
        world(network={NAME: (FACEBOOK,)}, certs={FACEBOOK: Cert(("*.facebook.example",))}),
        "blocked",
        "dns.spoofed",
        ("dns.spoofed",),
        target=DNS,
        control=(world(),),
    ),
)


def parked(**more: Any) -> World:
    """The name leads to a page for domains on sale, and the old machines are gone."""
    tables = {
        "names": {NAME: (PARKING,)},
        "certs": {PARKING: Cert(("parking.example",)), A: None, B: None},
        "tcp": {A: MUTE, B: MUTE},
        "http": {NAME: FOR_SALE, ("*", PARKING): FOR_SALE},
    }
    for table, entries in more.items():
        tables[table] = {**tables[table], **entries} if table in tables else entries
    return world(**tables)


def moved_geo(**more: Any) -> World:
    """A content network: here everybody gets a near address, the control a far one; both serve."""
    tables: dict[str, Any] = {"names": {NAME: (REGIONAL,)}, "certs": {REGIONAL: SITE}}
    for table, entries in more.items():
        tables[table] = {**tables.get(table, {}), **entries}
    return world(**tables)


MITM = Cert((NAME,), error="unable to get local issuer certificate", issuer="State CA")
MOVED = (
    *(
        Scenario(
            f"dns-moved-{kind}",
            f"the network and a trusted resolver agree on a new address, and the control knows the old; {says}",
            parked(**more),
            status,
            rule,
            causes,
            target=target,
            control=(world(),),
        )
        for kind, says, more, target, status, rule, causes in (
            ("http", "a page for domains on sale", {}, HTTP, "reachable", "served", ()),
            ("domain", "a page for domains on sale", {}, NAME, "reachable", "served", ()),
            ("certificate", "another's certificate", {}, URL, "unreachable", "tls.certificate", ()),
            (
                "refused",
                "443 is closed",
                {"tcp": {(PARKING, 443): REFUSED}},
                URL,
                "unreachable",
                "tcp.ambiguous",
                ("tcp.reset",),
            ),
            (
                "closed",
                "names that the new machine does not know are closed",
                {"tls": {(PARKING, "*"): Failure.EOF}},
                URL,
                "unreachable",
                "tls.ambiguous",
                ("tls.eof",),
            ),
            (
                "reassigned",
                "both addresses show certificates of others",
                {"tcp": {A: None, B: None}, "certs": {A: Cert(("tenant.example",)), B: Cert(("tenant.example",))}},
                URL,
                "unreachable",
                "tls.certificate",
                (),
            ),
        )
    ),
    *(
        Scenario(
            f"dns-by-region-{kind}",
            f"a content network answers by region, and both addresses fail alike here: {says}",
            moved_geo(**more),
            "blocked",
            rule,
            causes,
            target=target,
            control=(world(),),
        )
        for kind, says, more, target, rule, causes in (
            (
                "dropped",
                "SYNs vanish",
                {"tcp": {REGIONAL: MUTE, A: MUTE, B: MUTE}},
                URL,
                "tcp.timeout",
                ("tcp.timeout",),
            ),
            ("sni", "reset by name", {"tls": {("*", NAME): REFUSED}}, URL, "tls.reset.sni", ("tls.reset", "tls.sni")),
            (
                "reset",
                "every hello is reset",
                {"tls": {(REGIONAL, "*"): REFUSED, (A, "*"): REFUSED, (B, "*"): REFUSED}},
                URL,
                "tls.reset",
                ("tls.reset",),
            ),
            (
                "mitm",
                "certificates of one issuer in the middle",
                {"certs": {REGIONAL: MITM, A: MITM, B: MITM}},
                URL,
                "tls.mitm",
                ("tls.mitm",),
            ),
            ("page", "one notice", {"http": {HTTP: NOTICE}}, HTTP, "http.blockpage", ("http.blockpage",)),
        )
    ),
)

FILTERS = {
    "ede": Filtered(Failure.NXDOMAIN, errors=(EDE_BLOCKED,)),
    "ra": Filtered(Failure.NXDOMAIN, recursion=False),
    "plain": Failure.NXDOMAIN,
    "null": ("0.0.0.0",),
    "sinkhole": (SINKHOLE,),
}
FILTERED = (
    *(
        Scenario(
            f"dns-filter-{how}-{kind}",
            f"the only trusted resolver filters the name ({how}); a site without TLS that serves",
            world(
                trusted={NAME: said},
                **{**without_tls(), "http": {**pages(A, B), (NAME, SINKHOLE): NOTICE, ("*", SINKHOLE): NOTICE}},
            ),
            "reachable",
            "served",
            target=target,
        )
        for how, said in FILTERS.items()
        for kind, target in (("http", HTTP), ("domain", NAME), ("dns", DNS))
    ),
    *(
        Scenario(
            f"dns-filter-{how}-and-nxdomain",
            f"the network denies the name, and so does a filter that is trusted ({how}); the control knows it",
            world(network={NAME: Failure.NXDOMAIN}, trusted={NAME: FILTERS[how]}),
            "blocked",
            "dns.nxdomain",
            ("dns.nxdomain",),
            target=URL,
            control=(world(),),
        )
        for how in ("ede", "ra", "null")
    ),
    *(
        Scenario(
            f"dns-filter-null-and-null-{kind}",
            "the network and a filter that is trusted both give the null address; the control knows the true ones",
            world(network={NAME: ("0.0.0.0",)}, trusted={NAME: ("0.0.0.0",)}),
            "blocked",
            "dns.bogon",
            ("dns.bogon",),
            target=target,
            control=(world(),),
        )
        for kind, target in (("https", URL), ("dns", DNS))
    ),
    Scenario(
        "dns-filter-censored-and-spoofed",
        "the network gives the address of a notice, a filter that is trusted denies the name; the control knows it",
        world(
            network={NAME: (FACEBOOK,)},
            trusted={NAME: Filtered(Failure.NXDOMAIN, errors=(EDE_CENSORED,))},
            certs={FACEBOOK: Cert(("notice.isp.example",))},
        ),
        "blocked",
        "dns.spoofed",
        ("dns.spoofed",),
        control=(world(),),
    ),
    Scenario(
        "dns-filter-sinkhole-dead",
        "the network's address is dead, and a filter that is trusted gives the address of its own notice",
        world(
            trusted={NAME: Filtered((SINKHOLE,), errors=(EDE_FILTERED,))},
            http={(NAME, SINKHOLE): NOTICE},
            tcp={A: MUTE, B: MUTE},
        ),
        "unreachable",
        "tcp.ambiguous",
        ("tcp.timeout",),
        target=HTTP,
    ),
)

SEARCH = Page("Search helper", length=400)
GHOST = "zq7w0v5xk2md.com"
GONE = (
    *(
        Scenario(
            f"dns-expired-rewritten-{kind}",
            "the name has expired, and the resolver answers every such name; the control remembers the site",
            world(
                names={NAME: Failure.NXDOMAIN},
                network={NAME: (PARKING,), GHOST: (PARKING,)},
                http={("*", PARKING): SEARCH, NAME: SEARCH},
                tcp={A: MUTE, B: MUTE},
            ),
            "down",
            "dns.rewritten",
            target=target,
            control=(world(),),
        )
        for kind, target in (("http", HTTP), ("https", URL), ("dns", DNS))
    ),
    Scenario(
        "dns-spoofed-rewriting-resolver",
        "a resolver that rewrites NXDOMAIN gives its page for a name that a trusted one filters; the site serves here",
        world(
            network={NAME: (PARKING,), GHOST: (PARKING,)},
            trusted={NAME: Failure.NXDOMAIN},
            http={**pages(A, B), ("*", PARKING): SEARCH, (NAME, PARKING): SEARCH},
        ),
        "blocked",
        "dns.spoofed",
        ("dns.spoofed",),
        target=HTTP,
        control=(world(),),
    ),
    Scenario(
        "dns-nxdomain-and-sinkhole",
        "the network denies a name, and the only trusted resolver gives an address with another name's certificate",
        world(
            network={NAME: Failure.NXDOMAIN},
            trusted={NAME: (SINKHOLE,)},
            certs={SINKHOLE: Cert(("notice.filter.example",))},
        ),
        "unreachable",
        "tls.certificate",
        ("dns.nxdomain",),
    ),
    Scenario(
        "dns-nxdomain-and-sinkhole-control",
        "the same, and the control knows the site",
        world(
            network={NAME: Failure.NXDOMAIN},
            trusted={NAME: (SINKHOLE,)},
            certs={SINKHOLE: Cert(("notice.filter.example",))},
        ),
        "blocked",
        "dns.nxdomain",
        ("dns.nxdomain",),
        control=(world(),),
    ),
)

CACHES = (
    *(
        Scenario(
            f"dns-cache-{kind}",
            "a cache inside the provider's network, whose certificate verifies for the name",
            world(network={NAME: (CACHE,)}, certs={CACHE: SITE}),
            "reachable",
            "served.acquitted",
            target=target,
            control=(world(),),
            found={"notes": ("cdn_acquitted",)},
        )
        for kind, target in (("https", URL), ("http", HTTP), ("domain", NAME), ("dns", DNS))
    ),
    Scenario(
        "dns-cache-alone-serves",
        "the same where the site's public addresses are not reached from here",
        world(network={NAME: (CACHE,)}, certs={CACHE: SITE}, tcp={A: MUTE, B: MUTE}),
        "reachable",
        "served.acquitted",
        control=(world(),),
    ),
    Scenario(
        "dns-cache-lost-once",
        "the same where the first SYN to the cache is lost",
        world(network={NAME: (CACHE,)}, certs={CACHE: SITE}, tcp={CACHE: [MUTE, None]}),
        "reachable",
        "served.acquitted",
        control=(world(),),
    ),
    *(
        Scenario(
            f"dns-bogon-{how}",
            f"a private address that {says}",
            world(network={NAME: ("10.10.34.36",)}, **more),
            "blocked",
            "dns.bogon",
            ("dns.bogon",),
            control=(world(),),
        )
        for how, says, more in (
            ("certificate", "shows another name's certificate", {"certs": {"10.10.34.36": Cert(("notice.example",))}}),
            ("refused", "refuses", {"tcp": {"10.10.34.36": REFUSED}}),
        )
    ),
)

OTHERS = (
    *(
        Scenario(
            f"dns-spoofed-other-site-{kind}",
            f"the address of another site, its page and certificate; the trusted address serves the right page{why}",
            world(
                network={NAME: (FACEBOOK,)},
                certs={FACEBOOK: Cert(("sail.example",))},
                http={**pages(A, B), (NAME, FACEBOOK): OTHER_SITE, ("*", FACEBOOK): OTHER_SITE},
            ),
            "blocked",
            "dns.spoofed",
            ("dns.spoofed",),
            target=target,
            control=control,
        )
        for kind, target, control, why in (
            ("http", HTTP, (), ""),
            ("http-control", HTTP, (world(),), "; control"),
            ("domain", NAME, (), ""),
            ("https", URL, (), ""),
            ("dns", DNS, (), ""),
        )
    ),
    Scenario(
        "dns-spoofed-other-site-redirects",
        "the address of another site, which redirects to its own name; no control",
        world(
            names={"sail.example": (FACEBOOK,)},
            network={NAME: (FACEBOOK,)},
            certs={FACEBOOK: Cert(("sail.example",))},
            http={
                **pages(A, B),
                (NAME, FACEBOOK): Page(status=301, location="https://sail.example/"),
                ("*", FACEBOOK): Page(status=301, location="https://sail.example/"),
                "sail.example": OTHER_SITE,
            },
        ),
        "blocked",
        "dns.spoofed",
        ("dns.spoofed",),
        target=HTTP,
    ),
    Scenario(
        "dns-spoofed-unknown-notice-alone",
        "an unknown notice without TLS, where the true address has a page and a certificate; no control",
        world(network={NAME: (FACEBOOK,)}, http={**pages(A, B), (NAME, FACEBOOK): NOTICE, ("*", FACEBOOK): NOTICE}),
        "blocked",
        "dns.spoofed",
        ("dns.spoofed",),
        target=HTTP,
    ),
    Scenario(
        "dns-spoofed-many-refused",
        "three addresses that refuse, in the place of those that serve",
        world(
            network={NAME: ("31.13.94.1", "31.13.94.2", "31.13.94.3")},
            tcp={f"31.13.94.{number}": REFUSED for number in (1, 2, 3)},
        ),
        "blocked",
        "dns.spoofed",
        ("dns.spoofed",),
    ),
    Scenario(
        "dns-ordinary-refusal-by-region",
        "a regional address turns this network away with an ordinary page; the others serve",
        regional(http={**pages(A, B), (NAME, REGIONAL): Page("403 Forbidden", status=403, length=146)}),
        "unreachable",
        "http.doubtful",
        target=HTTP,
        control=(plain_site(),),
        found={"notes": ("addresses_differ",)},
    ),
)

ONE, TWO = "udp:192.168.1.1:53", "udp:192.168.1.2:53"
BOTH = {"network_resolvers": (ONE, TWO)}
RESOLVERS = (
    Scenario(
        "dns-first-of-two-lies",
        "two resolvers at private addresses: the first lies, the second is honest; the system asks the first",
        world(network={(NAME, ONE): Failure.NXDOMAIN}, system={NAME: Failure.NXDOMAIN}),
        "blocked",
        "dns.nxdomain",
        ("dns.nxdomain",),
        control=(world(),),
        context=BOTH,
    ),
    Scenario(
        "dns-first-of-two-spoofs",
        "the same, with the address of a notice",
        world(
            network={(NAME, ONE): (FACEBOOK,)},
            system={NAME: (FACEBOOK,)},
            certs={FACEBOOK: Cert(("notice.isp.example",))},
        ),
        "blocked",
        "dns.spoofed",
        ("dns.spoofed",),
        context=BOTH,
    ),
    Scenario(
        "dns-first-of-two-spoofs-refused",
        "the same, with an address that refuses; the true one, which the second resolver gives, serves",
        world(network={(NAME, ONE): (FACEBOOK,)}, system={NAME: (FACEBOOK,)}, tcp={FACEBOOK: REFUSED}),
        "blocked",
        "dns.spoofed",
        ("dns.spoofed",),
        context=BOTH,
    ),
    Scenario(
        "dns-second-of-two-lies",
        "the first resolver is honest, so programs never ask the second, which lies",
        world(network={(NAME, TWO): Failure.NXDOMAIN}),
        "reachable",
        "served",
        control=(world(),),
        context=BOTH,
    ),
    Scenario(
        "dns-first-of-two-dead",
        "the first resolver is dead and the system's own wait is longer than a step; the second answers",
        world(network={(NAME, ONE): MUTE}, system={NAME: MUTE}),
        "reachable",
        "served",
        control=(world(),),
        context=BOTH,
    ),
    Scenario(
        "dns-first-of-two-silent-second-lies",
        "the first resolver is silent, and the second, which programs ask next, denies the name",
        world(network={(NAME, ONE): MUTE, (NAME, TWO): Failure.NXDOMAIN}, system={NAME: MUTE}),
        "blocked",
        "dns.nxdomain",
        ("dns.nxdomain",),
        control=(world(),),
        context=BOTH,
    ),
)

COMPARED = ("www.wikipedia.org", "vk.com", "work.example")
COMPARISONS = tuple(
    Scenario(
        f"dns-{failure.value}-and-{len(lost)}-compared",
        f"the network fails at the name, and at {len(lost)} of three names that are known to work here",
        world(
            names=dict.fromkeys(COMPARED, (A,)),
            network={NAME: failure, **dict.fromkeys(lost, failure)},
        ),
        status,
        rule,
        (f"dns.{failure.value}",),
        control=(world(),),
        context={"other_names": COMPARED},
    )
    for failure in (Failure.TIMEOUT, Failure.NXDOMAIN, Failure.REFUSED)
    for lost, status, rule in (
        (COMPARED[1:2], "blocked", f"dns.{failure.value}"),
        (COMPARED[1:], "unreachable", "dns.resolver"),
    )
)

SCENARIOS = (*REGIONS, *TWO_ANSWERS, *MOVED, *FILTERED, *GONE, *CACHES, *OTHERS, *RESOLVERS, *COMPARISONS)
