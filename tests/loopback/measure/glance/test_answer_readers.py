"""Each kind of glance has the reader of its protocol."""

from __future__ import annotations

import pytest

from probe.measure.failures import OperationError
from probe.measure.glance.answer_readers import ConnectionReader, HelloReader, PageReader, reader_for
from probe.measure.glance.client_hello import ClientHelloTemplates
from probe.model.glance import glance_requests
from probe.model.hop import Layer
from probe.model.target import parse


@pytest.mark.parametrize(
    ("target", "reader", "layers", "begin"),
    [
        ("tcp://192.0.2.1:22", ConnectionReader, (Layer.TCP, Layer.TCP), b""),
        ("tls://192.0.2.1:443/a.example", HelloReader, (Layer.TLS, Layer.TLS), b"\x16\3\1"),
        ("http://a.example/", PageReader, (Layer.HTTP, Layer.BODY), b"GET / HTTP/1.1\r\nHost: a.example\r\n"),
    ],
)
def test_a_kind_has_its_reader(target: str, reader: type, layers: tuple[Layer, Layer], begin: bytes) -> None:
    """With its message, and its layers of failures."""
    made = reader_for(glance_requests(parse(target))[0], ClientHelloTemplates())

    assert isinstance(made, reader)
    assert (made.layer, made.late_layer) == layers
    assert made.message().startswith(begin)
    assert bool(made.message()) == bool(begin)


def test_a_path_that_is_no_request_is_refused() -> None:
    """A line end in it would be a second header."""
    (request,) = glance_requests(parse("http://a.example/"))
    made = type(request)(text="x", kind=request.kind, name="a.example", port=80, path="/\r\nX: y")

    with pytest.raises(OperationError, match="do not make a request"):
        reader_for(made, ClientHelloTemplates())
