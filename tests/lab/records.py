"""The records of the lab: sites, interferences, checks, vantages, expectations. Frozen, no I/O.

Texts may hold `{fields}` that are filled in when addresses are dealt out (`world.py`):
`{host}` the scenario's own name, `{a}` `{a2}` .. its IPv4 addresses, `{six}` `{six2}` .. its IPv6 addresses, `{net}`
the first two numbers of its own /16; for a further site labelled `x`: `{x}`, `{x_a}`, `{x_a2}`, `{x_six}` ..;
`{resolver}` the vantage's first resolver;
`{vantage}`, `{control}`, `{control2}` source addresses; `{stub}` `{stub_host}` the ISP's block page. Addresses of the
lab's own landmarks (`world.py`): `{filter_page}`, `{elsewhere}`.
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
        host: its name; made of label and scenario when empty.
        https, http: how ports 443 and 80 are served: `page`, `big` (256 KiB), `home` (30 kB),
            `short` (refuses long header fields), `brief` (four requests a connection),
            `notice` (a provider's block page), `captcha`, `onward` (redirects once, to itself), `status:403`,
            `redirect:URL`, `loop` (redirects to itself), `closes` (without an answer, its own name alone), `refused`
            (no listener), or a kind of `oddities.py`.
        certificate: `good`, `long` (60 names), `expired`, `future` (not yet valid), `self-signed`, `other-name`,
            `unknown-ca`.
        four, six: how many addresses of each family are served.
        dead, dead_six: how many more addresses the name's records have at which no host answers.
        records: which of the IPv4 addresses (served, then dead) are in the zone; all when empty.
        exists: whether the zone has the name at all.
        title: of its page.
        accepts: further ports that accept connections and send nothing.
        quic: a QUIC server answers on UDP port 443.
        poses: its certificate is for the scenario's own name, as on another machine of the same operator.
        shares: the name of an earlier scenario; the site is served at the addresses of that scenario's own site.
        within: the first three numbers of its IPv4 addresses, for a server inside a provider's network; own when empty.
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
    shares: str = ""
    within: str = ""


class Act(StrEnum):
    """A kind of interference."""

    DROP = "drop"
    """Packets to `address` (and `port`) vanish."""
    RST_SYN = "rst_syn"
    """A SYN to `address` (and `port`) is answered with RST."""
    ICMP = "icmp"
    """Packets to `address` are answered with ICMP `page` (a name iptables knows)."""
    HELLO_DROP = "hello_drop"
    """The ClientHello with `name` and everything after it vanish; it is never acknowledged (TSPU SNI-IV)."""
    HELLO_SILENCE = "hello_silence"
    """The ClientHello passes; from the `after`-th packet of the connection both directions vanish (TSPU SNI-II)."""
    HELLO_RST = "hello_rst"
    """RST to both ends in place of the ClientHello: an in-path box; `page`: its payload (Henan: net4people/bbs#442)."""
    HELLO_RST3 = "hello_rst3"
    """Three RST+ACK to both ends beside the ClientHello, which passes: an on-path box (GFW)."""
    HELLO_REWRITE = "hello_rewrite"
    """The server's reply loses its payload and becomes RST+ACK; TTL and numbers stay (TSPU SNI-I)."""
    HELLO_FIN = "hello_fin"
    """The client gets a FIN in place of an answer; the ClientHello does not reach the server."""
    HELLO_ALERT = "hello_alert"
    """The client gets a forged TLS alert (handshake_failure) and a FIN."""
    HELLO_RESIDUAL = "hello_residual"
    """As HELLO_RST; then for `after` seconds everything from that client to that address and port vanishes (GFW)."""
    HELLO_TUPLE = "hello_tuple"
    """As HELLO_RST at `address`; then for `after` seconds all else from that client's address and port to it vanishes
    (TSPU: 75 s and more per 5-tuple)."""
    HELLO_LATER = "hello_later"
    """As HELLO_RST, from the second ClientHello with `name` on: a block that begins between two tries."""
    DNS_INJECT = "dns_inject"
    """A UDP query for `name` is answered by forged packets, one for each of `answers`, ahead of the true answer; they
    come from the resolver, or from `to`."""
    DNS_TURN = "dns_turn"
    """UDP queries to `address` are answered by `to` instead; TCP queries reach `address` (Russia since August 2026)."""
    ICMP_FLOOD = "icmp_flood"
    """The ClientHello that carries `name` passes, and `after` ICMP errors (host unreachable) go back with it."""
    LARGE = "large"
    """Packets from or to `source` or `address` that are larger than `after` octets vanish without an ICMP error: an
    MTU black hole."""
    HOST_PAGE = "host_page"
    """A plain request whose Host is `name` gets `page` (an HTTP answer) in the server's name; the request vanishes."""
    HOST_RST = "host_rst"
    """RST to both ends in place of a plain request whose Host is `name`."""
    HOST_DROP = "host_drop"
    """A plain request whose Host is `name`, and everything after it, vanish."""
    LOSS = "loss"
    """Each packet of `source` is lost with probability `percent`/100, in each direction."""
    FREEZE = "freeze"
    """A connection with `address` stops for good after `after` bytes."""
    FREEZE_PACKETS = "freeze_packets"
    """A connection with `address` stops for good after `after` packets, both directions together (TSPU, since 2025)."""
    HELLO_FREEZE = "hello_freeze"
    """A connection whose ClientHello (at `port` 80: whose Host header) carries `name` stops after `after` bytes."""
    RATE = "rate"
    """Packets beyond `after` bytes a second are dropped on connections with `address` or with `name`."""
    QUIC_DROP = "quic_drop"
    """UDP to `address` and port 443 vanishes, whatever the name (TSPU, 2022)."""
    QUIC_NAME = "quic_name"
    """A QUIC Initial to `address` with `name` blocks its addresses and ports: from `after` milliseconds later on, the
    client's packets vanish (GFW since 2024: after about 110 ms); with 0 the Initial, too."""
    POLICE = "police"
    """The fourth ClientHello of `source` to one /16 within a second, and for `after` seconds all others, vanish
    ("Siberian" policing: net4people/bbs#546)."""
    CENSOR = "censor"
    """A filter with a memory: a client's packet to `address` (and `port`) that carries `name` is acted on as the first
    word of `page` says, and for `after` seconds all that this client sends there (anywhere, without an `address`) as
    the second word says: `drop`, `rst` (to both ends), `rst-client`, `rst-server`, `pass`. The twelve public censors of
    Geneva are of this kind."""
    HOST_ANSWER = "host_answer"
    """As HOST_PAGE, but the request passes too: an on-path box whose answer comes first."""
    DELAY = "delay"
    """Packets to `source` (not those of `address`) arrive `after` milliseconds later; `percent` of them when it is set,
    so that they are overtaken."""
    WAKE = "wake"
    """The first packets to `source` of each connection arrive `after` milliseconds later: a radio that wakes up, or a
    server that is slow to accept."""
    DUPLICATE = "duplicate"
    """`percent` of the packets from and to `source` arrive twice."""
    RATE_RESIDUAL = "rate_residual"
    """After a ClientHello with `name`, for a minute all that `address` sends this client beyond `after` bytes a second
    is dropped, whatever the name."""
    MUTE_RESIDUAL = "mute_residual"
    """As HELLO_SILENCE (from the ninth packet on); then for `after` seconds the client's SYNs to `address` vanish."""
    WHITELIST = "whitelist"
    """A connection to `address` whose first words are not HTTP (port 80) or TLS (443) vanishes (Iran, FOCI 2020)."""
    ACCELERATE = "accelerate"
    """Connections of `source` (to `port`) end at the middlebox, which accepts at once and connects onwards
    (`relay.py`)."""
    MASQUERADE = "masquerade"
    """`source` leaves with the router's own address (CGNAT)."""
    QUIC_ANSWER = "quic_answer"
    """A client's first QUIC packet to `address` is answered by the bytes of `page` (hexadecimal) and does not pass."""
    TLS_ANSWER = "tls_answer"
    """The ClientHello with `name` is answered by the bytes of `page` in the server's name; it does not pass."""
    DNS_REPLACE = "dns_replace"
    """A UDP query for `name`, to whatever resolver, is answered by `to` alone: an in-path box near by."""
    DNS_ANY = "dns_any"
    """Every UDP query from `source`, to whatever address, is answered by `to`: transparent interception."""
    PROXY = "proxy"
    """Connections to `address` and `port` end at `to` instead (destination NAT); not those to `answers`."""
    ONLY = "only"
    """Everything from and to `source` vanishes, except with the addresses in `answers`."""
    ONLY_HELLOS = "only_hellos"
    """ClientHellos of `source` vanish, except those to the addresses in `answers`: SYNs pass (mobile allow-list)."""


@dataclass(frozen=True, kw_only=True)
class Interference:
    """One action of a middlebox. Each `Act` says what the attributes mean.

    `ttl` is the TTL of forged packets to the client. With 0 it is the remaining TTL of the packet that they answer, as
    with some boxes (CenTrace, CoNEXT'22).
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
    """The forged answer of the ISP's resolvers for a name.

    Attributes:
        rcode: `NXDOMAIN`, `SERVFAIL`, `REFUSED`, `NODATA`, `SILENCE`, `GARBAGE`; empty when they give addresses.
        answers: the addresses they give; a query gets those of its family.
        ede: the code of an extended DNS error (RFC 8914) in the answer; 0 for none.
        denies_recursion: the answer has the flag RA cleared.
    """

    rcode: str = ""
    answers: tuple[str, ...] = ()
    ede: int = 0
    denies_recursion: bool = False


@dataclass(frozen=True, kw_only=True)
class Check:
    """One check without the probe: a command, and what its output must match.

    Attributes:
        command: a shell command line.
        finds: a regular expression that its output (both streams) must match.
        where: the host that runs it: `vantage`, `control`, `control2`, or the name of another vantage.
    """

    command: str
    finds: str
    where: str = "vantage"


class Control(StrEnum):
    """The control file's lines for this target. `probe check --json` at a control host makes every line."""

    ON = "on"
    NONE = "none"
    """No `--control` at all."""
    NO_ENTRY = "no_entry"
    """A control file that lacks this target."""
    STALE = "stale"
    """A line that is eight days old."""
    DISAGREES = "disagrees"
    """Two lines with different results, from two control hosts."""


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
        through: the device of a tunnel past the middlebox that carries all traffic; empty for none.
        delay: of the tunnel in each direction, in seconds.
        core: interference of the router behind the middlebox, for this source alone.
        anchor_form: how an anchor's URL is made of its name.
        trusted_urls: the trusted resolvers; those of `world.py` when empty.
        four: whether it has an IPv4 address; without one it reaches IPv4 through NAT64 (`nat64.py`).
        prefix: the prefix of its NAT64.
        private: its IPv4 address is in 100.64.0.0/10.
        line: arguments of `tc qdisc ... tbf` on its line, in both directions; empty for none.
        mtu: of its line, at the router's end.
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
    core: tuple[Interference, ...] = ()
    anchor_form: str = "https://{}/"
    trusted_urls: tuple[str, ...] = ()
    four: bool = True
    prefix: str = "64:ff9b::"
    private: bool = False
    line: str = ""
    mtu: int = 1500


@dataclass(frozen=True, kw_only=True)
class Expect:
    """The right verdict.

    Attributes:
        status: of the contract; more than one, separated by `|`, where the contract leaves it open.
        causes: the first is the one that decides (one of several, separated by `|`), the rest are a set; `...` at the
            end allows more.
        state: of the vantage; more than one, separated by `|`, where the contract leaves it open.
        note: a key of the evidence that must not be empty, or an entry in its `notes` or in the vantage's.
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
        filtered: the answer of the filtering public resolver about it.
        source: where such a network, server or line was described.
        middlebox: what the ISPs' middleboxes do; both ISPs alike.
        core: what the router behind the ISPs does, to vantages and controls alike unless `source` is set.
        ranges: prefixes of which every address takes connections on every port and speaks TLS.
        checks: checks without the probe that prove the situation; at least one.
    """

    name: str
    family: str
    target: str
    expect: Expect
    checks: tuple[Check, ...]
    sites: tuple[Site, ...] = (Site(),)
    lie: Lie | None = None
    filtered: Lie | None = None
    source: str = ""
    middlebox: tuple[Interference, ...] = ()
    core: tuple[Interference, ...] = ()
    ranges: tuple[str, ...] = ()
    vantage: str = "a1"
    control: Control = Control.ON
