"""Parse and write targets: each has one normal text."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from contextlib import ExitStack
from unittest import mock
from urllib.parse import urlsplit

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
    "http://---.com/": "no valid host name",
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
def test_every_form_of_the_contract_is_parsed_and_written_alike(text: str) -> None:
    """`parse` and `str` are inverse on the written form."""
    assert t.parse(text) == FORMS[text]
    assert str(FORMS[text]) == text


@pytest.mark.parametrize("text", REFUSED)
def test_an_invalid_target_is_refused_with_its_reason(text: str) -> None:
    """One line names the fault; most say how to write the target."""
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
        ("http://[2001:DB8:0::1]:8080/", "http://[2001:db8::1]:8080/"),
        ("http://ΟΔΟΣ-Ω.gr:80/", "http://xn----4lb6abu1b.gr/"),
        ("dns://ΟΔΟΣ-Ω.gr", "dns://xn----4lb6abu1b.gr"),
    ],
)
def test_one_target_has_one_spelling(text: str, normal: str) -> None:
    """Case, default ports, fragments, final dots and other scripts are normalised."""
    assert str(t.parse(text)) == normal


@given(st.text(max_size=60) | st.from_regex(r"(https?|dns|tcp|tls|quic)://[a-z0-9.:/\[\]-]{1,40}", fullmatch=True))
def test_any_text_is_a_target_or_a_target_error(text: str) -> None:
    """Nothing else is raised, and a parsed target is equal to the one parsed from its text."""
    try:
        target = t.parse(text)
    except TargetError:
        return

    assert t.parse(str(target)) == target


class TestNormaliseHost:
    """The host as DNS and TLS carry it."""

    @pytest.mark.parametrize(
        ("text", "host"),
        [
            ("faß.de", "xn--fa-hia.de"),
            ("FA\u1e9e.de", "xn--fa-hia.de"),
            ("Bücher.EXAMPLE.", "xn--bcher-kva.example"),
            ("βόλος.com", "xn--nxasmm1c.com"),
            ("\u03a3\u0391\u03a3.gr", "xn--mxa9ab.gr"),
            ("例え。テスト。", "xn--r8jz45g.xn--zckzah"),
            ("a\u0301.de", "xn--1ca.de"),
            ("\uff25\uff38.com", "ex.com"),
            ("i\u2764.ws", "xn--i-7iq.ws"),
            ("r3---sn-x.пример", "r3---sn-x.xn--e1afmkfd"),
        ],
    )
    def test_a_name_outside_ascii_is_mapped_as_browsers_do_it(self, text: str, host: str) -> None:
        """UTS 46, non-transitional: ß, final sigma and symbols are kept; case, width and dots are mapped."""
        assert t.normalise_host(text) == host

    @pytest.mark.parametrize(
        ("text", "host"),
        [
            ("نامه\u200c\u0627ی.com", "xn--mgba3gch31f060k.com"),
            ("क\u094d\u200dष.com", "xn--11b2ezcw70k.com"),
            ("a\u200cb.com", None),
            ("a\u200db.com", None),
        ],
    )
    def test_a_joiner_is_kept_where_its_context_allows_it(self, text: str, host: str | None) -> None:
        """CONTEXTJ rules of RFC 5892, appendices A.1 and A.2. In a target as in a redirect."""
        assert t.normalise_host(text) == host
        for written in (text, f"https://{text}/", f"dns://{text}"):
            if host is None:
                with pytest.raises(TargetError):
                    t.parse(written)
            else:
                assert host in str(t.parse(written))

    @pytest.mark.parametrize(
        "text",
        [
            "\u0301a.de",
            "xn--ä.de",
            "1אב.com",
            "ä..de",
            "ä b.de",
            "ä/b.de",
            "ä%.de",
            "\ufffd.de",
            "ä" * 59 + ".de",
            "ä\u2488.de",
        ],
    )
    def test_a_name_that_browsers_refuse_is_no_host(self, text: str) -> None:
        """And one line says so."""
        assert t.normalise_host(text) is None
        with pytest.raises(TargetError) as caught:
            t.parse(f"dns://{text}")
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(
        "name",
        ["r3---sn-x.googlevideo.com", "_dmarc.example.org", "a_b.example", "-a.example", "a-.example", "xn--fa-hia.de"],
    )
    def test_an_ascii_name_is_accepted_as_dns_serves_it(self, name: str) -> None:
        """Underscores, and hyphens at the edges or doubled."""
        assert t.normalise_host(name.upper()) == name

    @pytest.mark.parametrize("name", ["-", "---", "a..b", "", ".", "a" * 64, "a." * 127 + "b", "a b", "a/b", "a\n"])
    def test_what_dns_cannot_carry_is_no_host(self, name: str) -> None:
        """A label has 1 to 63 octets and a name at most 253 (RFC 1035); one of hyphens alone is a ruler."""
        assert t.normalise_host(name) is None

    @given(st.text(max_size=80))
    def test_a_host_is_its_own_spelling(self, text: str) -> None:
        """Whatever was read is read the same again."""
        host = t.normalise_host(text)

        assert host is None or (host.isascii() and t.normalise_host(host) == host)

    def test_a_name_without_end_is_refused_at_once(self) -> None:
        """Mapping and composing take time; a name that cannot be valid is not mapped."""
        start = time.process_time()
        for text in ("ä" * 1_000_000, "ä" + ".a" * 500_000, "ä" + "\u0301" * 1_000_000, "\ufdfa" * 1024):
            assert t.normalise_host(text) is None
        assert time.process_time() - start < 2

    def test_ascii_names_load_no_tables(self) -> None:
        """A cron job starts without `idna` where its list has no such names."""
        code = (
            "import sys; from probe.model.target import normalise_host as n; n('a.example');"
            " assert 'idna' not in sys.modules; n('ä.example'); assert 'idna' in sys.modules"
        )
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_canonical_form_of_a_long_target_is_a_target() -> None:
    """A letter outside ASCII takes up to twelve characters there. More than 2,048 are refused in any form."""
    text = "https://news.example.org/" + "д" * 2_000
    target = t.parse(text)

    assert len(str(target)) > 12_000
    assert t.parse(str(target)) == target
    assert not t.is_too_long(str(target))
    for longer in (text + "д" * 100, str(target) + "%D0%B4" * 100, "a" * 30_000, "%41" * 9_000):
        assert t.is_too_long(longer)
        with pytest.raises(TargetError):
            t.parse(longer)


NEVER = re.compile(r"(?!)")
PLAIN = r"https?://[a-z0-9_.-]{1,40}(/[/A-Za-z0-9%:@!$&'()*+,;=~._-]{0,30})?"


def read(text: str) -> t.Target | str:
    """The target, or what is wrong with the text."""
    try:
        return t.parse.__wrapped__(text)
    except TargetError as error:
        return error.what


@given(st.one_of(st.from_regex(PLAIN, fullmatch=True), st.from_regex(r"[a-z0-9_.-]{1,80}", fullmatch=True)))
def test_plain_urls_and_names_are_read_as_all_others_are(text: str) -> None:
    """Most targets are such, and have a shorter way to the same."""
    with ExitStack() as stack:
        for pattern in ("_PLAIN_URL", "_PLAIN_NAME"):
            stack.enter_context(mock.patch.object(t, pattern, NEVER))
        usual = read(text)

    assert read(text) == usual


@given(st.from_regex(r"https?://[A-Za-z0-9.-]{1,20}((:[0-9]{1,4})?/[a-z]{0,5}(\?[a-z]{0,5})?)?", fullmatch=True))
def test_the_parts_of_a_url_are_those_of_the_standard_library(url: str) -> None:
    """The target of a request has a path and, where there is one, a query."""
    parts, known = t.url_parts(url), urlsplit(url)

    assert (parts.scheme, parts.host, parts.port) == (known.scheme, known.hostname or "", known.port)
    assert parts.target == (known.path or "/") + (f"?{known.query}" if known.query else "")
