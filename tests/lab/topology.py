"""The lab: hosts, wires and routes, and the programs that run on them, for one world.

::

    a1 a2 .. (ISP A) ── mba ─┐                 ┌─ net   every site, the public resolver, the stub page
                             ├── core ─────────┼─ isp   the ISPs' resolvers
    b1 ..    (ISP B) ── mbb ─┘  (second router)├─ control, control2
                                               ├─ xlat  translates for hosts with IPv6 alone
                                               └─ collector

The middleboxes (mba, mbb) are the vantages' first hop and the ISPs' resolvers are behind them, so that a forged DNS
answer can overtake the resolver's. core drops packets for which it has no route. No packet leaves the lab, which has no
link to any other network.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from tests.lab import middlebox, servers
from tests.lab.hosts import Host
from tests.lab.records import Act, Interference
from tests.lab.world import (
    COLLECTOR,
    CONTROLS,
    DEAD_RESOLVER,
    ELSEWHERE,
    FILTER_PAGE,
    FILTERING,
    HIJACKING,
    HONEST,
    NAT64_PREFIXES,
    ONWARD,
    PUBLIC_RESOLVER,
    RESOLVERS,
    REWRITING,
    SIX_RESOLVER,
    STUB,
    TRANSPARENT,
    TRUSTED_SIX,
    World,
)

TOOLS = (
    "ip",
    "iptables-restore",
    "ip6tables-restore",
    "unshare",
    "nsenter",
    "setpriv",
    "nginx",
    "dig",
    "curl",
    "openssl",
)
_PREFIX = "probe-lab-"
FAR_END = "62.115.255.1"
"""The address on core where tunnels end."""
LINK_RESOLVER = "fe80::53"
"""The resolver on a middlebox that its neighbours ask by a link-local address."""
_ROUTER = ("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1", "net.netfilter.nf_conntrack_acct=1")


def missing() -> str:
    """Why the lab cannot run here, in a line; empty when it can."""
    if os.name != "posix" or os.geteuid() != 0:
        return "the lab needs root on Linux"
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    absent = [tool for tool in TOOLS if shutil.which(tool, path=path) is None]
    if absent:
        return f"the lab needs {', '.join(absent)} (Debian: iproute2 iptables nginx-light bind9-dnsutils curl openssl)"
    try:
        import aioquic  # noqa: F401, PLC0415
        import netfilterqueue  # noqa: F401, PLC0415
    except ImportError as error:
        return f"the lab needs the Python package {error.name}"
    return ""


def sweep() -> None:
    """Remove the folders of labs whose process has ended: a killed lab leaves nothing else."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        owner = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdigit() and not Path("/proc", owner).exists():
            shutil.rmtree(folder, ignore_errors=True)


class Lab:
    """A context manager that raises the lab and takes it down.

    Args:
        world: names, addresses and interferences.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.hosts: dict[str, Host] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Lab:
        try:
            self._raise()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _raise(self) -> None:
        sweep()
        folder = tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{os.getpid()}-")
        self.folder = Path(self._stack.enter_context(folder))
        self.certificates = servers.Certificates(self.folder / "certificates")
        self._make_hosts()
        self._wire()
        self._make_addresses()
        self._lay_interference()
        self._start_servers()
        self._dig_tunnels()

    def _make_hosts(self) -> None:
        for name in ("core", "mba", "mbb", "net", "isp", "control", "control2", "collector", "xlat"):
            self.hosts[name] = Host(name, self.folder, (PUBLIC_RESOLVER,))
        for name, profile in self.world.profiles.items():
            resolvers = profile.resolvers or (RESOLVERS[profile.isp],)
            self.hosts[name] = Host(name, self.folder, resolvers, profile.names)
        for host in self.hosts.values():
            self._stack.callback(host.close)
        for host in self.hosts.values():
            host.wait_until_up()

    def _wire(self) -> None:
        self._links: dict[str, list[str]] = {name: [] for name in self.hosts}
        self._gateways: dict[str, tuple[str, str]] = {}
        for name in ("mba", "mbb", "net", "isp", "xlat"):
            number = 20 + len(self._links["core"]) % 97
            self._link(name, "core", f"62.115.{number}.2/24", f"2001:2034:{number}::2/64")
        for name, address in (*CONTROLS.items(), ("collector", COLLECTOR)):
            self._link(name, "core", f"{address}/24", f"2a0b:{len(self._links['core']):x}::2/64")
        for name, (four, six) in self.world.vantages.items():
            self._link(name, f"mb{self.world.profiles[name].isp}", f"{four}/24", f"{six}/64")
            self._shape(name)
            if self.world.profiles[name].through:  # all traffic leaves through the tunnel
                gateway = four.rpartition(".")[0] + ".1"
                ways = [way for way in self._links[name] if "default" not in way and "::/0" not in way]
                self._links[name] = [*ways, f"route add {FAR_END}/32 via {gateway}"]
        routes = self._links["core"]
        routes += ["route add blackhole default", "route add blackhole ::/0", f"address add {FAR_END}/32 dev lo"]
        for name, four, six in (
            ("mba", "95.24.0.0/16", "2a02:2168::/32"),
            ("mbb", "178.140.0.0/16", "2a02:2698::/32"),
            ("net", "151.0.0.0/8", "2a05::/16"),
            ("net", "152.0.0.0/8", ""),
            ("net", "153.0.0.0/8", ""),
            ("net", "154.0.0.0/8", ""),
            ("net", "100.127.0.0/16", ""),
            ("net", "10.98.0.0/16", ""),
            ("mba", "100.64.0.0/16", ""),
            ("net", f"{FILTER_PAGE}/32", f"{TRUSTED_SIX}/128"),
            ("net", f"{FILTERING}/32", ""),
            ("net", f"{ELSEWHERE}/32", ""),
            ("xlat", "62.115.254.0/24", ""),
            *(("xlat", "", f"{prefix}/96") for prefix in NAT64_PREFIXES),
            ("net", "193.0.0.0/8", ""),
            ("net", f"{PUBLIC_RESOLVER}/32", ""),
            ("net", f"{STUB}/32", ""),
            ("isp", "95.24.255.0/24", "2a02:2168:ffff::/48"),
            ("isp", "178.140.255.0/24", ""),
        ):
            if four:
                routes.append(f"route add {four} via {self._gateways[name][0]}")
            if six:
                routes.append(f"route add {six} via {self._gateways[name][1]}")
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(self._lay_links, self._links))

    def _lay_links(self, name: str) -> None:
        """Apply a host's lines: those of `ip`, then those of `tc`."""
        host, lines = self.hosts[name], self._links[name]
        ways = [line for line in lines if not line.startswith("qdisc ")]
        host.must("ip", "-batch", "-", stdin="\n".join(ways) + "\n")
        for line in lines:
            if line.startswith("qdisc "):
                _, device, arguments = line.split(" ", 2)
                host.must("tc", "qdisc", "add", "dev", device, "root", *arguments.split())

    def _shape(self, name: str) -> None:
        """What makes a vantage's line peculiar: no IPv4, a rate, an MTU, a resolver on the link."""
        profile, near = self.world.profiles[name], f"to-{name}"[:15]
        ways, theirs = self._links[name], self._links[f"mb{profile.isp}"]
        if not profile.four:
            self._links[name] = ways = [way for way in ways if "." not in way]
        if profile.line:
            ways.append(f"qdisc wan {profile.line}")
            theirs.append(f"qdisc {near} {profile.line}")
        if profile.mtu != 1500:
            theirs.append(f"link set {near} mtu {profile.mtu}")
        if any("%" in resolver for resolver in profile.resolvers):
            theirs.append(f"address add {LINK_RESOLVER}/64 dev {near} nodad")

    def _link(self, name: str, router: str, four: str, six: str) -> None:
        """A link between two hosts; the router's end is .1 (::1), the host's default route."""
        host, other = self.hosts[name], self.hosts[router]
        host.must(
            "ip", "link", "add", "wan", "type", "veth", "peer", "name", f"to-{name}"[:15], "netns", str(other.pid)
        )
        gateway = four.rsplit(".", 1)[0] + ".1"
        gateway_six = six.rsplit("::", 1)[0] + "::1"
        self._links[name] += [
            f"address add {four} dev wan",
            f"address add {six} dev wan nodad",
            "link set wan up",
            f"route add default via {gateway}",
            f"route add ::/0 via {gateway_six}",
        ]
        self._links[router] += [
            f"address add {gateway}/24 dev to-{name}",
            f"address add {gateway_six}/64 dev to-{name} nodad",
            f"link set to-{name} up",
        ]
        self._gateways[name] = (four.partition("/")[0], six.partition("/")[0])

    def _make_addresses(self) -> None:
        for name in ("core", "mba", "mbb"):
            self.hosts[name].must("sysctl", "-qw", *_ROUTER)
        # Virtual links carry 64 KiB as one packet; rules that count packets or rates need packets of an ordinary size.
        self.hosts["net"].must("ip", "link", "set", "dev", "wan", "gso_max_segs", "1")
        landmarks = [PUBLIC_RESOLVER, STUB, TRUSTED_SIX, FILTERING, FILTER_PAGE, ELSEWHERE]
        self._add_addresses("net", [*landmarks, *dict.fromkeys(a for p in self.world.placed for a in p.served)])
        onward = [address for address, _ in ONWARD.values()]
        resolvers = [
            *RESOLVERS.values(),
            REWRITING,
            HIJACKING,
            HONEST,
            TRANSPARENT,
            SIX_RESOLVER,
            *NAT64_PREFIXES.values(),
        ]
        self._add_addresses("isp", [*resolvers, *onward])
        # Connections to whole ranges end at one server; all other packets to these ranges are dropped.
        turned = [f"-A PREROUTING -p tcp -d {r} -j REDIRECT --to-ports {servers.SPEAKER}" for r in self.world.ranges()]
        rules = "\n".join(["*nat", *turned, "COMMIT"]) + "\n"
        self.hosts["net"].must("iptables-restore", stdin=rules)

    def _add_addresses(self, name: str, addresses: Sequence[str]) -> None:
        lines = [f"address add {a}/{128 if ':' in a else 32} dev lo" for a in addresses]
        self.hosts[name].must("ip", "-batch", "-", stdin="\n".join(lines) + "\n")

    def _lay_interference(self) -> None:
        box, core = self.world.middlebox(), self.world.core()
        for name, interferences in (("mba", box), ("mbb", box), ("core", core)):
            self.interfere(name, interferences)

    def interfere(self, name: str, interferences: Sequence[Interference]) -> None:
        """Replace the rules of a router; start its inspector if one is needed."""
        host = self.hosts[name]
        four, six = middlebox.compile_rules(interferences)
        host.must("iptables-restore", stdin=four.text())
        host.must("ip6tables-restore", stdin=six.text())
        if any(middlebox.QUEUE in rule for rule in (*four.mangle, *six.mangle)):
            actions = host.folder / "actions.json"
            actions.write_text(json.dumps(four.actions))
            host.spawn_ours("inspector", str(actions))
        if any(one.act is Act.ACCELERATE for one in interferences):
            host.spawn_ours("relay", str(middlebox.RELAY_PORT))

    def lie(self, isp: str, lies: Mapping[str, Mapping[str, object]]) -> None:
        """Replace the forged answers of this ISP's resolver; all other names have their true answers."""
        file, fresh = self._lies[isp], self.folder / "lies.new"
        fresh.write_text(json.dumps(lies))
        fresh.rename(file)

    def _start_servers(self) -> None:
        zone = self.folder / "zone.json"
        zone.write_text(json.dumps(self.world.zone))
        self._lies = {isp: self.folder / f"lies-{isp}.json" for isp in RESOLVERS}
        for isp in RESOLVERS:
            self.lie(isp, self.world.lies())
        files = {"zone": str(zone)}
        liars = [{"address": address, "lies": str(self._lies[isp])} for isp, address in RESOLVERS.items()]
        lies = {"lies": str(self._lies["a"])}
        liars.append({"address": REWRITING, **lies, "rewriting": STUB})
        liars.append({"address": HIJACKING, **lies, "portal": self.world.landmarks()["gate"]})
        liars += [{"address": address, **lies} for address in (TRANSPARENT, SIX_RESOLVER)]
        liars += [{"address": a, **lies, "synthesis": prefix} for prefix, a in NAT64_PREFIXES.items()]
        liars += [{"address": address, **lies, **entry} for address, entry in ONWARD.values()]
        liars.append({"address": HONEST})
        filtered = self.folder / "filtered.json"
        filtered.write_text(json.dumps(self.world.filtered()))
        public = servers.nameserver_entries(self.certificates, filtered)
        near = [name for name, p in self.world.profiles.items() if any("%" in resolver for resolver in p.resolvers)]
        on_link = [{"address": f"{LINK_RESOLVER}%to-{name}"[:48], **lies} for name in near]
        for name, listen in (("isp", liars), ("net", public), ("mba", on_link)):
            self._start(name, "nameserver", {**files, "listen": listen})
        self._translate()
        self._start("net", "oddities", servers.oddities(self.world.placed, self.certificates))
        self._start("net", "quicserver", servers.quic_entries(self.world.placed, self.certificates))
        folder = self.folder / "nginx"
        folder.mkdir()
        config = folder / "nginx.conf"
        config.write_text(servers.nginx_config(self.world.placed, self.certificates, folder))
        self.hosts["net"].must("/usr/sbin/nginx", "-t", "-q", "-c", str(config))
        net = self.hosts["net"]
        net.spawn("/usr/sbin/nginx", "-c", str(config))
        # nginx binds in the order of its file, and the stub page is last.
        net.must(
            "bash",
            "-c",
            f"for i in {{1..100}}; do exec 3<>/dev/tcp/{STUB}/80 && exit 0; sleep 0.1; done 2>/dev/null; exit 1",
        )

    def _translate(self) -> None:
        """Start the translator for the vantages without IPv4; each has an IPv4 address there."""
        profiles = self.world.profiles
        alone = [name for name, profile in profiles.items() if not profile.four]
        hosts = {
            self.world.vantages[name][1]: [f"62.115.254.{number + 1}", profiles[name].prefix]
            for number, name in enumerate(alone)
        }
        self.hosts["xlat"].must("sysctl", "-qw", *_ROUTER[:2])
        self._start("xlat", "nat64", {"hosts": hosts, "prefixes": list(NAT64_PREFIXES)})

    def _dig_tunnels(self) -> None:
        """Make a tunnel from each vantage that has one to core, which has the route back."""
        for number, (name, profile) in enumerate(self.world.profiles.items()):
            if profile.through:
                near = f"10.8.{number}.2"
                ends = {
                    name: (profile.through, FAR_END, [f"address add {near}/32 dev {profile.through}"]),
                    "core": (f"far{number}", "", []),
                }
                ends[name][2].append(f"route add default dev {profile.through} src {near}")
                ends["core"][2].append(f"route add {near}/32 dev far{number}")
                for host, (device, peer, commands) in ends.items():
                    config = {"device": device, "peer": peer, "port": 5000 + number, "commands": commands}
                    self._start(host, "tunnel", {**config, "delay": profile.delay})

    def _start(self, name: str, program: str, config: object) -> None:
        file = self.hosts[name].folder / f"{program}.json"
        file.write_text(json.dumps(config))
        self.hosts[name].spawn_ours(program, str(file))


__all__ = ["DEAD_RESOLVER", "Lab", "missing"]
