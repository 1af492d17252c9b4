"""The testbed of the comparison: two network namespaces, one for servers, one for clients, without a route out.

Ordinary-looking public addresses, because the program connects to no others. One nginx worker serves a 10 KB page over
TLS 1.2/1.3 with a P-256 certificate and no tickets; knot serves the names, aioquic QUIC. 3 in 10 names of the mixed
list are in a prefix that drops every packet. In two other prefixes every address answers.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import trustme

SERVER = "151.30.0.1"
CLIENT = "151.30.0.2"
SITES = [f"151.31.0.{n}" for n in range(1, 9)]
SILENT = [f"151.32.0.{n}" for n in range(1, 251)]
RANGE = "151.33.0.0/24"
"""Every address of it answers at every one of `PORTS`."""
PORTS = range(8001, 8041)
WIDE_RANGE = "151.34.0.0/16"
"""Every address of it answers at port 80 and 443."""
UNROUTED = "198.18.0.0/15"
QUIC_PORT = 443
ZONE = "bench.example"
REGISTER_ZONES = [f"register{n}.example" for n in range(16)]
"""Every name in them exists: a register of any length, of many sites."""

NGINX = """daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log crit;
events {{ worker_connections 16384; }}
http {{
  access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 443 ssl backlog=16384; listen 80 backlog=16384;
    ssl_certificate {folder}/site.pem; ssl_certificate_key {folder}/site.key;
    ssl_protocols TLSv1.2 TLSv1.3; ssl_session_tickets off; ssl_session_cache off;
    root {folder}/www;
  }}
  server {{ {ports} root {folder}/www; }}
}}
"""
KNOT = """server:
    rundir: {folder}
    listen: {server}@53
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: critical
database:
    storage: {folder}/db
zone:
  - domain: {zone}
    storage: {folder}
    file: {zone}.zone
"""


class Testbed:
    """Two hosts connected by a link.

    Attributes:
        folder: files of this run.
    """

    def __init__(self, folder: Path, client: str, server: str) -> None:
        self.folder = folder
        self._client = client
        self._server = server

    def on_client(self, *command: str, core: int = 0) -> list[str]:
        """The command as it runs on the client's host."""
        return ["ip", "netns", "exec", self._client, "taskset", "-c", str(core), *command]

    def on_python(self, *arguments: str) -> list[str]:
        """The arguments given to this Python, on the client's host."""
        return self.on_client(sys.executable, *arguments)

    def gateway_hardware_address(self) -> str:
        """The hardware address of the servers' host, which zmap does not find by itself."""
        command = ["ip", "-n", self._server, "-j", "link", "show", "w1"]
        return str(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)[0]["address"])

    def on_server(self, *command: str) -> list[str]:
        """The command as it runs on the servers' host, on the second core."""
        return ["ip", "netns", "exec", self._server, "taskset", "-c", "1", *command]

    @property
    def environment(self) -> dict[str, str]:
        """The environment of clients, which trusts the testbed's certificate authority."""
        return {
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "SSL_CERT_FILE": str(self.folder / "ca.pem"),
            "SSL_CERT_DIR": "",
            "NO_COLOR": "1",
        }


def names(count: int, *, silent: float = 0.0) -> list[str]:
    """Host names; a share `silent` of them has addresses that drop every packet."""
    return [f"{'d' if (n * 10 % 100) < silent * 100 else 'n'}{n}.{ZONE}" for n in range(count)]


@contextmanager
def running_testbed(count: int) -> Iterator[Testbed]:
    """Build the testbed, and remove it at the end, also after an error."""
    client, server = f"bench-client-{os.getpid()}", f"bench-server-{os.getpid()}"
    with ExitStack() as stack, tempfile.TemporaryDirectory(prefix="probe-bench-") as folder:
        Path(folder).chmod(0o755)
        testbed = Testbed(Path(folder), client, server)
        for name in (client, server):
            _run("ip", "netns", "add", name)
            stack.callback(_run, "ip", "netns", "del", name)
        _wire(client, server)
        resolv = Path("/etc/netns", client)
        resolv.mkdir(parents=True)
        stack.callback(resolv.rmdir)
        (resolv / "resolv.conf").write_text(f"nameserver {SERVER}\n")
        stack.callback((resolv / "resolv.conf").unlink)
        _files(testbed.folder, count)
        for command in _servers(testbed.folder):
            process = subprocess.Popen(testbed.on_server(*command), start_new_session=True, env=testbed.environment)
            stack.callback(_end, process)
        _ready(testbed)
        yield testbed


def _wire(client: str, server: str) -> None:
    _run("ip", "link", "add", "w0", "netns", client, "type", "veth", "peer", "name", "w1", "netns", server)
    for host, wire, address in ((client, "w0", CLIENT), (server, "w1", SERVER)):
        _run("ip", "-n", host, "link", "set", "lo", "up")
        _run("ip", "-n", host, "addr", "add", f"{address}/24", "dev", wire)
        _run("ip", "-n", host, "link", "set", wire, "up")
    _run("ip", "-n", client, "route", "add", "default", "via", SERVER)
    for address in SITES:
        _run("ip", "-n", server, "addr", "add", f"{address}/32", "dev", "lo")
    for prefix in (RANGE, WIDE_RANGE):
        _run("ip", "-n", server, "route", "add", "local", prefix, "dev", "lo")
    _run("ip", "-n", server, "route", "add", "blackhole", "151.32.0.0/24")
    kernel = ["net.ipv4.ip_forward=1", "net.core.somaxconn=16384", "net.ipv4.icmp_ratelimit=0"]
    _run("ip", "netns", "exec", server, "sysctl", "-qw", *kernel)
    # Each tcp:// check tries an unrouted address too; a router that says so ends that at once.
    _run("ip", "-n", server, "route", "add", UNROUTED, "dev", "w1")
    refuse = ["FORWARD", "-d", UNROUTED, "-j", "REJECT", "--reject-with", "icmp-net-unreachable"]
    _run("ip", "netns", "exec", server, "iptables", "-A", *refuse)
    _run("ip", "netns", "exec", client, "sysctl", "-qw", "net.ipv4.ip_local_port_range=1024 65535")


def _servers(folder: Path) -> list[list[str]]:
    quic = [sys.executable, str(Path(__file__).with_name("aioquic_server.py"))]
    return [
        ["nginx", "-c", f"{folder}/nginx.conf"],
        ["knotd", "-c", f"{folder}/knot.conf"],
        [*quic, f"{folder}/site.pem", f"{folder}/site.key"],
    ]


def _files(folder: Path, count: int) -> None:
    authority = trustme.CA()
    wildcards = [f"*.{zone}" for zone in (ZONE, *REGISTER_ZONES)]
    certificate = authority.issue_cert(*wildcards, key_type=trustme.KeyType.ECDSA)
    (folder / "ca.pem").write_bytes(authority.cert_pem.bytes())
    (folder / "site.pem").write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    (folder / "site.key").write_bytes(certificate.private_key_pem.bytes())
    (folder / "db").mkdir()
    (folder / "www").mkdir()
    (folder / "www" / "index.html").write_text("<title>Bench</title>" + "x" * 10_000)
    ports = " ".join(f"listen {port} backlog=16384;" for port in PORTS)
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, ports=ports))
    more = "".join(f"  - domain: {zone}\n    storage: {folder}\n    file: register.zone\n" for zone in REGISTER_ZONES)
    (folder / "knot.conf").write_text(KNOT.format(folder=folder, server=SERVER, zone=ZONE) + more)
    register = ["$TTL 3600", "@ SOA ns hostmaster 1 3600 900 9999 300", "@ NS ns", f"ns A {SERVER}", f"* A {SITES[0]}"]
    (folder / "register.zone").write_text("\n".join(register) + "\n")
    lines = [f"$ORIGIN {ZONE}.", "$TTL 3600", "@ SOA ns hostmaster 1 3600 900 9999 300", "@ NS ns", f"ns A {SERVER}"]
    lines += [f"n{n} A {SITES[n % len(SITES)]}" for n in range(count)]
    lines += [f"d{n} A {SILENT[n % len(SILENT)]}" for n in range(count)]
    (folder / f"{ZONE}.zone").write_text("\n".join(lines) + "\n")
    (folder / "blackbox.json").write_text(json.dumps({"modules": {"http": _module("http"), "tcp": _module("tcp")}}))


def _module(prober: str) -> dict[str, object]:
    if prober == "tcp":
        return {"prober": "tcp", "timeout": "5s", "tcp": {"preferred_ip_protocol": "ip4"}}
    return {"prober": "http", "timeout": "5s", "http": {"preferred_ip_protocol": "ip4", "method": "GET"}}


def _ready(testbed: Testbed) -> None:
    deadline = time.monotonic() + 20
    command = testbed.on_client("curl", "-s", "-o", "/dev/null", "-m", "2", f"https://n0.{ZONE}/")
    environment = {**testbed.environment, "CURL_CA_BUNDLE": str(testbed.folder / "ca.pem")}
    while subprocess.run(command, env=environment, check=False).returncode:
        if time.monotonic() > deadline:
            raise RuntimeError("the servers of the bench do not answer")
        time.sleep(0.2)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _run(*command: str) -> None:
    subprocess.run(command, check=True)
