"""Ask over a TCP or TLS connection, where each DNS message follows its length (RFC 1035 4.2.2, RFC 7858 3.3)."""

from __future__ import annotations

import secrets

from probe.measure.dns_wire import DnsAnswer, DnsQuestion, MalformedDnsError
from probe.measure.failures import Operation, OperationError, classify, operation_error
from probe.measure.socket_io import open_tcp
from probe.measure.step_timeout import StepTimeout
from probe.measure.stream import Stream, TcpStream
from probe.model.failure import Failure
from probe.model.resolver import PlainResolver


class DnsStreamConnection:
    """Ask questions over one TCP or TLS connection, one at a time. Owns the stream."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._buffer = bytearray()

    @property
    def reusable(self) -> bool:
        """Whether another question may follow."""
        return self._stream.reusable

    async def ask(self, question: DnsQuestion) -> DnsAnswer:
        """Send the question and wait for its answer.

        Raises:
            OSError: the connection broke.
            EOFError: the server closed it.
            OperationError: the reply is not the answer.
        """
        ident = secrets.randbelow(65536)
        message = question.message(ident)
        await self._stream.send(len(message).to_bytes(2, "big") + message)
        size = int.from_bytes(await self._read(2), "big")
        data = await self._read(size)
        try:
            answer = question.parse(data, ident)
        except MalformedDnsError as error:
            raise operation_error(Failure.GARBAGE, str(error)) from error
        if answer is None:
            raise operation_error(Failure.GARBAGE, "an answer to another question")
        return answer

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    async def _read(self, size: int) -> bytes:
        while len(self._buffer) < size:
            data = await self._stream.receive()
            if not data:
                raise EOFError
            self._buffer += data
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data


async def ask_over_tcp(resolver: PlainResolver, question: DnsQuestion, seconds: float) -> DnsAnswer:
    """Ask one question over a TCP connection of its own.

    Raises:
        OperationError: the connection failed, or no answer came.
    """
    sock = await open_tcp(resolver.address, resolver.port, seconds)
    connection = DnsStreamConnection(TcpStream(sock))
    try:
        with StepTimeout(seconds):
            return await connection.ask(question)
    except Exception as error:
        raise OperationError(classify(error, Operation.STREAM)) from error
    finally:
        connection.close()
