"""What a glance of each kind says over its TCP connection, and how it reads the answer."""

from __future__ import annotations

from typing import ClassVar

from probe.measure.failures import operation_error
from probe.measure.glance.client_hello import ClientHelloTemplates
from probe.measure.glance.server_hello import read_server_hello
from probe.measure.glance.tcp_glance import AnswerReader
from probe.model.failure import Failure
from probe.model.glance import GlanceKind, GlanceRequest
from probe.model.hop import Layer

_TLS, _HTTP = GlanceKind.TLS, GlanceKind.HTTP


class ConnectionReader:
    """TCP: the open connection is all that is wanted."""

    __slots__ = ()
    layer: ClassVar[Layer] = Layer.TCP
    late_layer: ClassVar[Layer] = Layer.TCP

    def message(self) -> bytes:
        """Return nothing."""
        return b""

    def read(self, data: bytes, *, ended: bool) -> str | None:
        """Return nothing: no answer is waited for."""
        del data, ended
        return ""


class HelloReader:
    """TLS: a ClientHello, and what identifies the ServerHello or the certificate."""

    __slots__ = ("_message", "_session")
    layer: ClassVar[Layer] = Layer.TLS
    late_layer: ClassVar[Layer] = Layer.TLS

    def __init__(self, request: GlanceRequest, hellos: ClientHelloTemplates) -> None:
        self._message, self._session = hellos.pack(request.sni)

    def message(self) -> bytes:
        """Return the ClientHello."""
        return self._message

    def read(self, data: bytes, *, ended: bool) -> str | None:
        """Return what identifies the server; see `AnswerReader.read`."""
        del ended
        return read_server_hello(data, self._session)


class PageReader:
    """HTTP in clear: a GET, and what identifies the page."""

    __slots__ = ("_message", "_url")
    layer: ClassVar[Layer] = Layer.HTTP
    late_layer: ClassVar[Layer] = Layer.BODY

    def __init__(self, request: GlanceRequest) -> None:
        from probe.measure.glance.page_beginning import page_request  # noqa: PLC0415 - HTTP is loaded when it is needed

        try:
            self._message = page_request(request)
        except ValueError as error:
            raise operation_error(Failure.LOCAL, str(error)) from error
        self._url = f"http://{request.host_header}{request.path}"

    def message(self) -> bytes:
        """Return the GET."""
        return self._message

    def read(self, data: bytes, *, ended: bool) -> str | None:
        """Return what identifies the page; see `AnswerReader.read`."""
        from probe.measure.glance.page_beginning import read_page_beginning  # noqa: PLC0415 - as above

        return read_page_beginning(data, self._url, ended=ended)


def reader_for(request: GlanceRequest, hellos: ClientHelloTemplates) -> AnswerReader:
    """Return the reader for a kind of glance over TCP.

    Raises:
        OperationError: what is to be sent cannot be made.
    """
    if request.kind is _TLS:
        return HelloReader(request, hellos)
    return PageReader(request) if request.kind is _HTTP else ConnectionReader()
