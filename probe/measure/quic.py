"""QUIC: a handshake over our own UDP socket, and a look at the same tuple some seconds later (aioquic, an extra).

aioquic is used without I/O: it says which datagrams to send and when to wake it, this module owns the socket and the
clock. The Initial is QUIC v1 with the ALPN of HTTP/3, padded to 1,200 bytes as every client's (RFC 9000 section 14.1).
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import socket
import ssl
from typing import TYPE_CHECKING, Any

from probe.errors import ProbeError
from probe.measure.budget import MAX_CONNECTION_BYTES, Budget
from probe.measure.certificates import system_certificates
from probe.measure.failures import FailureInfo, Operation, OperationError, classify, operation_error
from probe.measure.step_timeout import StepTimeout
from probe.measure.tools import Emit, Timestamps, Tools
from probe.model.failure import Failure
from probe.model.observation import QuicExchange
from probe.model.step import QuicHandshake

if TYPE_CHECKING:
    from aioquic.quic.connection import QuicConnection

_CRYPTO_ERROR = 0x100
"""Added to a TLS alert's number in a CONNECTION_CLOSE (RFC 9001 section 4.8)."""
_ABOUT_CERTIFICATES = frozenset({42, 43, 44, 45, 46, 48})
"""Alerts about the other side's certificate (RFC 8446 section 6.2). We show none, so they are ours on the server's."""
_MAX_BYTES = MAX_CONNECTION_BYTES - 65535
"""Bytes read in one step, so that the last datagram stays within what was set aside for a connection."""
_MAX_DATAGRAMS = 4096
"""Datagrams read in one step: a handshake takes about ten, a flood must end."""


def require_aioquic() -> None:
    """Make sure that QUIC can be spoken here.

    Raises:
        ProbeError: the package is not installed; says how to install it.
    """
    if importlib.util.find_spec("aioquic") is None:
        raise ProbeError("QUIC needs the package aioquic", mend="pip install 'reachability-probe[quic]'")


async def quic(step: QuicHandshake, tools: Tools, timestamps: Timestamps, emit: Emit) -> None:
    """Shake hands; where that works, look again later on the same tuple."""
    loop = asyncio.get_running_loop()
    async with tools.connection(step.address):
        client = None
        start = loop.time()
        failed: FailureInfo | None = None
        try:
            client = _QuicClient(step, tools.pace.budget)
            async with tools.concurrency.handshake_slot():
                start = loop.time()
                with StepTimeout(tools.timeout):
                    await client.handshake()
        except Exception as error:
            failed = classify(error, Operation.DATAGRAM)
            if failed.failure is Failure.BUG:
                raise
        except BaseException:
            if client is not None:
                await client.close()
            raise
        try:
            emit(_seen(step, client, failed, timestamps.fields(start, loop.time())))
            if client is not None and failed is None and step.later:
                await _look_again(step, client, tools, timestamps, emit)
        finally:
            if client is not None:
                await client.close()


async def _look_again(
    step: QuicHandshake, client: _QuicClient, tools: Tools, timestamps: Timestamps, emit: Emit
) -> None:
    """A PING some seconds later: every endpoint answers one, and it costs a packet where a new Initial costs ten.

    A server that has closed the connection by then has been heard; nothing is emitted of it.
    """
    loop = asyncio.get_running_loop()
    done = loop.time()
    if not await client.rest(done + step.later):
        return
    start = loop.time()
    failed = None
    client.answered = False
    try:
        with StepTimeout(tools.timeout):
            await client.ping()
    except Exception as error:
        failed = classify(error, Operation.DATAGRAM)
        if failed.failure is Failure.BUG:
            raise
    emit(_seen(step, client, failed, timestamps.fields(start, loop.time()), gap=round((start - done) * 1000)))


def _seen(
    step: QuicHandshake, client: _QuicClient | None, failed: FailureInfo | None, fields: dict[str, Any], gap: int = 0
) -> QuicExchange:
    return QuicExchange(
        address=step.address,
        port=step.port,
        sni=step.sni,
        verified=failed is None and step.verify,
        alpn=client.alpn if client is not None else "",
        alert=failed.alert if failed else "",
        answered=client is not None and client.answered,
        gap=gap,
        failure=failed.failure if failed else None,
        detail=failed.detail if failed else "",
        **fields,
    )


class _QuicClient:
    """One QUIC connection on one socket.

    Attributes:
        answered: a datagram came back.
        alpn: the protocol that was agreed on.

    Raises:
        OperationError: this host has no way there.
    """

    def __init__(self, step: QuicHandshake, budget: Budget) -> None:
        self._budget = budget
        self.answered = False
        self.alpn = ""
        self._loop = asyncio.get_running_loop()
        self._where = (step.address, step.port)
        self._read = self._octets = 0
        self._coming: asyncio.Task[bytes] | None = None
        self._quic = _connection(step)
        try:
            self._sock = socket.socket(socket.AF_INET6 if ":" in step.address else socket.AF_INET, socket.SOCK_DGRAM)
            try:
                self._sock.setblocking(False)
                self._sock.connect(self._where)
            except BaseException:
                self._sock.close()
                raise
        except OSError as error:
            raise OperationError(classify(error, Operation.DATAGRAM, at_once=True)) from error

    async def handshake(self) -> None:
        """From Initial to the server's Finished.

        Raises:
            OperationError: the server, or what it showed, ended it. OSError when an ICMP error came back.
        """
        from aioquic.quic.events import HandshakeCompleted  # noqa: PLC0415 - an extra, loaded when it is needed

        self._quic.connect(self._where, now=self._loop.time())
        done = await self._until(HandshakeCompleted)
        self.alpn = done.alpn_protocol or ""

    async def rest(self, until: float) -> bool:
        """Keep the connection until a moment on the loop's clock; False when the other side ended it before."""
        try:
            await self._until(None, until)
        except (OperationError, OSError):
            return False
        return True

    async def ping(self) -> None:
        """Send a PING and wait for its acknowledgement; a server that closes now has answered, too.

        Raises:
            OSError: an ICMP error came back.
        """
        from aioquic.quic.events import PingAcknowledged  # noqa: PLC0415 - as above

        self._quic.send_ping(1)
        try:
            await self._until(PingAcknowledged)
        except OperationError:
            if not self.answered:
                raise operation_error(Failure.TIMEOUT) from None

    async def _until(self, wanted: type | None, moment: float | None = None) -> Any:
        """Drive the connection to an event of this kind, or to a moment."""
        from aioquic.quic.events import ConnectionTerminated  # noqa: PLC0415 - as above

        while moment is None or self._loop.time() < moment:
            self._flush()
            while (event := self._quic.next_event()) is not None:
                if isinstance(event, ConnectionTerminated):
                    raise OperationError(_termination(event.error_code, event.reason_phrase))
                if wanted is not None and isinstance(event, wanted):
                    return event
            # aioquic says that a connection is closed only after its draining period of a second or so (RFC 9000
            # section 10.2). What closed it is known at once; where a later aioquic hides it, we wait.
            closed = getattr(self._quic, "_close_event", None)
            if closed is not None:
                raise OperationError(_termination(closed.error_code, closed.reason_phrase))
            await self._wait(moment)
        return None

    async def _wait(self, moment: float | None) -> None:
        """For the next datagram or the connection's own timer."""
        times = [time for time in (self._quic.get_timer(), moment) if time is not None]
        if self._coming is None:
            self._coming = asyncio.create_task(self._loop.sock_recv(self._sock, 65535))
        rest = max(0.0, min(times) - self._loop.time()) if times else None
        await asyncio.wait({self._coming}, timeout=rest)
        now = self._loop.time()
        if self._coming.done():
            coming, self._coming = self._coming, None
            self.answered = True
            try:
                data = coming.result()
            except OSError:
                self.answered = False
                raise
            self._budget.count(len(data))
            self._read += 1
            self._octets += len(data)
            if self._read > _MAX_DATAGRAMS or self._octets > _MAX_BYTES:
                raise operation_error(Failure.TOO_MUCH, "datagrams")
            self._quic.receive_datagram(data, self._where, now=now)
        timer = self._quic.get_timer()
        if timer is not None and timer <= now:
            self._quic.handle_timer(now=now)

    def _flush(self) -> None:
        for data, _ in self._quic.datagrams_to_send(now=self._loop.time()):
            try:
                self._sock.send(data)
            except BlockingIOError:
                return  # as good as lost: the connection sends again

    async def close(self) -> None:
        """Take leave and close the socket, once nobody waits for it any more.

        A socket that is closed while a read of it is pending stays known to the event loop for one more turn, and the
        next socket, which gets the same number, then fails (ENOENT from epoll) or loses its reader.
        """
        self._quic.close()
        with contextlib.suppress(OSError):  # nobody may be there to take leave of
            self._flush()
        try:
            if self._coming is not None:
                self._coming.cancel()
                await asyncio.wait({self._coming})
        finally:
            self._sock.close()


def _connection(step: QuicHandshake) -> QuicConnection:
    from aioquic.quic.configuration import QuicConfiguration  # noqa: PLC0415 - an extra, loaded when it is needed
    from aioquic.quic.connection import QuicConnection  # noqa: PLC0415

    cafile, capath, cadata = system_certificates()
    configuration = QuicConfiguration(
        is_client=True,
        alpn_protocols=["h3"],
        server_name=step.sni or step.address,
        verify_mode=ssl.CERT_REQUIRED if step.verify else ssl.CERT_NONE,
        cafile=cafile,
        capath=capath,
        cadata=cadata,
    )
    return QuicConnection(configuration=configuration)


def _termination(code: int, reason: str) -> FailureInfo:
    """The word for a connection that was closed, by us for the server's certificate or by the server."""
    alert = code - _CRYPTO_ERROR
    if not 0 <= alert <= 255:
        return operation_error(Failure.EOF, f"QUIC error {code:#x} {reason}".strip()).info
    if alert in _ABOUT_CERTIFICATES:
        return operation_error(Failure.CERTIFICATE, reason).info
    try:
        name = ssl.AlertDescription(alert).name.removeprefix("ALERT_DESCRIPTION_").lower()
    except ValueError:
        name = f"alert_{alert}"
    return FailureInfo(Failure.ALERT, name, name)
