"""What a process imports: a check of one kind of target, and a round for cron, import what they need and nothing else.

Python spends most of a short process on imports, and an agent of cron is a short process. The bounds are numbers of
modules of ours, a tenth above today's.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from probe.cli.program import COMMANDS

HEAVY = frozenset(
    {
        *("aiohttp", "rich", "click", "jinja2", "cryptography", "dns", "aioquic", "h2", "h11", "scapy", "idna"),
        *("charset_normalizer", "statistics", "importlib.resources", "dataclasses", "tempfile", "email", "http"),
    }
)
"""Libraries, and large modules of Python's own, that none of these processes needs."""
SCRIPT = """
import json, sys
from probe.cli import main
status = main(sys.argv[1:])
print(json.dumps([status, sorted(sys.modules)]), file=sys.stderr)
"""
QUIET = ["--json", "--anchor=", "--trusted-resolver="]


def imported(words: list[str], environ: dict[str, str] | None = None, status: int = 0) -> set[str]:
    """The modules that are imported at the end of a process with this command line, which ends with this status."""
    inherited = {key: value for key, value in os.environ.items() if key not in {"COLUMNS", "PYTHONPATH"}}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *words],
        capture_output=True,
        text=True,
        check=True,
        env={**inherited, **(environ or {})},
        timeout=60,
    )
    found, modules = json.loads(done.stderr.splitlines()[-1])
    assert found == status, done.stdout + done.stderr
    return set(modules)


def heavy(modules: set[str], allowed: frozenset[str] = frozenset()) -> set[str]:
    """Which of the heavy modules are among them."""
    return {name for name in HEAVY - allowed if name in modules}


def ours(modules: set[str], room: str = "probe") -> set[str]:
    """The modules of ours in one room."""
    return {name for name in modules if name == room or name.startswith(f"{room}.")}


@contextlib.contextmanager
def served(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port of 127.0.0.1 whose connections are served one after another."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def run() -> None:
            with contextlib.suppress(OSError):  # closed at the end of the block
                while True:
                    with contextlib.suppress(ssl.SSLError, ConnectionError), server.accept()[0] as connection:
                        talk(connection)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def closing(connection: socket.socket) -> None:
    """Close the connection at once."""
    connection.close()


def test_the_version_and_the_help_import_no_library() -> None:
    for words in (["--version"], ["--help"]):
        modules = imported(words)

        assert not heavy(modules)
        assert not {"asyncio", "msgspec", "ssl"} & modules
        assert len(ours(modules)) <= 6


def test_a_check_of_an_address_imports_no_judge_of_names_or_pages() -> None:
    with served(closing) as port:
        modules = imported(["check", *QUIET, f"tcp://127.0.0.1:{port}"])

    judges = {name.rpartition(".")[2] for name in ours(modules, "probe.judge")}
    assert not heavy(modules)
    assert not judges & {"dns", "name_answers", "throttling", "quic", "ranges", "pages", "blockpages", "clear_pages"}
    assert not judges & {"anchor_content", "moved", "line_load"}
    assert not ours(modules, "probe.agent")
    assert not ours(modules, "probe.lists")
    assert not {"probe.measure.certificates", "probe.measure.encrypted_resolver", "probe.measure.fetch"} & modules
    assert "rich" not in imported(["check", *QUIET[1:], "tcp://127.0.0.1:1"], status=1), "a table for a file needs none"
    assert not {"tomllib", "secrets", "uuid.getnode", "sqlite3", "gzip"} & modules
    assert len(ours(modules)) <= 106


def test_a_check_of_a_page_imports_no_library(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 28\r\nConnection: close\r\n\r\n<html><title>Hi</title></html>"

    def page(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            secured.recv(4096)
            secured.sendall(answer)

    with served(page) as port:
        environ = {"SSL_CERT_FILE": str(tmp_path / "ca.pem")}
        modules = imported(["check", *QUIET, f"https://127.0.0.1:{port}/"], environ)

    assert not heavy(modules)
    assert not ours(modules, "probe.agent")
    assert not {"probe.measure.http2_get", "probe.measure.quic", "probe.measure.trace", "probe.measure.send"} & modules
    assert not {"probe.judge.quic", "probe.judge.ranges", "tomllib", "sqlite3"} & modules
    assert len(ours(modules)) <= 125


@pytest.mark.parametrize("collectors", [[], ["http://127.0.0.1:1"]])
def test_a_round_for_cron_imports_no_library(collectors: list[str], tmp_path: Path) -> None:
    """Neither does its upload, to a collector that does not answer here."""
    with served(closing) as port:
        (tmp_path / "list.txt").write_text(f"tcp://127.0.0.1:{port}\n")
        (tmp_path / "probe.toml").write_text(
            f"[agent]\nconsent = true\nonce_delay = 0\nstate = {json.dumps(str(tmp_path / 'state'))}\n"
            f"collectors = {json.dumps(collectors)}\n"
            f"[targets]\nservices = []\nfiles = [{json.dumps(str(tmp_path / 'list.txt'))}]\n"
            "[measure]\nanchors = []\ntrusted_resolvers = []\n"
        )
        words = ["run", "--once", "--config", str(tmp_path / "probe.toml")]
        imported(words, status=int(bool(collectors)))  # the first round begins the state
        modules = imported(words, status=int(bool(collectors)))

    key = frozenset({"cryptography", "email", "http"})
    """A batch is signed; the environment may name a proxy, which Python's own client finds."""
    assert not heavy(modules, frozenset({"dataclasses"}) | (key if collectors else frozenset()))
    assert not {"probe.measure.certificates", "probe.measure.fetch", "probe.judge.pages"} & modules
    assert len(ours(modules)) <= 185


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_help_of_every_command_is_printed(name: str) -> None:
    """Commands with a table of options get theirs from click, too."""
    done = subprocess.run(
        [sys.executable, "-m", "probe", name, "--help"], capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 0
    assert done.stdout.startswith(f"Usage: probe {name} ")
