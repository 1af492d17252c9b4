"""Interferences as iptables rules. Pure: records in, `iptables-restore` text and the inspector's actions out.

A middlebox works in three places: `mangle FORWARD` matches forwarded packets and acts on them (and queues some for
`inspector.py`), `filter FORWARD` has the target that iptables allows nowhere else (REJECT), `nat PREROUTING`
redirects connections.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.lab.records import Act, Interference

QUEUE = "-j NFQUEUE --queue-num 0"
RELAY_PORT = 7000
"""Where `relay.py` listens on a middlebox."""


@dataclass
class Rules:
    """The rules of one address family, by table, and the inspector's actions for marks 1, 2, ..."""

    family: int
    mangle: list[str] = field(default_factory=list)
    filter: list[str] = field(default_factory=list)
    nat: list[str] = field(default_factory=list)
    leaving: list[str] = field(default_factory=list)
    actions: list[dict[str, Any]] = field(default_factory=list)

    def text(self) -> str:
        """Input for iptables-restore: each table replaced as a whole."""
        chains = {"mangle": "FORWARD", "filter": "FORWARD", "nat": "PREROUTING"}
        parts = []
        for table, chain in chains.items():
            lines = [f"-A {chain} {rule}" for rule in getattr(self, table)]
            if table == "nat":
                lines += [f"-A POSTROUTING {rule}" for rule in self.leaving]
            parts.append("\n".join([f"*{table}", f":{chain} ACCEPT [0:0]", *lines, "COMMIT"]))
        return "\n".join(parts) + "\n"


def compile_rules(interferences: Sequence[Interference]) -> tuple[Rules, Rules]:
    """Rules for IPv4 and for IPv6; an interference with addresses of one family gets rules in that family only.

    Both families share one list of actions, which their marks number.
    """
    four, six = Rules(4), Rules(6)
    six.actions = four.actions
    for one in interferences:
        for rules in (four, six):
            if _fits(one, rules.family):
                _COMPILERS[one.act](rules, one)
    return four, six


def _fits(one: Interference, family: int) -> bool:
    named = [text for text in (one.address, one.source, one.to) if text]
    return all((text.count(":") > 1) == (family == 6) for text in named)  # one colon is that of an IPv4 port


def _mark(rules: Rules, one: Interference) -> int:
    rules.actions.append(asdict(one))
    return len(rules.actions)


def _from(one: Interference, *, back: bool = False) -> str:
    source = f"-{'d' if back else 's'} {one.source} " if one.source else ""
    return source + (f"-{'s' if back else 'd'} {one.address} " if one.address else "")


def _keyword(one: Interference, port: int) -> str:
    """A TCP segment to `port` that carries the name."""
    return f"{_from(one)}-p tcp --dport {one.port or port} -m string --algo bm --icase --string {one.name}"


def _drop(rules: Rules, one: Interference) -> None:
    if not one.port:
        rules.mangle.append(f"{_from(one)}-j DROP")
        return
    for protocol in ("tcp", "udp"):
        rules.mangle.append(f"{_from(one)}-p {protocol} --dport {one.port} -j DROP")


def _reject(rules: Rules, one: Interference) -> None:
    if one.act is Act.ICMP:
        rules.filter.append(f"{_from(one)}-j REJECT --reject-with {one.page}")
        return
    port = f"--dport {one.port} " if one.port else ""
    rules.filter.append(f"{_from(one)}-p tcp {port}--syn -j REJECT --reject-with tcp-reset")


def _hello_drop(rules: Rules, one: Interference) -> None:
    mark = _mark(rules, one)
    port = 80 if one.act is Act.HOST_DROP else 443
    rules.mangle.append(f"{_keyword(one, port)} -j CONNMARK --set-mark {mark}")
    later = f"-m connbytes --connbytes {one.after}: --connbytes-dir both --connbytes-mode packets " if one.after else ""
    rules.mangle.append(f"-m connmark --mark {mark} {later}-j DROP")


def _queued(rules: Rules, one: Interference) -> None:
    mark = _mark(rules, one)
    port = 80 if one.act in (Act.HOST_PAGE, Act.HOST_RST, Act.HOST_ANSWER) else 443
    rules.mangle.append(f"{_keyword(one, port)} -j MARK --set-mark {mark}")
    rules.mangle.append(f"-m mark --mark {mark} {QUEUE}")


def _hello_residual(rules: Rules, one: Interference) -> None:
    """List the client's address for this target after the trigger, and drop its SYNs while it is listed."""
    mark = _mark(rules, one)
    table = f"residual{mark}"
    listed = f"-d {one.address} -p tcp --dport 443 -m recent --name {table} --rcheck --seconds {one.after} -j DROP"
    rules.mangle.append(listed)
    rules.mangle.append(f"{_keyword(one, 443)} -m recent --name {table} --set -j MARK --set-mark {mark}")
    rules.mangle.append(f"-m mark --mark {mark} {QUEUE}")


def _hello_tuple(rules: Rules, one: Interference) -> None:
    """Queue all packets to the target, because the inspector must know which tuples are blocked."""
    mark = _mark(rules, one)
    rules.mangle.append(f"{_from(one)}-p tcp --dport {one.port or 443} -j MARK --set-mark {mark}")
    rules.mangle.append(f"-m mark --mark {mark} {QUEUE}")


def _hello_later(rules: Rules, one: Interference) -> None:
    mark = _mark(rules, one)
    table = f"later{mark}"
    seen = f"{_keyword(one, 443)} -m recent --name {table}"
    rules.mangle.append(f"{seen} --rcheck -j MARK --set-mark {mark}")
    rules.mangle.append(f"-m mark --mark {mark} {QUEUE}")
    rules.mangle.append(f"{seen} --set")


def _hello_rewrite(rules: Rules, one: Interference) -> None:
    mark = _mark(rules, one)
    rules.mangle.append(f"{_keyword(one, 443)} -j CONNMARK --set-mark {mark}")
    reply = f"-p tcp --sport 443 -m connmark --mark {mark} -m conntrack --ctdir REPLY -m length --length 100:65535"
    rules.mangle.append(f"{reply} -j MARK --set-mark {mark}")
    rules.mangle.append(f"-m mark --mark {mark} {QUEUE}")


def _asked(one: Interference) -> str:
    """A UDP query for the name."""
    labels = "".join(f"|{len(label):02x}|{label}" for label in one.name.split("."))
    return f"{_from(one)}-p udp --dport 53 -m string --algo bm --icase --hex-string {labels}|00|"


def _dns_replace(rules: Rules, one: Interference) -> None:
    rules.nat.append(f"{_asked(one)} -j DNAT --to-destination {one.to}")


def _dns_inject(rules: Rules, one: Interference) -> None:
    mark = _mark(rules, one)
    rules.mangle.append(f"{_asked(one)} -j MARK --set-mark {mark}")
    rules.mangle.append(f"-m mark --mark {mark} {QUEUE}")


def _loss(rules: Rules, one: Interference) -> None:
    chance = f"-m statistic --mode random --probability {one.percent / 100:.4f} -j DROP"
    rules.mangle.append(f"{_from(one)}{chance}")
    rules.mangle.append(f"{_from(one, back=True)}{chance}")


def _freeze(rules: Rules, one: Interference) -> None:
    limit = f"-m connbytes --connbytes {one.after}: --connbytes-dir both --connbytes-mode bytes -j DROP"
    rules.mangle.append(f"{_from(one)}-p tcp {limit}")
    rules.mangle.append(f"{_from(one, back=True)}-p tcp {limit}")


def _freeze_packets(rules: Rules, one: Interference) -> None:
    limit = f"-m connbytes --connbytes {one.after}: --connbytes-dir both --connbytes-mode packets -j DROP"
    rules.mangle.append(f"{_from(one)}-p tcp {limit}")
    rules.mangle.append(f"{_from(one, back=True)}-p tcp {limit}")


def _hello_freeze(rules: Rules, one: Interference) -> None:
    mark = _mark(rules, one)
    rules.mangle.append(f"{_keyword(one, 443)} -j CONNMARK --set-mark {mark}")
    limit = f"-m connbytes --connbytes {one.after}: --connbytes-dir both --connbytes-mode bytes -j DROP"
    rules.mangle.append(f"-m connmark --mark {mark} {limit}")


def _rate(rules: Rules, one: Interference) -> None:
    """A token bucket of 16 kB, or of one second if that is more; packets beyond it are dropped: TCP slows down."""
    mark = _mark(rules, one)
    burst = max(16, one.after // 1000 + 1)
    limit = f"-m hashlimit --hashlimit-above {one.after}b/s --hashlimit-burst {burst}kb --hashlimit-name rate{mark} "
    limit += "-j DROP"
    if one.name:
        rules.mangle.append(f"{_keyword(one, 443)} -j CONNMARK --set-mark {mark}")
        rules.mangle.append(f"-m connmark --mark {mark} {limit}")
    else:
        rules.mangle.append(f"{_from(one, back=True)}-p tcp {limit}")


def _quic_drop(rules: Rules, one: Interference) -> None:
    rules.mangle.append(f"{_from(one)}-p udp --dport {one.port or 443} -j DROP")


def _quic_name(rules: Rules, one: Interference) -> None:
    mark = _mark(rules, one)
    rules.mangle.append(f"{_from(one)}-p udp --dport {one.port or 443} -j MARK --set-mark {mark}")
    rules.mangle.append(f"-m mark --mark {mark} {QUEUE}")


def _dns_turn(rules: Rules, one: Interference) -> None:
    rules.nat.append(f"{_from(one)}-p udp --dport 53 -j DNAT --to-destination {one.to}")


def _large(rules: Rules, one: Interference) -> None:
    too_large = f"-m length --length {one.after + 1}:65535 -j DROP"
    rules.mangle.append(f"{_from(one)}{too_large}")
    rules.mangle.append(f"{_from(one, back=True)}{too_large}")


def _police(rules: Rules, one: Interference) -> None:
    """List a client with too many ClientHellos, and drop all its ClientHellos while it is listed."""
    table = f"policed{len(rules.mangle)}"
    hello = f"{_from(one)}-p tcp --dport 443 -m string --algo bm --hex-string |160301| "
    often = f"-m hashlimit --hashlimit-mode dstip --hashlimit-dstmask {16 if rules.family == 4 else 32} "
    often += f"--hashlimit-above 3/sec --hashlimit-burst 3 --hashlimit-name {table} "
    rules.mangle.append(f"{hello}-m recent --name {table} --rcheck --seconds {one.after} -j DROP")
    rules.mangle.append(f"{hello}{often}-m recent --name {table} --set -j DROP")


def _censor(rules: Rules, one: Interference) -> None:
    """Queue all packets to the target, because the inspector must remember who is punished there."""
    mark = _mark(rules, one)
    port = f"--dport {one.port} " if one.port else ""
    for protocol in ("tcp",) if one.address else ("tcp", "udp"):
        rules.mangle.append(f"{_from(one)}-p {protocol} {port}-j MARK --set-mark {mark}")
    rules.mangle.append(f"-m mark --mark {mark} {QUEUE}")


def _to_source(rules: Rules, one: Interference, *, both: bool = False) -> None:
    """Queue what arrives for a vantage, except from `address`."""
    mark = _mark(rules, one)
    spared = f"! -s {one.address} " if one.address else ""
    rules.mangle.append(f"{spared}-d {one.source} -j MARK --set-mark {mark}")
    if both:
        rules.mangle.append(f"-s {one.source} -j MARK --set-mark {mark}")
    rules.mangle.append(f"-m mark --mark {mark} {QUEUE}")


def _duplicate(rules: Rules, one: Interference) -> None:
    _to_source(rules, one, both=True)


def _rate_residual(rules: Rules, one: Interference) -> None:
    table = f"slowed{_mark(rules, one)}"
    rules.mangle.append(f"{_keyword(one, 443)} -m recent --name {table} --set")
    limit = f"-m hashlimit --hashlimit-above {one.after}b/s --hashlimit-burst 20kb --hashlimit-name {table}"
    listed = f"-m recent --name {table} --rcheck --rdest --seconds 60"
    rules.mangle.append(f"-s {one.address} -p tcp {listed} {limit} -j DROP")


def _mute_residual(rules: Rules, one: Interference) -> None:
    mark = _mark(rules, one)
    table = f"muted{mark}"
    rules.mangle.append(f"{_keyword(one, 443)} -m recent --name {table} --set -j CONNMARK --set-mark {mark}")
    listed = f"-m recent --name {table} --rcheck --seconds {one.after}"
    rules.mangle.append(f"-d {one.address} -p tcp --syn {listed} -j DROP")
    rules.mangle.append(
        f"-m connmark --mark {mark} -m connbytes --connbytes 9: --connbytes-dir both --connbytes-mode packets -j DROP"
    )


def _whitelist(rules: Rules, one: Interference) -> None:
    first = "-m connbytes --connbytes 3:4 --connbytes-dir original --connbytes-mode packets -m length --length 60:65535"
    for port, words in ((80, "--string HTTP/1."), (443, "--hex-string |1603|")):
        rules.mangle.append(f"-d {one.address} -p tcp --dport {port} {first} -m string --algo bm ! {words} -j DROP")


def _accelerate(rules: Rules, one: Interference) -> None:
    for port in (one.port,) if one.port else (80, 443):
        rules.nat.append(f"-s {one.source} -p tcp --dport {port} -j REDIRECT --to-ports {RELAY_PORT}")


def _masquerade(rules: Rules, one: Interference) -> None:
    rules.leaving.append(f"-s {one.source} -j MASQUERADE")


def _dns_any(rules: Rules, one: Interference) -> None:
    rules.nat.append(f"-s {one.source} -p udp --dport 53 -j DNAT --to-destination {one.to}")


def _proxy(rules: Rules, one: Interference) -> None:
    port = f"--dport {one.port} " if one.port else ""
    rules.nat += [f"{_from(one)}-d {spared} -p tcp {port}-j ACCEPT" for spared in one.answers]
    rules.nat.append(f"{_from(one)}-p tcp {port}-j DNAT --to-destination {one.to}")


def _only(rules: Rules, one: Interference) -> None:
    hello = one.act is Act.ONLY_HELLOS
    # A hello is the first payload a client sends to port 443: record type 22, version 3.x.
    what = "-p tcp --dport 443 -m string --algo bm --hex-string |160301| " if hello else ""
    for allowed in one.answers:
        rules.mangle.append(f"{_from(one)}-d {allowed} {what}-j ACCEPT")
    rules.mangle.append(f"{_from(one)}{what}-j DROP")


_COMPILERS: dict[Act, Callable[[Rules, Interference], None]] = {
    Act.DROP: _drop,
    Act.RST_SYN: _reject,
    Act.ICMP: _reject,
    Act.HELLO_DROP: _hello_drop,
    Act.HELLO_SILENCE: _hello_drop,
    Act.HELLO_RST: _queued,
    Act.HELLO_RST3: _queued,
    Act.HELLO_TUPLE: _hello_tuple,
    Act.HELLO_LATER: _hello_later,
    Act.HELLO_REWRITE: _hello_rewrite,
    Act.HELLO_FIN: _queued,
    Act.HELLO_ALERT: _queued,
    Act.HELLO_RESIDUAL: _hello_residual,
    Act.DNS_INJECT: _dns_inject,
    Act.HOST_PAGE: _queued,
    Act.HOST_RST: _queued,
    Act.HOST_DROP: _hello_drop,
    Act.LOSS: _loss,
    Act.FREEZE: _freeze,
    Act.FREEZE_PACKETS: _freeze_packets,
    Act.HELLO_FREEZE: _hello_freeze,
    Act.RATE: _rate,
    Act.QUIC_DROP: _quic_drop,
    Act.QUIC_NAME: _quic_name,
    Act.DNS_TURN: _dns_turn,
    Act.ICMP_FLOOD: _queued,
    Act.LARGE: _large,
    Act.POLICE: _police,
    Act.CENSOR: _censor,
    Act.HOST_ANSWER: _queued,
    Act.DELAY: _to_source,
    Act.WAKE: _to_source,
    Act.DUPLICATE: _duplicate,
    Act.RATE_RESIDUAL: _rate_residual,
    Act.MUTE_RESIDUAL: _mute_residual,
    Act.WHITELIST: _whitelist,
    Act.ACCELERATE: _accelerate,
    Act.MASQUERADE: _masquerade,
    Act.QUIC_ANSWER: _quic_name,
    Act.TLS_ANSWER: _queued,
    Act.DNS_ANY: _dns_any,
    Act.DNS_REPLACE: _dns_replace,
    Act.PROXY: _proxy,
    Act.ONLY: _only,
    Act.ONLY_HELLOS: _only,
}
