"""The header of a measurement, its time, and its network."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from probe.formats.ooni.measurement_header import OoniMeasurement, SetAside, read_header, read_keys
from tests.unit.formats.ooni.measurements import UID, keys, line_of, measurement, query


def header(**changes: Any) -> OoniMeasurement:
    """A measurement's header."""
    found = read_header(line_of(measurement(**changes)))
    assert isinstance(found, OoniMeasurement)
    return found


@pytest.mark.parametrize(
    "asn, country, expected",
    [
        ("AS137", "it", (137, "IT")),
        (137, "IT", (137, "IT")),
        ("AS0", "ZZ", (0, "")),
        (None, None, (0, "")),
        ("ASX", "Italy", (0, "")),
    ],
)
def test_the_network(asn: Any, country: Any, expected: tuple[int, str]) -> None:
    """What is no AS number or country is none."""
    found = header(probe_asn=asn, probe_cc=country)

    assert (found.asn, found.country) == expected


@pytest.mark.parametrize(
    "start, uid, report, time",
    [
        ("2024-02-12 20:33:47", UID, "", "2024-02-12T20:33:47"),
        ("2024-02-12 22:33:47", UID, "", "2024-02-12T20:33:50"),  # ahead of the collector's receipt
        ("2019-02-12 20:33:47", UID, "", "2024-02-12T20:33:50"),
        ("2023-12-01 00:00:00", UID, "", "2023-12-01T00:00:00"),  # uploaded later
        ("2024-02-14 20:33:47", None, "20240212T203300Z_webconnectivity_IT_137_n1_x", "2024-02-14T20:33:47"),
        ("2034-02-14 20:33:47", None, "20240212T203300Z_webconnectivity_IT_137_n1_x", "2024-02-12T20:33:00"),
        ("2037-07-25 17:55:45", "01201707254a40e230fa0f9c80ea07a421b9f2ec", "", "2017-07-25T23:00:00"),
        ("2035-01-01 00:00:00", "no stamp", "nor here", "2035-01-01T00:00:00"),
    ],
)
def test_the_time_is_the_clients_unless_the_collectors_contradicts(
    start: str, uid: str | None, report: str, time: str
) -> None:
    """Whoever measured late or uploads late is believed; a clock that is years off is not."""
    found = header(measurement_start_time=start, measurement_uid=uid, report_id=report)

    assert f"{found.time:%Y-%m-%dT%H:%M:%S}" == time
    assert bool(found.odd) is (time.replace("T", " ") != start)


def test_the_uid_or_the_report_names_it() -> None:
    """Measurements that were never submitted have neither."""
    assert header().uid == UID
    assert header(measurement_uid=None, report_id="r").uid == "r"
    assert header(measurement_uid=None, report_id=None).uid == ""


def test_which_versions_verify_certificates() -> None:
    """The name of the Python probe of old is that of the Go one of today."""
    assert not header(software_name="ooniprobe", software_version="2.2.0").verifies
    assert header(software_name="ooniprobe", software_version="3.0.0").verifies
    assert header(software_name="ooniprobe-android", software_version="1.1.4").verifies


def test_an_input_may_be_a_list() -> None:
    """Old reports have one of one text."""
    assert header(input=["http://a.example/"]).text == "http://a.example/"
    assert header(input=None).text == header(input=[]).text == ""


def test_test_keys_are_read_piece_by_piece_where_some_are_odd() -> None:
    """Deep nesting and numbers beyond any float stop nothing."""
    raw = msgspec.Raw(line_of(keys(queries=[query("151.101.1.10"), None], tcp_connect=7, accessible="yes")))
    found = read_keys(raw)

    assert not isinstance(found, SetAside)
    assert found[0].queries is not None
    assert len(found[0].queries) == 1
    assert {one.partition(":")[0] for one in found[1]} == {"queries[1]", "tcp_connect", "accessible"}
    assert isinstance(read_keys(msgspec.Raw(b"[" * 100_000)), SetAside)
