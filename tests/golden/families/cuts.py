"""Cases of names that are cut at more than one layer, beside servers that fail in much the same way and cut nobody.

The censors of Geneva (github.com/Kkevsterrr/geneva, `censors/`; CCS'19) are here by kind: those that drop everything
from a client after a forbidden word (1, 4, 6, 7, 8, 9), those that reset the client (2), client and server (3) or the
server alone (5), and those that go on resetting each conversation (8b, 10, 11).
"""

from __future__ import annotations

from probe.model.failure import Failure
from probe.model.flow import Flow
from tests.golden.scenario import HOME, HTTP, NAME, URL, A, Scenario, world
from tests.golden.temper import Act, Temper, TemperedWorld, connections_end, conversations_end, moody
from tests.golden.world import LATER, Page, World

RANDOM = "xkqvdwpzrjtm.com"
ALONE = world(names={NAME: (A,)})
GOOD = (ALONE,)
GARBLED = world(names={NAME: (A,)}, tls={("*", NAME): Failure.GARBAGE})
SILENT = "tcp.timeout"
STOPS = {NAME: Page("Daily news of the region", length=14_000, failure=Failure.TIMEOUT)}
"""The page stops after its first kilobytes, where a conversation gets so far."""


def end(*ends: str) -> TemperedWorld:
    """Its connections end so, one after another, whatever the name."""
    return moody(connections_end(*ends))


def own(*ends: str) -> TemperedWorld:
    """The conversations under its own name end so, one after another."""
    return moody(conversations_end(NAME, *ends))


def _blocked(name: str, says: str, here: World, rule: str, *more: str, **fields: object) -> Scenario:
    causes = (rule.removesuffix(".sni").removesuffix(".garbage"), *more)
    return Scenario(name, says, here, "blocked", rule, causes, **{"control": GOOD, **fields})  # type: ignore[arg-type]


def _open(name: str, says: str, here: World, rule: str, *causes: str, **fields: object) -> Scenario:
    """Not blocked: `reachable` where the rule is `served`, else `unreachable`."""
    status = "reachable" if rule == "served" else "unreachable"
    return Scenario(name, says, here, status, rule, causes, **{"control": GOOD, **fields})  # type: ignore[arg-type]


def trickling() -> TemperedWorld:
    """Everything under its own name takes so long that no page begins."""
    here = own("http.timeout")
    here.slowed[NAME] = 1_700
    return here


SUSPECTED = {"context": {"suspected": True}}
DOMAIN = {"target": NAME, "control": (world(names={NAME: (A,)}, http={HTTP: HOME, URL: HOME}),)}


def crashes_at_both_ports() -> Temper:
    """A server that crashes at the first request in clear, and then refuses at every port."""
    crashed: list[Act] = []

    def temper(act: Act) -> Failure | None:
        crashed.extend([act] if act.layer == "http" else [])
        return Failure.RESET if crashed else None

    return temper


CENSORED = (
    _blocked(
        "geneva-drop",
        "silence after the request, then to every SYN (censors 1, 4, 6, 7, 8, 9)",
        end("http.timeout", SILENT),
        "http.timeout",
        target=HTTP,
    ),
    _blocked(
        "geneva-drop-again",
        "the silence ends after a minute, and the next request brings it back",
        end("http.timeout", *[SILENT] * 3, "http.timeout", SILENT),
        "http.timeout",
        target=HTTP,
    ),
    _blocked(
        "geneva-drop-domain",
        "the same on port 80 of a domain whose https works",
        moody(connections_end("http.timeout", SILENT, port=80)),
        "http.timeout",
        **DOMAIN,
    ),
    _blocked(
        "geneva-reset-client",
        "RST after the request (censors 2 and 3)",
        end("http.reset"),
        "http.reset",
        target=HTTP,
    ),
    _blocked(
        "geneva-reset-server",
        "the server is reset: it answers one retransmission with RST, and others not at all (censor 5)",
        end("http.reset", "http.timeout"),
        "http.reset",
        target=HTTP,
    ),
    _blocked(
        "geneva-reset-on",
        "RST after the request, and then to everything that is sent on a connection (censors 8b, 10, 11)",
        end("http.reset", "tls.reset"),
        "http.reset",
    ),
    _blocked(
        "geneva-refuse-on-domain",
        "RST after the request, then to every SYN to port 80 (censors 8b, 10); https of the domain works",
        moody(connections_end("http.reset", "tcp.reset", port=80)),
        "http.reset",
        **DOMAIN,
    ),
    _blocked(
        "geneva-refuse-on",
        "the same of a URL, whose host shows its certificate at the port of https",
        moody(connections_end("http.reset", "tcp.reset", port=80)),
        "http.reset",
        target=HTTP,
    ),
    _blocked(
        "geneva-drop-hello",
        "silence after the ClientHello, then to every SYN, other names included",
        end("tls.timeout", SILENT),
        "tls.timeout",
    ),
    _blocked(
        "own-silence-after-request",
        "a verified handshake, silence after the request, then to every SYN",
        end("http.timeout", SILENT),
        "http.timeout",
    ),
    _blocked(
        "own-silence-in-page",
        "the page stops after its beginning, and then every SYN meets silence",
        moody(
            connections_end("ok", SILENT),
            STOPS,
        ),
        "http.timeout",
    ),
    _blocked(
        "own-silence-after-reset-request",
        "RST after the request over TLS, then silence to every SYN",
        end("http.reset", SILENT),
        "http.reset",
    ),
    _blocked(
        "own-silence-at-hellos",
        "silence after the request, then after every ClientHello",
        end("http.timeout", "tls.timeout"),
        "http.timeout",
    ),
    _blocked(
        "own-reset-silence-resets",
        "RST after the hello, silence, then RST to the neutral and the allowed name",
        end("tls.reset", "tls.reset", SILENT, "tls.reset"),
        "tls.reset",
    ),
    _blocked(
        "own-reset-then-silence-suspected",
        "a re-test: the neutral name is answered, this one is reset, and then every SYN meets silence",
        end("ok", "tls.reset", SILENT),
        "tls.reset.sni",
        "tls.sni",
        **SUSPECTED,
    ),
    _blocked(
        "own-silence-suspected",
        "the same with silence after the hello",
        end("ok", "tls.timeout", SILENT),
        "tls.timeout.sni",
        "tls.sni",
        **SUSPECTED,
    ),
    _blocked(
        "own-stops-anywhere",
        "three tries end before the page and one inside it; another name gets all",
        moody(
            conversations_end(NAME, *["http.timeout"] * 3, "ok", "http.timeout"),
            STOPS,
        ),
        "http.timeout.sni",
        "tls.sni",
    ),
    _blocked(
        "own-stops-mostly-in-page",
        "three tries end in the page and others before it; another name gets all",
        moody(conversations_end(NAME, "ok", "http.timeout", "ok", "ok", "http.timeout"), STOPS),
        "http.timeout.sni",
        "tls.sni",
    ),
    Scenario(
        "own-freezes-early",
        "the first kilobytes of a page come once, and no answer comes at the other tries; the control got the page",
        moody(
            conversations_end(NAME, "http.timeout", "http.timeout", "ok", "http.timeout"),
            {NAME: Page("Daily news", length=7_800, failure=Failure.TIMEOUT, flow=Flow(bytes=7_800, quiet=9_000))},
        ),
        "throttled",
        "throttle.freeze",
        ("throttle.freeze",),
        control=(world(names={NAME: (A,)}, http={NAME: Page("Daily news", length=60_000)}),),
    ),
    _blocked(
        "own-stops-early-or-late",
        "tries end now in the handshake, now after the request; another name gets all",
        own("http.timeout", "tls.timeout", "tls.timeout", "http.timeout", "tls.timeout", "http.timeout"),
        "http.timeout.sni",
        "tls.sni",
    ),
    _blocked(
        "garbage-by-name",
        "bytes that are not TLS answer this name alone, such as a notice in clear text",
        GARBLED,
        "tls.eof.garbage",
        "tls.sni",
    ),
    _blocked("garbage-by-name-alone", "the same without a control", GARBLED, "tls.eof.garbage", "tls.sni", control=()),
    _blocked(
        "garbage-or-reset-by-name",
        "the notice or its RST arrives first",
        world(names={NAME: (A,)}, tls={("*", NAME): [Failure.GARBAGE, Failure.RESET]}),
        "tls.reset.sni",
        "tls.sni",
    ),
    _blocked(
        "quic-late-then-silent",
        "the handshake passes, the connection falls silent, and so does every later Initial under any name",
        world(names={NAME: (A,)}, quic={(A, NAME): [LATER, Failure.TIMEOUT], (A, "*"): Failure.TIMEOUT}),
        "quic.timeout",
        target=f"quic://{NAME}:443",
    ),
    _blocked(
        "tcp-unreachable-rarely",
        "one ICMP error, and silence where routers limit them (RFC 1812)",
        end("tcp.unreachable", SILENT),
        "tcp.unreachable",
    ),
)


HONEST = (
    _open(
        "crash-and-restart",
        "a server crashes at our request, refuses while it restarts, and serves",
        end("http.reset", "tcp.reset", "ok"),
        "served",
    ),
    _open(
        "crash-at-both-ports",
        "a server crashes at our request in clear and refuses at both of its ports",
        moody(crashes_at_both_ports),
        "http.ambiguous",
        "http.reset",
        target=HTTP,
    ),
    _open(
        "port-restarts",
        "the process at port 80 crashes at our request and refuses three connections; the one at 443 lives",
        moody(connections_end("http.reset", *["tcp.reset"] * 3, "ok", port=80)),
        "served",
        target=HTTP,
    ),
    _open(
        "crash-and-refuse",
        "a server crashes at our first hello and is not restarted: refused connections are its own",
        end("tls.reset", "tcp.reset"),
        "tls.ambiguous",
        "tls.reset",
    ),
    _open(
        "banned-after-answer",
        "a slow request, an answer to another name, and then the server bans our address",
        end("http.timeout", "ok", SILENT),
        "http.ambiguous",
        "http.timeout",
    ),
    _open(
        "banned-after-hanging",
        "a server hangs at two requests, and then bans our address",
        end("http.timeout", "http.timeout", SILENT),
        "http.ambiguous",
        "http.timeout",
        target=HTTP,
    ),
    _open(
        "banned-after-unknown-name",
        "a re-test: the server resets the unknown name and bans our address before we say its own",
        end("tls.reset", SILENT),
        "tcp.ambiguous",
        "tcp.timeout",
        **SUSPECTED,
    ),
    _open(
        "banned-after-serving",
        "a server that answers the first connections and bans our address afterwards",
        end("ok", "ok", SILENT),
        "served",
    ),
    _open(
        "banned-after-handshakes",
        "a content network that closes every handshake after the second, whatever the name",
        end("ok", "ok", "tls.eof"),
        "served",
    ),
    _open(
        "overloaded",
        "a full accept queue lets in one connection of two, and the server hangs",
        end("http.timeout", SILENT, "http.timeout", SILENT, "tls.timeout", SILENT, SILENT, "http.timeout", SILENT),
        "http.ambiguous",
        "http.timeout",
    ),
    _open(
        "overloaded-in-clear",
        "the same over HTTP",
        end("http.timeout", SILENT, "http.timeout", "http.timeout", SILENT),
        "http.ambiguous",
        "http.timeout",
        target=HTTP,
    ),
    _open(
        "half-dead-cluster",
        "one of two machines behind an address is dead, in another way each time",
        end("tls.reset", SILENT, "ok"),
        "served",
    ),
    _open(
        "half-dead-cluster-in-clear",
        "the same over HTTP: connections reach the dead machine three times in a row",
        end("http.reset", SILENT, SILENT, "ok"),
        "served",
        target=HTTP,
    ),
    _open(
        "only-own-names",
        "a server resets names that it does not host, and its own once; then it refuses",
        end("tls.reset", "tls.reset", "tcp.reset", "tls.reset"),
        "tls.ambiguous",
        "tls.reset",
    ),
    _open(
        "only-own-names-closes",
        "a server closes names that it does not host, and is slow to answer its own",
        moody(lambda: lambda act: Failure.EOF if act.layer == "tls" and act.name == RANDOM else None),
        "served",
    ),
    _open(
        "large-packets-lost-and-banned",
        "large packets are lost on the path, and the server limits connections",
        end("http.timeout", "http.timeout", "http.timeout", SILENT),
        "http.ambiguous",
        "http.timeout",
    ),
    _open(
        "large-packets-and-a-syn-lost",
        "large packets are lost on the path, and one SYN; in small packets the page comes",
        world(names={NAME: (A,)}, hole=(A,), tcp={A: [None, Failure.TIMEOUT, None]}),
        "path.large",
        target=HTTP,
        found={"notes": ("retried",)},
    ),
    _open(
        "own-silence-alone",
        "silence after the request and then to every SYN, without a control: the server may have died meanwhile",
        end("http.timeout", SILENT),
        "http.ambiguous",
        "http.timeout",
        control=(),
    ),
    _open(
        "own-reset-then-silence-suspected-alone",
        "another name is answered, this one reset once, and then silence, without a control",
        end("ok", "tls.reset", SILENT),
        "tls.ambiguous",
        "tls.reset",
        control=(),
        **SUSPECTED,
    ),
    _open(
        "slowed-for-its-name",
        "handshakes under this name take a second and more, and no page begins; another name gets all at once",
        trickling(),
        "http.slowed",
        "http.timeout",
    ),
    _open(
        "stopped-at-two-layers-by-loss",
        "six tries on a bad line end at two layers: loss of either explains them",
        own("http.timeout", "tls.timeout", "http.timeout", "http.timeout", "http.timeout", "tls.timeout", "ok"),
        "served",
    ),
    Scenario(
        "garbage-by-name-everywhere",
        "the server itself answers this name in clear text, at the control as here",
        GARBLED,
        "down",
        "control.failed",
        control=(GARBLED,),
    ),
    Scenario(
        "garbage-by-name-unseen-at-control",
        "the same with a control of an older version, which tried no other name",
        GARBLED,
        "down",
        "control.failed",
        control=(world(names={NAME: (A,)}, tls={(A, "*"): Failure.GARBAGE}),),
    ),
)
SCENARIOS = (*CENSORED, *HONEST)
