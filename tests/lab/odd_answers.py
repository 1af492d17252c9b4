"""Odd but working HTTP answers, byte for byte. Browsers show each of these pages; each has its source.

`{host}` and `{scheme}` are those of the site. Lengths are filled in by `answer`.
"""

from __future__ import annotations

import gzip

PAGE = b"<html><head><title>An odd server</title></head><body>" + b"It serves as it can. " * 60 + b"</body></html>"
_OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
_SIZED = b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(PAGE) + PAGE
_CHUNKED = b"%x\r\n" % len(PAGE) + PAGE + b"\r\n0\r\n\r\n"


def _moved(location: bytes, status: bytes = b"302 Found") -> bytes:
    return b"HTTP/1.1 " + status + b"\r\nLocation: " + location + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


_COOKED = (
    b"Set-Cookie: seen=1; Path=/\r\nLocation: {scheme}://{host}/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
)
COOKIE_FIRST = b"HTTP/1.1 302 Found\r\n" + _COOKED
"""What a client without the cookie gets (`cookie` in `oddities.py`)."""

ANSWERS: dict[str, bytes] = {
    "early-hints": b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n" + _OK + _SIZED,  # RFC 8297
    "continue": b"HTTP/1.1 100 Continue\r\n\r\n" + _OK + _SIZED,  # RFC 9110, 15.2.1
    "processing-twice": b"HTTP/1.1 102 Processing\r\n\r\n" * 2 + _OK + _SIZED,  # RFC 2518, 10.1
    "unknown-1xx": b"HTTP/1.1 199 Miscellaneous\r\nX-Note: soon\r\n\r\n" + _OK + _SIZED,  # RFC 9110, 15.2
    "blank-before-colon": _OK + b"X-Powered-By : PHP/5\r\n" + _SIZED,  # RFC 9112, 5.1: a proxy removes it
    "line-without-colon": _OK + b"X-Broken header line\r\n" + _SIZED,
    "nul-in-header": _OK + b"X-Session: a\0b\r\n" + _SIZED,
    "leading-crlf": b"\r\n\r\n" + _OK + _SIZED,
    "double-transfer-encoding": _OK + b"Transfer-Encoding: chunked\r\n" * 2 + b"Connection: close\r\n\r\n" + _CHUNKED,
    "empty-content-length": _OK + b"Content-Length: \r\nConnection: close\r\n\r\n" + PAGE,
    "same-length-twice": _OK + b"Content-Length: %d\r\n" % len(PAGE) + _SIZED,
    "length-and-chunks": _OK
    + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    + _CHUNKED,
    "false-gzip": _OK + b"Content-Encoding: gzip\r\n" + _SIZED,
    "cut-gzip": _OK + b"Content-Encoding: gzip\r\nConnection: close\r\n\r\n" + gzip.compress(PAGE)[:-9],
    "large-headers": _OK + b"".join(b"X-Note-%d: %s\r\n" % (n, b"a" * 1000) for n in range(72)) + _SIZED,
    "bare-lf": (_OK + _SIZED).replace(b"\r\n", b"\n"),  # RFC 9112, 2.2
    "no-reason": b"HTTP/1.1 200\r\nContent-Type: text/html\r\n" + _SIZED,
    "version-1-0": b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n" + PAGE,
    "status-999": b"HTTP/1.1 999 Request denied\r\n" + _SIZED,  # LinkedIn, to programs
    "folded-header": _OK + b"X-Long: first\r\n second\r\n" + _SIZED,  # RFC 9112, 5.2
    "utf8-header": _OK + "X-Город: Москва\r\n".encode() + _SIZED,
    "location-with-space": _moved(b"{scheme}://{host}/a page"),
    "location-with-userinfo": _moved(b"{scheme}://user:pass@{host}/next"),
    "location-of-an-app": _moved(b"tg://resolve?domain=channel"),
    "location-intent": _moved(b"intent://open/#Intent;scheme=app;package=org.app;end"),
    "location-empty": _moved(b""),
    "location-without-scheme": _moved(b"//{host}/next"),
    "location-in-cyrillic": _moved("{scheme}://{host}/страница".encode()),
    "permanent-308": _moved(b"{scheme}://{host}/next", b"308 Permanent Redirect"),
    "temporary-307": _moved(b"{scheme}://{host}/next", b"307 Temporary Redirect"),
    "page-beside-redirect": b"HTTP/1.1 302 Found\r\nLocation: {scheme}://{host}/next\r\n" + _SIZED,
}


def answer(kind: str, host: str, scheme: str) -> bytes:
    """The bytes that a site of this kind sends."""
    return ANSWERS[kind].replace(b"{host}", host.encode()).replace(b"{scheme}", scheme.encode())
