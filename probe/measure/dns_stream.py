"""DNS over a stream, each message behind its length (RFC 1035 section 4.2.2, RFC 7858 section 3.3)."""

from __future__ import annotations

import secrets

from probe.measure.failures import ended
from probe.measure.stream import Stream
from probe.measure.wire import Answer, MalformedError, Question
from probe.model.failure import Failure


class FramedLink:
    """Questions over one TCP or TLS connection, one after another. Owns the stream.

    Attributes:
        reusable: whether another question may follow.
    """

    def __init__(self, stream: Stream) -> None:
        self.reusable = True
        self._stream = stream
        self._buffer = b""

    async def ask(self, question: Question) -> Answer:
        """Ask and wait for the answer.

        Raises:
            OSError: the connection broke.
            EOFError: the server closed it.
            Ended: what came is not the answer.
        """
        ident = secrets.randbelow(65536)
        message = question.query(ident)
        await self._stream.send(len(message).to_bytes(2, "big") + message)
        size = int.from_bytes(await self._take(2), "big")
        data = await self._take(size)
        try:
            answer = question.read(data, ident)
        except MalformedError as error:
            raise ended(Failure.GARBAGE, str(error)) from error
        if answer is None:
            raise ended(Failure.GARBAGE, "an answer to another question")
        return answer

    async def _take(self, count: int) -> bytes:
        while len(self._buffer) < count:
            data = await self._stream.receive()
            if not data:
                raise EOFError
            self._buffer += data
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()
