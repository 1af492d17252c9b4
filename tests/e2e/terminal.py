"""Run the program on a terminal of its own and answer its questions."""

from __future__ import annotations

import os
import pty
import select
import signal
from collections.abc import Mapping, Sequence

DEADLINE_SECONDS = 120.0


class Terminal:
    """A command on a pseudo-terminal.

    Args:
        words: the command.
        environ: all of its environment.
    """

    def __init__(self, words: Sequence[str], environ: Mapping[str, str]) -> None:
        self.seen = ""
        self._at = 0
        self._raw = b""
        self._process, self._handle = pty.fork()
        if self._process == 0:
            os.execvpe(words[0], list(words), dict(environ))  # noqa: S606 - the program under test

    def wait_for(self, text: str) -> str:
        """Read until this text comes after what was waited for before; return what came with it."""
        while text not in self.seen[self._at :]:
            assert self._read(), f"ended without {text!r}:\n{self.seen}"
        start, self._at = self._at, self.seen.index(text, self._at) + len(text)
        return self.seen[start : self._at]

    def answer(self, question: str, text: str) -> str:
        """Wait for a question and type an answer; return what was printed up to the question."""
        printed = self.wait_for(question)
        self.type(text + "\n")
        return printed

    def type(self, text: str) -> None:
        """Type something."""
        os.write(self._handle, text.encode())

    def interrupt(self) -> None:
        """Press Ctrl-C until something is printed: Python misses one that comes just before it begins to read."""
        before = len(self.seen)
        while not self.seen[before:].replace("^C", "").strip():
            self.type("\x03")
            while select.select([self._handle], [], [], 1.0)[0]:
                if not self._read():
                    return

    def end(self) -> tuple[int, str]:
        """Wait for the end; the exit status, and all that was printed."""
        while self._read():
            pass
        _, status = os.waitpid(self._process, 0)
        os.close(self._handle)
        return os.waitstatus_to_exitcode(status), self.seen

    def _read(self) -> bool:
        """Read what there is; False at the end."""
        ready, _, _ = select.select([self._handle], [], [], DEADLINE_SECONDS)
        if not ready:
            os.kill(self._process, signal.SIGKILL)
            return False
        try:
            piece = os.read(self._handle, 65536)
        except OSError:  # Linux says EIO where the other end is closed
            return False
        self._raw += piece
        self.seen = self._raw.decode(errors="replace").replace("\r\n", "\n")
        return bool(piece)
