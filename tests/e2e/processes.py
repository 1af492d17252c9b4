"""Run the program as a process, and serve small targets for it on 127.0.0.1."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

NOTHING = ["--anchor", "", "--domestic-anchor", "", "--trusted-resolver", "", "--pace", "0"]
"""Options with which `probe check` contacts its targets only."""


def environment(**more: str) -> dict[str, str]:
    """The environment of this process without the user's settings for probe."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PROBE_", "XDG_"))}
    return kept | {"XDG_CONFIG_HOME": "/nonexistent", "NO_PROXY": "127.0.0.1"} | more


def command(*words: str) -> list[str]:
    """The command line that runs the program from this tree."""
    return [sys.executable, "-m", "probe", *words]


def probe(*words: str, stdin: str | bytes = b"", **environ: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command of the program to its end."""
    given = stdin.encode() if isinstance(stdin, str) else stdin
    return subprocess.run(
        command(*words), input=given, capture_output=True, env=environment(**environ), check=False, timeout=120
    )


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b"<title>A page</title>" + b"x" * 500
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        return


@contextmanager
def web_server() -> Iterator[str]:
    """Run a web server; yields its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Page)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def settings(folder: Path, targets: list[str], **agent: object) -> Path:
    """A settings file for an agent that contacts these targets and nothing else; its state is in `folder/state`."""
    (folder / "targets.txt").write_text("".join(f"{target}\n" for target in targets))
    options = {"consent": True, "state": str(folder / "state"), **agent}
    path = folder / "probe.toml"
    path.write_text(
        "[agent]\n"
        + "".join(f"{name} = {json.dumps(value)}\n" for name, value in options.items())
        + f"[targets]\nservices = []\nfiles = [{json.dumps(str(folder / 'targets.txt'))}]\n"
        + "[measure]\nanchors = []\ntrusted_resolvers = []\npace = 0\ntimeout = 30\n"
    )
    return path


@dataclass
class Served:
    """A collector process."""

    origin: str
    db: Path

    def token(self, role: str = "vantage") -> bytes:
        """A one-time token."""
        done = probe("collector", "token", "--db", str(self.db), "--sponsor", "me", "--role", role)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ask(self, path: str) -> str:
        """The answer to a GET."""
        with urllib.request.urlopen(self.origin + path, timeout=60) as answer:  # noqa: S310 - loopback
            return str(answer.read().decode())


@contextmanager
def collector_process(folder: Path) -> Iterator[Served]:
    """Run a collector with its database in this folder."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    origin = f"http://127.0.0.1:{port}"
    db = folder / "collector.sqlite"
    process = subprocess.Popen(
        command("collector", "serve", "--db", str(db), "--listen", f"127.0.0.1:{port}", "--origin", origin),
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment(),
    )  # fmt: skip
    assert process.stdout is not None
    assert b"http" in process.stdout.readline()
    yield Served(origin, db)
    process.terminate()
    process.communicate(timeout=60)
