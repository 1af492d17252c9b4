"""A host of the lab: a network namespace and a mount namespace, held open by one sleeping process.

Namespaces have no name in the file system and last as long as their holder. The holder and every program started in
the namespaces end with the thread that made them (PR_SET_PDEATHSIG), so main threads make hosts. A lab that is killed
with SIGKILL leaves no process, only a folder of files. Several labs can run side by side with the same addresses.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[2]
"""The checkout: programs of the lab start as `python -m tests.lab.<program>` from here."""


def dying_with_us() -> tuple[str, ...]:
    """The words before a command whose process ends with this one, also where this one ends before they are read."""
    return ("setpriv", "--pdeathsig", "KILL", "sh", "-c", '[ "$PPID" = "$0" ] && exec "$@"', str(os.getpid()))


class Host:
    """One namespace with its own interfaces, routes, `resolv.conf` and `hosts`.

    Args:
        name: for logs.
        folder: for its files; made when missing.
        resolvers: addresses for `resolv.conf`.
        names: further lines of `hosts`, address -> names.
    """

    def __init__(
        self, name: str, folder: Path, resolvers: Sequence[str] = (), names: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.folder = folder / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self._programs: list[subprocess.Popen[bytes]] = []
        self._write(
            "resolv.conf", [f"nameserver {address}" for address in resolvers] + ["options timeout:2 attempts:1"]
        )
        lines = {"127.0.0.1": "localhost", "::1": "localhost", **(names or {})}
        self._write("hosts", [f"{address} {name}" for address, name in lines.items()])
        binds = "".join(f"mount --bind {self.folder}/{file} /etc/{file}; " for file in ("resolv.conf", "hosts"))
        script = f"{binds} ip link set lo up; echo up; exec sleep infinity"
        self._holder = subprocess.Popen(
            [*dying_with_us(), "unshare", "--net", "--mount", "--propagation", "private", "sh", "-ec", script],
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
        )

    def _write(self, file: str, lines: Sequence[str]) -> None:
        (self.folder / file).write_text("\n".join(lines) + "\n")

    def wait_until_up(self) -> None:
        """Return once the namespaces exist.

        Raises:
            RuntimeError: they could not be made (no privilege, no kernel support).
        """
        assert self._holder.stdout is not None
        with self._holder.stdout as stdout:
            if stdout.readline() != b"up\n":
                raise RuntimeError(f"the lab cannot make a network namespace for {self.name}")

    @property
    def pid(self) -> int:
        """The process whose namespaces these are."""
        return self._holder.pid

    def command(self, *words: str) -> list[str]:
        """The command that runs `words` inside; its process keeps its own id and signals, and ends with this one."""
        space = f"/proc/{self.pid}/ns"
        return [
            *dying_with_us(),
            "nsenter",
            f"--net={space}/net",
            f"--mount={space}/mnt",
            f"--wdns={ROOT}",
            "--",
            *words,
        ]

    def run(
        self, *words: str, stdin: str | None = None, timeout: float = 60, environ: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command inside to its end and return its output, also after a failure."""
        return subprocess.run(
            self.command(*words),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            env={**os.environ, **(environ or {})},
            check=False,
        )

    def must(self, *words: str, stdin: str | None = None) -> str:
        """Run a command of the lab's own set-up.

        Raises:
            RuntimeError: it failed; with its output.
        """
        done = self.run(*words, stdin=stdin)
        if done.returncode:
            raise RuntimeError(f"{self.name}: {' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def spawn(
        self, *words: str, environ: Mapping[str, str] | None = None, stdout: IO[bytes] | int | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a program inside that lives until `close`; its output goes to a log in the host's folder."""
        log = self.folder / f"{Path(words[0]).name}-{len(self._programs)}.log"
        with log.open("ab") as errors:
            program = subprocess.Popen(
                self.command(*words),
                stdin=subprocess.DEVNULL,
                stdout=errors if stdout is None else stdout,
                stderr=errors,
                env={**os.environ, **(environ or {})},
            )
        self._programs.append(program)
        return program

    def spawn_ours(self, module: str, *arguments: str) -> None:
        """Start a program of the lab (`python -m tests.lab.<module>`) and wait until it prints `ready`.

        Raises:
            RuntimeError: it ended before it was ready; with the end of its log.
        """
        program = self.spawn(sys.executable, "-u", "-m", f"tests.lab.{module}", *arguments, stdout=subprocess.PIPE)
        assert program.stdout is not None
        if program.stdout.readline() != b"ready\n":
            logs = "".join(log.read_text()[-2000:] for log in sorted(self.folder.glob("*.log")))
            raise RuntimeError(f"{module} did not start on {self.name}: {logs}")

    def close(self) -> None:
        """End every program started here, then the namespaces."""
        for program in [*reversed(self._programs), self._holder]:
            program.kill()
        for program in [*self._programs, self._holder]:
            program.wait()
            if program.stdout is not None:
                program.stdout.close()
