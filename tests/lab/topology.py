"""The lab: hosts, wires and routes, and the programs that run on them, for one world.

::

    a1 a2 .. (ISP A) ── mba ─┐                 ┌─ net   every site, the public resolver, the stub page
                             ├── core ─────────┼─ isp   the ISPs' resolvers
    b1 ..    (ISP B) ── mbb ─┘  (second router)├─ control, control2
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
from tests.lab.records import Interference
from tests.lab.world import COLLECTOR, CONTROLS, DEAD_RESOLVER, PUBLIC_RESOLVER, RESOLVERS, REWRITING, STUB, World

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
        for name in ("core", "mba", "mbb", "net", "isp", "control", "control2", "collector"):
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
        for name in ("mba", "mbb", "net", "isp"):
            number = 20 + len(self._links["core"]) % 97
            self._link(name, "core", f"62.115.{number}.2/24", f"2001:2034:{number}::2/64")
        for name, address in (*CONTROLS.items(), ("collector", COLLECTOR)):
            self._link(name, "core", f"{address}/24", f"2a0b:{len(self._links['core']):x}::2/64")
        for name, (four, six) in self.world.vantages.items():
            self._link(name, f"mb{self.world.profiles[name].isp}", f"{four}/24", f"{six}/64")
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
            ("net", "193.0.0.0/8", ""),
            ("net", f"{PUBLIC_RESOLVER}/32", ""),
            ("net", f"{STUB}/32", ""),
            ("isp", "95.24.255.0/24", ""),
            ("isp", "178.140.255.0/24", ""),
        ):
            routes.append(f"route add {four} via {self._gateways[name][0]}")
            if six:
                routes.append(f"route add {six} via {self._gateways[name][1]}")
        with ThreadPoolExecutor(4) as pool:
            list(
                pool.map(
                    lambda name: self.hosts[name].must("ip", "-batch", "-", stdin="\n".join(self._links[name]) + "\n"),
                    self._links,
                )
            )

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
        local = [PUBLIC_RESOLVER, STUB, *(a for p in self.world.placed for a in p.served)]
        self._add_addresses("net", local)
        self._add_addresses("isp", [*RESOLVERS.values(), REWRITING])
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
        liars.append({"address": REWRITING, "lies": str(self._lies["a"]), "rewriting": STUB})
        for name, listen in (("isp", liars), ("net", [servers.nameserver_entry(self.certificates)])):
            self._start(name, "nameserver", {**files, "listen": listen})
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
