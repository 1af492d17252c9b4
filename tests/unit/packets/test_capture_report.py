"""The report of a captured flow: its opening, its end, and oddities."""

from __future__ import annotations

import pytest

from probe.model.packets import MAX_CAPTURED, ODDITIES
from probe.packets.capture_report import Packet, report_dns, report_tcp


def sent(flags: str, sequence: int = 100, length: int = 0) -> Packet:
    """A packet sent by this host."""
    return Packet(at=0.0, outgoing=True, ttl=64, flags=flags, sequence=sequence, length=length)


def came(flags: str, sequence: int = 0, length: int = 0, ttl: int = 52, ipid: int = 7) -> Packet:
    """A packet received from the remote host."""
    return Packet(
        at=0.05, outgoing=False, ttl=ttl, ipid=ipid, flags=flags, sequence=sequence, length=length, window=512
    )


OPEN = [sent("S"), came("SA", 1000, ipid=0), sent("A")]


@pytest.mark.parametrize(
    ("then", "shown", "oddities"),
    [
        ([], ["SA"], ()),
        ([came("RA", 1001)], ["SA", "RA"], ()),
        ([came("RA", 1001, ttl=57)], ["SA", "RA"], ("rst_ttl",)),
        ([came("R", 1001 + 1460)], ["SA", "R"], ("rst_shift",)),
        ([came("R", 1001), came("R", 2461)], ["SA", "R", "R"], ("rst_repeated", "rst_shift")),
        ([came("A", 1001), came("PA", 1001, 300), came("PA", 1301, 300)], ["SA", "PA"], ()),
        ([came("PA", 1001, 300, ttl=60), came("FA", 1301)], ["SA", "PA", "FA"], ("data_ttl",)),
        ([came("FA", 1001, ttl=60)], ["SA", "FA"], ("fin_ttl",)),
        ([came("R", 1001, ttl=60), came("PA", 1001, 300)], ["SA", "R", "PA"], ("after_rst", "rst_ttl")),
        ([came("PA", 1001, 300), came("R", 1301)], ["SA", "PA", "R"], ()),
        ([came("SA", 1000)], ["SA"], ()),
    ],
)
def test_a_report_has_the_opening_of_a_connection_and_the_packets_that_ended_it(
    then: list[Packet], shown: list[str], oddities: tuple[str, ...]
) -> None:
    report = report_tcp([*OPEN, *then])

    assert [one.flags for one in report.packets] == shown
    assert report.oddities == oddities
    assert set(oddities) <= set(ODDITIES)


def test_sequence_numbers_wrap_at_32_bits() -> None:
    """After a SYN-ACK with the highest number the next number is 0."""
    report = report_tcp([came("SA", 2**32 - 1), came("R", 0)])

    assert report.oddities == ()
    assert report_tcp([came("SA", 2**32 - 1), came("R", 2**32 - 1)]).packets[1].shift == -1


def test_a_reset_that_answers_the_syn_has_no_oddity() -> None:
    report = report_tcp([sent("S"), came("RA", 0, ttl=60)])

    assert [(one.flags, one.shift) for one in report.packets] == [("RA", 0)]
    assert report.oddities == ()


def test_the_packets_of_a_report_are_bounded() -> None:
    assert len(report_tcp([*OPEN, *[came("R", 1001)] * 1000]).packets) == MAX_CAPTURED


def answer(ident: int, ttl: int, *addresses: str) -> Packet:
    """A DNS answer."""
    return Packet(
        at=0.01, outgoing=False, ttl=ttl, ident=ident, response=True, rcode="NOERROR", addresses=addresses, length=60
    )


def test_one_answer_to_each_query_gives_an_empty_report() -> None:
    report = report_dns([Packet(at=0, outgoing=True, ttl=64, ident=1), answer(1, 60, "192.0.2.9"), answer(2, 50)])

    assert (report.packets, report.oddities) == ((), ())


def test_two_answers_to_one_query_are_both_reported() -> None:
    report = report_dns([answer(1, 60, "192.0.2.9"), answer(2, 60), answer(1, 60, "192.0.2.8")])

    assert [one.addresses for one in report.packets] == [("192.0.2.9",), ("192.0.2.8",)]
    assert report.oddities == ("answers",)


def test_answers_with_different_ttls_are_an_oddity() -> None:
    assert report_dns([answer(1, 60, "192.0.2.9"), answer(1, 47)]).oddities == ("answers", "answers_ttl")
