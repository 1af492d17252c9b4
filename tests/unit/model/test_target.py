"""One string a target, and the same string back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.errors import TargetError
from probe.model import target as t

FORMS = {
    "https://example.com/": t.UrlTarget("https", "example.com", 443, "/"),
    "http://example.com:8080/a?b=c": t.UrlTarget("http", "example.com", 8080, "/a?b=c"),
    "https://[2001:db8::1]:8443/": t.UrlTarget("https", "2001:db8::1", 8443, "/"),
    "example.com": t.DomainTarget("example.com"),
    "dns://example.com": t.DnsTarget("example.com"),
    "tcp://192.0.2.1:80": t.TcpTarget("192.0.2.1", 80),
    "tcp://[2001:db8::1]:80": t.TcpTarget("2001:db8::1", 80),
    "tls://192.0.2.1:443/example.com": t.TlsTarget("192.0.2.1", 443, "example.com"),
    "quic://example.com:443": t.QuicTarget("example.com", 443),
    "quic://[2001:db8::1]:443": t.QuicTarget("2001:db8::1", 443),
    "203.0.113.0/24": t.RangeTarget("203.0.113.0/24"),
    "203.0.113.0/24:80": t.RangeTarget("203.0.113.0/24", 80),
    "2001:db8::/32": t.RangeTarget("2001:db8::/32"),
    "[2001:db8::/32]:80": t.RangeTarget("2001:db8::/32", 80),
}

REFUSED = {
    "": "not a target",
    "a b": "not a target",
    "x" * 3000: "not a target",
    "ftp://example.com": "unknown scheme",
    "https://": "no valid host name",
    "https://user:secret@example.com/": "user name",
    "https://example.com:0/": "port",
    "https://example.com:99999/": "not a URL",
    "https://[::1/": "not a URL",
    "http://-bad-.com/": "no valid host name",
    "192.0.2.1": "without a port",
    "2001:db8::1": r"write tcp://\[2001:db8::1\]:443",
    "example.com/path": "neither a URL nor a range",
    "203.0.113.1/24": "neither a URL nor a range",
    "203.0.113.0/24:0": "port",
    "dns://192.0.2.1": "address where a name belongs",
    "tcp://example.com:443": "no IP address",
    "tcp://192.0.2.1": "lacks a port",
    "tcp://2001:db8::1:80": "lacks a port",
    "tcp://192.0.2.1:65536": "port",
    "tls://192.0.2.1:443": "lacks a server name",
    "tls://192.0.2.1:443/": "lacks a server name",
    "quic://example.com": "lacks a port",
    "xn--" + "a" * 70 + ".com": "no valid host name",
    "\u2603" * 100 + ".com": "no valid host name",
}


@pytest.mark.parametrize("text", FORMS)
def test_every_form_of_the_contract_is_read_and_written_alike(text: str) -> None:
    """`parse` and `str` are inverse on the written form."""
    assert t.parse(text) == FORMS[text]
    assert str(FORMS[text]) == text


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_target_is_refused_with_its_reason(text: str) -> None:
    """One line says what is wrong; most say how to write it."""
    with pytest.raises(TargetError, match=REFUSED[text]) as caught:
        t.parse(text)

    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("HTTPS://Example.COM", "https://example.com/"),
        ("https://example.com:443/#top", "https://example.com/"),
        ("  example.com. ", "example.com"),
        ("пример.рф", "xn--e1afmkfd.xn--p1ai"),
        ("https://example.com/поиск", "https://example.com/%D0%BF%D0%BE%D0%B8%D1%81%D0%BA"),
        ("zona_qa.example.com", "zona_qa.example.com"),
        ("tcp://[2001:DB8:0::1]:80", "tcp://[2001:db8::1]:80"),
    ],
)
def test_one_target_has_one_spelling(text: str, normal: str) -> None:
    """Case, default ports, fragments, final dots and other scripts end up alike."""
    assert str(t.parse(text)) == normal


@given(st.text(max_size=60) | st.from_regex(r"(https?|dns|tcp|tls|quic)://[a-z0-9.:/\[\]-]{1,40}", fullmatch=True))
def test_any_text_is_a_target_or_a_target_error(text: str) -> None:
    """Nothing else is raised, and what is read is read the same from its own spelling."""
    try:
        target = t.parse(text)
    except TargetError:
        return

    assert t.parse(str(target)) == target
