"""The records of the lab: sites, interferences, checks, vantages, expectations. Frozen, no I/O.

Texts may hold `{fields}` that are filled in when addresses are dealt out (`world.py`):
`{host}` the scenario's own name, `{a}` `{a2}` .. its IPv4 addresses, `{six}` `{six2}` .. its IPv6 addresses, `{net}`
the first two numbers of its own /16; for a further site labelled `x`: `{x}`, `{x_a}`, `{x_a2}`, `{x_six}` ..;
`{resolver}` the vantage's first resolver;
`{vantage}`, `{control}`, `{control2}` source addresses; `{stub}` `{stub_host}` the ISP's block page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, kw_only=True)
class Site:
    """One name on the lab's internet, with addresses of its own in a /16 (a /32) of its own.

    Attributes:
        label: empty for the scenario's own site.
        host: its name, where it is not to be made of label and scenario.
        https, http: how ports 443 and 80 are served: `page`, `big` (256 KiB), `short` (minds long header fields),
            `brief` (four requests a connection), `notice` (a provider's block page),
            `captcha`, `onward` (redirects once, to itself), `status:403`, `redirect:URL`,
            `loop` (redirects to itself), `refused` (nobody listens), or a kind of `oddities.py`.
        certificate: `good`, `expired`, `future` (not yet valid), `self-signed`, `other-name`, `unknown-ca`.
        four, six: how many addresses of each family are served.
        dead, dead_six: how many more stand in the name's records although nobody answers there.
        records: which of the IPv4 addresses (served, then dead) stand in the zone; all when empty.
        exists: whether the zone has the name at all.
        title: of its page.
        accepts: further ports on which connections are taken and nothing is said.
        quic: a QUIC server answers on UDP port 443.
        poses: its certificate is for the scenario's own name: another machine of the same operator.
    """

    label: str = ""
    host: str = ""
    https: str = "page"
    http: str = "page"
    certificate: str = "good"
    four: int = 1
    six: int = 0
    dead: int = 0
    dead_six: int = 0
    records: tuple[int, ...] = ()
    exists: bool = True
    title: str = ""
    poses: bool = False
    accepts: tuple[int, ...] = ()
    quic: bool = False


class Act(StrEnum):
    """A kind of interference."""

    DROP = "drop"
    """Packets to `address` (and `port`) vanish."""
    RST_SYN = "rst_syn"
    """A SYN to `address` (and `port`) is answered with RST."""
    ICMP = "icmp"
    """Packets to `address` are answered with ICMP `page` (a name iptables knows)."""
    HELLO_DROP = "hello_drop"
    """The ClientHello that carries `name` and all that follows vanishes: it is never acknowledged (TSPU SNI-IV)."""
    HELLO_SILENCE = "hello_silence"
    """The ClientHello passes; from the `after`-th packet of the connection both directions vanish (TSPU SNI-II)."""
    HELLO_RST = "hello_rst"
    """RST to both ends in place of the ClientHello: an in-path box; `page`: its payload (Henan: net4people/bbs#442)."""
    HELLO_RST3 = "hello_rst3"
    """Three RST+ACK to both ends beside the ClientHello, which passes: an on-path box (GFW)."""
    HELLO_REWRITE = "hello_rewrite"
    """The server's own reply loses its payload and becomes RST+ACK, TTL and numbers its own (TSPU SNI-I)."""
    HELLO_FIN = "hello_fin"
    """The client gets a FIN in place of an answer; the server hears nothing."""
    HELLO_ALERT = "hello_alert"
    """The client gets a forged TLS alert (handshake_failure) and a FIN."""
    HELLO_RESIDUAL = "hello_residual"
    """As HELLO_RST, and for `after` seconds everything from that client to that address and port vanishes (GFW)."""
    HELLO_TUPLE = "hello_tuple"
    """As HELLO_RST at `address`, and for `after` seconds all else from that client's address and port to there vanishes
    (TSPU: 75 s and more per 5-tuple)."""
    HELLO_LATER = "hello_later"
    """As HELLO_RST, from the second ClientHello on that carries `name`: a block that begins between two tries."""
    DNS_INJECT = "dns_inject"
    """A UDP query for `name` is answered by forged packets, one for each of `answers`, ahead of the true answer; they
    come from the resolver, or from `to`."""
    DNS_TURN = "dns_turn"
    """UDP queries to `address` are answered by `to` instead; over TCP it answers itself (Russia since August 2026)."""
    ICMP_FLOOD = "icmp_flood"
    """The ClientHello that carries `name` passes, and `after` ICMP errors (host unreachable) go back with it."""
    LARGE = "large"
    """Packets of `source` or to it, or with `address`, that are larger than `after` octets vanish without a word: an
    MTU black hole."""
    HOST_PAGE = "host_page"
    """A plain request whose Host is `name` gets `page` (an HTTP answer) in the server's name; the request vanishes."""
    HOST_RST = "host_rst"
    """RST to both ends in place of a plain request whose Host is `name`."""
    HOST_DROP = "host_drop"
    """A plain request whose Host is `name`, and all that follows, vanishes."""
    LOSS = "loss"
    """Each packet of `source` is lost with probability `percent`/100, in each direction."""
    FREEZE = "freeze"
    """A connection with `address` stops for good after `after` bytes."""
    FREEZE_PACKETS = "freeze_packets"
    """A connection with `address` stops for good after `after` packets, both directions together (TSPU, since 2025)."""
    HELLO_FREEZE = "hello_freeze"
    """A connection whose ClientHello (at `port` 80: whose Host header) carries `name` stops after `after` bytes."""
    RATE = "rate"
    """What a connection with `address`, or one that names `name`, carries beyond `after` bytes a second is dropped."""
    QUIC_DROP = "quic_drop"
    """UDP to `address` and port 443 vanishes, whatever the name (TSPU, 2022)."""
    QUIC_NAME = "quic_name"
    """A QUIC Initial to `address` that carries `name` condemns its addresses and ports: `after` milliseconds later,
    what the client sends from and to them vanishes (GFW since 2024: after about 110 ms); with 0 the Initial, too."""
    POLICE = "police"
    """The fourth ClientHello of `source` to one /16 within a second, and for `after` seconds all others, vanish
    ("Siberian" policing: net4people/bbs#546)."""
    PROXY = "proxy"
    """Connections to `address` and `port` end at `to` instead, unseen (destination NAT); not those to `answers`."""
    ONLY = "only"
    """Everything of `source` vanishes but for the addresses in `answers`."""
    ONLY_HELLOS = "only_hellos"
    """ClientHellos of `source` vanish but for those to the addresses in `answers`: SYNs pass (mobile allow-list)."""


@dataclass(frozen=True, kw_only=True)
class Interference:
    """One thing that a middlebox does. What each attribute means stands at the `Act`.

    `ttl` is that of what it forges towards the client; 0: what is left of the TTL of the packet that it answers, as
    some boxes do (CenTrace, CoNEXT'22).
    """

    act: Act
    name: str = ""
    address: str = ""
    port: int = 0
    source: str = ""
    after: int = 0
    percent: float = 0
    answers: tuple[str, ...] = ()
    page: str = ""
    to: str = ""
    ttl: int = 0


@dataclass(frozen=True, kw_only=True)
class Lie:
    """What the ISP's resolvers say of a name instead of the truth.

    Attributes:
        rcode: `NXDOMAIN`, `SERVFAIL`, `REFUSED`, `NODATA`, `SILENCE`, `GARBAGE`; empty when they give addresses.
        answers: the addresses they give; those of the family asked for.
    """

    rcode: str = ""
    answers: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Check:
    """One look at the wire without the probe: a command and what its output must say.

    Attributes:
        command: a shell command line; `where` says at which host it runs.
        finds: a regular expression that its output (both streams) must match.
        where: `vantage`, `control` or `control2`.
    """

    command: str
    finds: str
    where: str = "vantage"


class Control(StrEnum):
    """What `--control` gets for this target. Every line is made by `probe check --json` at a control host."""

    ON = "on"
    NONE = "none"
    """No `--control` at all."""
    NO_ENTRY = "no_entry"
    """A control file that lacks this target."""
    STALE = "stale"
    """A line that is eight days old."""
    DISAGREES = "disagrees"
    """Two lines, from two control hosts that see it differently."""


@dataclass(frozen=True, kw_only=True)
class Vantage:
    """A host behind a middlebox.

    Attributes:
        isp: `a` or `b`.
        resolvers: of its `resolv.conf`; the ISP's own when empty.
        names: of its hosts file, address -> name.
        interference: of the middlebox, for this source alone (`{vantage}`).
        timeout: seconds for one step of the probe.
        anchors: whether the probe is given anchors.
        trusted: whether the probe is given a trusted resolver.
        through: the device of a tunnel to the far side of the middlebox by which everything leaves; empty for none.
        delay: seconds that the tunnel takes, each way.
    """

    name: str
    isp: str = "a"
    resolvers: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    interference: tuple[Interference, ...] = ()
    timeout: float = 3.0
    anchors: bool = True
    trusted: bool = True
    through: str = ""
    delay: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Expect:
    """The right verdict.

    Attributes:
        status: of the contract; more than one, separated by `|`, where the contract leaves it open.
        causes: the first is the one that decides, the rest are a set; where `...` stands last, more may follow.
        state: of the vantage.
        note: a key of the evidence that must be filled, or an entry of its `notes` or of the vantage's.
    """

    status: str
    causes: tuple[str, ...] = ()
    state: str = "online"
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One situation with its sites, interference, checks and right verdict.

    Attributes:
        name: unique, a DNS label: the target's name is made of it.
        sites: the first is the target's own.
        lie: of the ISP's resolvers about the target's own name.
        middlebox: what the ISPs' middleboxes do; both ISPs alike.
        core: what the router of the far side does, to vantages and controls alike unless it names a `source`.
        ranges: prefixes of which every address takes connections on every port and speaks TLS.
        checks: looks without the probe that prove the situation; at least one.
    """

    name: str
    family: str
    target: str
    expect: Expect
    checks: tuple[Check, ...]
    sites: tuple[Site, ...] = (Site(),)
    lie: Lie | None = None
    middlebox: tuple[Interference, ...] = ()
    core: tuple[Interference, ...] = ()
    ranges: tuple[str, ...] = ()
    vantage: str = "a1"
    control: Control = Control.ON
