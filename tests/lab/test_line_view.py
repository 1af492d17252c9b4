"""What is read from a capture, and which packets are called odd."""

from __future__ import annotations

import ssl
import struct
from pathlib import Path

import dns.message
import pytest

from probe.measure.dns_wire import EDNS_RECORD
from probe.measure.glance.client_hello import ClientHelloTemplates
from probe.measure.http_get import BROWSER_HEADERS
from tests.lab import wire
from tests.lab.line_view import Hello, LineView, Question, Request, Sent, read, read_hello, read_question, read_request
from tests.lab.odd_packets import (
    BROWSER_HELLOS,
    Oddity,
    first_contacts,
    odd_packets,
    rank_correlation,
    summary,
    whose_hello,
)
from tests.lab.wire import ACK, PSH, SYN, TCP, UDP, Packet

OWN, SERVER, RESOLVER = "95.24.1.2", "151.1.80.1", "95.24.255.53"
NAME = "www.a.example"
ZONE = {NAME: [SERVER]}


def packed(address: str) -> bytes:
    return bytes(map(int, address.split(".")))


def hello_of_ssl(name: str, *protocols: str) -> bytes:
    """A ClientHello of Python's ssl, as it comes."""
    context, incoming, outgoing = ssl.create_default_context(), ssl.MemoryBIO(), ssl.MemoryBIO()
    if protocols:
        context.set_alpn_protocols(list(protocols))
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname=name).do_handshake()
    return outgoing.read()


def capture(file: Path, *sent: Packet) -> Path:
    """A pcap of Ethernet with these packets, a second apart."""
    octets = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    for second, one in enumerate(sent):
        frame = bytes(12) + b"\x08\x00" + wire.build(one)
        octets += struct.pack("<IIII", second, 0, len(frame), len(frame)) + frame
    file.write_bytes(octets)
    return file


def to(address: str, port: int, payload: bytes = b"", flags: int = PSH | ACK, protocol: int = TCP) -> Packet:
    return Packet(packed(OWN), packed(address), protocol, 40000, port, payload, flags=flags)


def query(name: str, address: str = RESOLVER) -> Packet:
    return to(address, 53, dns.message.make_query(name, "A").to_wire(), protocol=UDP)


def answer(name: str, address: str) -> Packet:
    octets = wire.forged_answer(dns.message.make_query(name, "A").to_wire(), address)
    assert octets is not None
    return Packet(packed(RESOLVER), packed(OWN), UDP, 53, 40000, octets)


def odd(view: LineView, zone: dict[str, list[str]] = ZONE) -> list[Oddity]:
    return [why for _, why in odd_packets(view, zone, [RESOLVER])]


def test_the_hello_of_a_glance_is_a_browsers_by_ja4() -> None:
    """JA4 sorts what the browser shuffles."""
    hellos = [read_hello(ClientHelloTemplates().pack(NAME)[0]) for _ in range(8)]

    found = {one.ja4 for one in hellos if one is not None}
    assert found == {"t13d1516h2_8daaf6152771_e5627efa2ab1"} <= set(BROWSER_HELLOS)
    assert {one.name for one in hellos if one is not None} == {NAME}
    assert len({one.ja3 for one in hellos if one is not None}) > 1


@pytest.mark.parametrize(("protocols", "begin"), [((), "t13d"), (("http/1.1",), "t13d"), (("h2", "http/1.1"), "t13d")])
def test_the_hello_of_a_full_look_is_pythons(protocols: tuple[str, ...], begin: str) -> None:
    """The part of JA4 that varies with OpenSSL is left out."""
    found = read_hello(hello_of_ssl(NAME, *protocols))

    assert found is not None
    assert found.name == NAME
    assert found.ja4.startswith(begin)
    assert found.ja4[8:10] == (protocols[0][0] + protocols[0][-1] if protocols else "00")


@pytest.mark.parametrize("cut", [0, 4, 40, 44, 200, 516])
def test_a_hello_that_is_not_whole_is_none(cut: int) -> None:
    assert read_hello(ClientHelloTemplates().pack(NAME)[0][:cut]) is None


def test_a_question_is_read_as_dnspython_wrote_it() -> None:
    asked = dns.message.make_query("WwW.a.example", "AAAA", use_edns=0, payload=1232)

    found = read_question(asked.to_wire())

    assert found == Question(
        "WwW.a.example", 28, "flags=0100 counts=1001 edns=1232 extended=00000000 options=0B mixed-case"
    )
    assert len(EDNS_RECORD) == 11


def test_a_request_is_read_with_the_order_of_its_fields() -> None:
    head = "".join(f"{name}: {value}\r\n" for name, value in (("Host", f"{NAME}:80"), *BROWSER_HEADERS))

    assert read_request(f"GET / HTTP/1.1\r\n{head}\r\n".encode()) == Request(
        NAME, ("Host", *(name for name, _ in BROWSER_HEADERS))
    )
    assert read_request(b"GET / HTTP/1.1\r\nHost: a.example\r\n") is None


def test_a_hello_in_two_segments_is_read_whole(tmp_path: Path) -> None:
    octets, _ = ClientHelloTemplates().pack(NAME)
    sent = to(SERVER, 443, flags=SYN), to(SERVER, 443, octets[:200]), to(SERVER, 443, octets[200:])

    view = read(capture(tmp_path / "line.pcap", query(NAME), answer(NAME, SERVER), *sent), [OWN])

    assert [type(one.what) for one in view.sent] == [Question, type(None), Hello]
    assert view.answers == {NAME: {SERVER}}
    assert not odd(view)
    assert not odd(view, {})
    assert [name for name, _ in first_contacts(view)] == [NAME]
    assert sum(summary(view)["ClientHello"].values()) == 1


@pytest.mark.parametrize(
    ("packet", "why"),
    [
        (to("198.18.7.7", 443, flags=SYN), Oddity.UNROUTED),
        (query(NAME, "104.16.1.1"), Oddity.NO_RESOLVER),
        (query("lumopadetiku.com"), Oddity.INVENTED_NAME),
        (query("WWW.a.example"), Oddity.DNS_SHAPE),
        (to(SERVER, 443, ClientHelloTemplates().pack("lumopadetiku.com")[0]), Oddity.INVENTED_SNI),
        (to("151.2.80.1", 443, ClientHelloTemplates().pack(NAME)[0]), Oddity.FOREIGN_SNI),
        (to(SERVER, 443, ClientHelloTemplates((b"h3",)).pack(NAME)[0]), Oddity.HELLO_SHAPE),
        (to(SERVER, 80, b"GET / HTTP/1.1\r\nHost: lumopadetiku.com\r\n\r\n"), Oddity.INVENTED_SNI),
    ],
)
def test_what_no_browser_and_no_system_sends_is_odd(tmp_path: Path, packet: Packet, why: Oddity) -> None:
    view = read(capture(tmp_path / "line.pcap", packet), [OWN])

    assert odd(view) == [why]


def test_without_a_zone_the_answers_of_the_capture_say_which_names_exist(tmp_path: Path) -> None:
    """A name that the resolver denied does not."""
    sent = query(NAME), answer(NAME, SERVER), query("lumopadetiku.com"), answer("lumopadetiku.com", "")

    view = read(capture(tmp_path / "line.pcap", *sent), [OWN])

    assert odd(view, {}) == [Oddity.INVENTED_NAME]


def test_a_hello_of_nobody_is_named_by_its_fingerprint() -> None:
    assert whose_hello(Hello("", "", "t13d0101h9_aaaaaaaaaaaa_bbbbbbbbbbbb")) == "t13d0101h9_aaaaaaaaaaaa_bbbbbbbbbbbb"


def test_orders_are_compared_by_rank() -> None:
    names = [str(number) for number in range(10)]

    assert rank_correlation(names, names) == pytest.approx(1)
    assert rank_correlation(names, [*reversed(names), "new"]) == pytest.approx(-1)
    assert rank_correlation(names[:2], names) == 0


def test_a_packet_to_a_server_says_nothing_odd_by_itself() -> None:
    view = LineView([Sent(0.0, SERVER, 443)])

    assert not odd(view)
