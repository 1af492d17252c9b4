"""The report of a captured flow."""

from __future__ import annotations

import pytest

from probe.model.packets import MAX_CAPTURED, ODDITIES
from probe.packets.capture_report import Packet, report_dns, report_tcp


def sent(flags: str, sequence: int = 100, length: int = 0) -> Packet:
    """From here."""
    return Packet(at=0.0, outgoing=True, ttl=64, flags=flags, sequence=sequence, length=length)


def came(flags: str, sequence: int = 0, length: int = 0, ttl: int = 52, ipid: int = 7) -> Packet:
    """From the far side."""
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
def test_a_connection_is_reported_by_its_opening_and_what_ended_it(
    then: list[Packet], shown: list[str], oddities: tuple[str, ...]
) -> None:
    told = report_tcp([*OPEN, *then])

    assert [one.flags for one in told.packets] == shown
    assert told.oddities == oddities
    assert set(oddities) <= set(ODDITIES)


def test_numbers_wrap_where_tcps_do() -> None:
    """A SYN-ACK with the last number there is: the next one is 0."""
    told = report_tcp([came("SA", 2**32 - 1), came("R", 0)])

    assert told.oddities == ()
    assert report_tcp([came("SA", 2**32 - 1), came("R", 2**32 - 1)]).packets[1].shift == -1


def test_a_reset_to_the_syn_has_nothing_to_be_compared_with() -> None:
    told = report_tcp([sent("S"), came("RA", 0, ttl=60)])

    assert [(one.flags, one.shift) for one in told.packets] == [("RA", 0)]
    assert told.oddities == ()


def test_a_flood_is_cut_short() -> None:
    assert len(report_tcp([*OPEN, *[came("R", 1001)] * 1000]).packets) == MAX_CAPTURED


def answer(ident: int, ttl: int, *addresses: str) -> Packet:
    """A DNS answer."""
    return Packet(
        at=0.01, outgoing=False, ttl=ttl, ident=ident, response=True, rcode="NOERROR", addresses=addresses, length=60
    )


def test_one_answer_to_each_query_is_nothing_to_tell() -> None:
    told = report_dns([Packet(at=0, outgoing=True, ttl=64, ident=1), answer(1, 60, "192.0.2.9"), answer(2, 50)])

    assert (told.packets, told.oddities) == ((), ())


def test_answers_to_one_query_stand_side_by_side() -> None:
    told = report_dns([answer(1, 60, "192.0.2.9"), answer(2, 60), answer(1, 60, "192.0.2.8")])

    assert [one.addresses for one in told.packets] == [("192.0.2.9",), ("192.0.2.8",)]
    assert told.oddities == ("answers",)


def test_their_distances_are_compared() -> None:
    assert report_dns([answer(1, 60, "192.0.2.9"), answer(1, 47)]).oddities == ("answers", "answers_ttl")
