"""Run real programs on the lab: a collector, its agents, and a port on loopback that leads to the collector's pages."""

from __future__ import annotations

import contextlib
import ctypes
import json
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.lab.bench import PROBE
from tests.lab.hosts import Host
from tests.lab.topology import Lab
from tests.lab.world import COLLECTOR, DOMESTIC_ANCHORS, FOREIGN_ANCHORS, TRUSTED

PORT = 8080
ORIGIN = f"http://{COLLECTOR}:{PORT}"
_CLONE_NEWNET = 0x40000000


class Fleet:
    """A collector and agents under one laboratory clock.

    Args:
        lab: raised.
        clock: for PROBE_CLOCK.
        interval: seconds of that clock from round to round.
        step: real seconds that one step may take.
        targets: target -> service.
        budget: keys of the agents' section `[budget]`.
    """

    def __init__(
        self,
        lab: Lab,
        clock: str,
        interval: float,
        step: float,
        targets: Mapping[str, str],
        *,
        budget: Mapping[str, object] | None = None,
    ) -> None:
        self.lab = lab
        self.agents: dict[str, subprocess.Popen[bytes]] = {}
        self._interval, self._step = interval, step
        self._budget = dict(budget or {})
        self._environ = {"PROBE_CLOCK": clock, "SSL_CERT_FILE": str(lab.certificates.bundle), "HOME": str(lab.folder)}
        self.database = lab.folder / "collector.db"
        self._list = lab.folder / "targets.csv"
        rows = [f"{target},{service}" for target, service in targets.items()]
        self._list.write_text("url,service\n" + "\n".join(rows) + "\n")

    def start_collector(self, *, control: bool = False) -> None:
        """Start it and wait until it is ready.

        Args:
            control: whether it runs a control of its own.

        Raises:
            RuntimeError: it is not ready within 15 s.
        """
        host = self.lab.hosts["collector"]
        words = (
            "collector",
            "serve",
            "--db",
            str(self.database),
            "--listen",
            f"{COLLECTOR}:{PORT}",
            "--origin",
            ORIGIN,
        )
        if control:
            settings = host.folder / "control.toml"
            settings.write_text(self._settings("collector", Path(), "control", 64502, "NL"))
            words += ("--control", "--accept-risks", "--config", str(settings))
        self.collector = host.spawn(PROBE, *words, environ=self._environ)
        deadline = time.monotonic() + 15
        while host.run("curl", "-sf", "-m", "2", f"{ORIGIN}/readyz").returncode:
            if time.monotonic() > deadline or self.collector.poll() is not None:
                raise RuntimeError(f"the collector is not ready: {_logs(host)}")
            time.sleep(0.1)

    def wait_for_control(self, targets: int, seconds: float = 60) -> None:
        """Wait until the collector serves control facts for a number of targets.

        Raises:
            RuntimeError: it does not within the time.
        """
        deadline = time.monotonic() + seconds
        while (
            len(self.lab.hosts["collector"].run("curl", "-sf", f"{ORIGIN}/api/v1/control").stdout.splitlines())
            < targets
        ):
            if time.monotonic() > deadline or self.ended():
                raise RuntimeError(f"no control: {self.ended() or _logs(self.lab.hosts['control'])}")
            time.sleep(0.3)

    def start_agent(self, name: str, *, role: str = "vantage", asn: int = 0, country: str = "") -> None:
        """Start an agent at a host, with the state in `state(name)` if there is one; it enrols with a token."""
        host = self.lab.hosts[name]
        made = self.lab.hosts["collector"].run(
            PROBE,
            "collector",
            "token",
            "--db",
            str(self.database),
            "--role",
            role,
            "--sponsor",
            name,
            environ=self._environ,
        )
        if made.returncode:
            raise RuntimeError(f"no token for {name}: {made.stderr}")
        token = host.folder / "token"
        token.write_text(made.stdout)
        settings = host.folder / "probe.toml"
        settings.write_text(self._settings(name, token, role, asn, country))
        self.agents[name] = host.spawn(PROBE, "run", "--config", str(settings), environ=self._environ)

    def start_again(self, name: str, environ: Mapping[str, str]) -> None:
        """Start an agent that has ended, with its settings and state.

        Args:
            name: of its host.
            environ: takes the place of what the others get.
        """
        host = self.lab.hosts[name]
        words = ("run", "--config", str(host.folder / "probe.toml"))
        self.agents[name] = host.spawn(PROBE, *words, environ={**self._environ, **environ})

    def state(self, name: str) -> Path:
        """The folder of an agent's state."""
        return self.lab.hosts[name].folder / "state"

    def _settings(self, name: str, token: Path, role: str, asn: int, country: str) -> str:
        sections: dict[str, dict[str, Any]] = {
            "agent": {
                "consent": True,
                "role": role,
                "state": str(self.state(name)),
                "interval": self._interval,
                "collectors": [ORIGIN],
                "token_file": str(token),
                "control_repeat": self._interval * 2,
                "uplink_timeout": 4.0,  # a round asks for control first: a dead line must not delay it for long
            },
            "budget": self._budget,
            "network": {"asn": asn, "country": country},
            "targets": {"services": [], "files": [str(self._list)]},
            "measure": {
                "timeout": self._step,
                "pace": 0,
                "concurrency": 32,
                "trusted_resolvers": list(TRUSTED),
                "anchors": [f"https://{name}/" for name in FOREIGN_ANCHORS],
                "domestic_anchors": [f"https://{name}/" for name in DOMESTIC_ANCHORS],
            },
        }
        return "\n".join(
            f"[{section}]\n" + "\n".join(f"{key} = {json.dumps(value)}" for key, value in keys.items())
            for section, keys in sections.items()
        )

    def ask(self, path: str) -> Any:
        """JSON from the collector's public pages."""
        done = self.lab.hosts["collector"].run("curl", "-sf", "-m", "5", f"{ORIGIN}{path}")
        return json.loads(done.stdout) if done.returncode == 0 else None

    def ended(self) -> str:
        """The program that has ended by itself, with the end of its log; empty when none has."""
        programs = {"collector": self.collector, **self.agents}
        dead = [name for name, program in programs.items() if program.poll() is not None]
        return "\n".join(f"{name}: {_logs(self.lab.hosts[name])}" for name in dead)

    def stop_agents(self) -> None:
        """Send SIGTERM and wait until the agents have sent their outboxes."""
        for agent in self.agents.values():
            agent.terminate()
        for agent in self.agents.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                agent.wait(timeout=15)


def _logs(host: Host) -> str:
    return "".join(log.read_text()[-1500:] for log in sorted(host.folder.glob("*.log")))


@contextlib.contextmanager
def door(host: Host, address: str, port: int) -> Iterator[str]:
    """Forward a port of 127.0.0.1 to an address in the host's namespace; gives `127.0.0.1:PORT`."""
    listener = socket.create_server(("127.0.0.1", 0))
    closing = threading.Event()

    def serve() -> None:
        # A socket belongs to the namespace of the thread that makes it: this thread enters the host's and stays there.
        with Path(f"/proc/{host.pid}/ns/net").open("rb") as space:
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.setns(space.fileno(), _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
        while not closing.is_set():
            try:
                inner, _ = listener.accept()
            except OSError:
                return
            try:
                outer = socket.create_connection((address, port), timeout=5)
            except OSError:
                inner.close()
                continue
            for source, sink in ((inner, outer), (outer, inner)):
                threading.Thread(target=_pump, args=(source, sink), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        closing.set()
        listener.close()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        source.settimeout(None)
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def picture(page: str, file: Path, *, width: int = 1200, height: int = 800) -> str:
    """Let headless Chromium draw a page into a PNG; the problem, empty when there is none."""
    words = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    words += [f"--window-size={width},{height}", f"--screenshot={file.resolve()}"]
    with tempfile.TemporaryDirectory() as profile:
        try:
            done = subprocess.run(
                [*words, f"--user-data-dir={profile}", page], capture_output=True, text=True, timeout=60, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
    return "" if file.exists() else done.stderr[-500:]
