"""What answers are read as."""

from __future__ import annotations

import pytest

from probe.cli.setup_questions import (
    read_asn,
    read_collector,
    read_country,
    read_services,
    read_start,
    read_token,
    service_list,
)
from probe.cli.targets import shipped_services
from probe.errors import UsageError

CATALOGUE = shipped_services()


@pytest.mark.parametrize("text, asn", [("0", 0), ("64500", 64500), (" as132203 ", 132203), ("4294967295", 4294967295)])
def test_an_as_number_may_be_written_with_as(text: str, asn: int) -> None:
    assert read_asn(text) == asn


@pytest.mark.parametrize("text", ["", "-1", "AS", "4294967296", "٣", "1.5", "9" * 5000])
def test_anything_else_is_no_as_number(text: str) -> None:
    with pytest.raises(UsageError, match="not the number of a network"):
        read_asn(text)


def test_a_country_is_two_letters_or_unknown() -> None:
    assert [read_country(text) for text in ("ru", "KZ", "-", "")] == ["RU", "KZ", "", ""]
    for text in ("Russia", "R", "\u0420\u0443", "--", "1A"):
        with pytest.raises(UsageError, match="two letters"):
            read_country(text)


def test_services_are_names_of_the_catalogue() -> None:
    assert read_services("line, telegram line", CATALOGUE) == ("line", "telegram")
    assert read_services("default tor", CATALOGUE) == ("default", "tor")
    assert read_services("none", CATALOGUE) == read_services("-", CATALOGUE) == ()
    with pytest.raises(UsageError, match=r"did you mean telegram\?"):
        read_services("telegram1", CATALOGUE)


def test_a_collector_is_an_origin_or_none() -> None:
    assert read_collector("https://Collector.example/path") == "https://collector.example"
    assert [read_collector(text) for text in ("none", "-", "")] == ["", "", ""]
    for text in ("collector.example", "ftp://x", "https://é.example", "https://[::1", "https://a b", "https://a\x7fb"):
        with pytest.raises(UsageError, match="collector"):
            read_collector(text)


def test_a_token_is_printable_and_bounded() -> None:
    assert read_token(" abc \n") == "abc"
    for text in ("a" * 501, "a\x07b", "é"):
        with pytest.raises(UsageError, match="not a token"):
            read_token(text)


def test_only_an_offered_method_starts_it() -> None:
    assert read_start("cron", ("cron", "nothing")) == "cron"
    with pytest.raises(UsageError, match="one of: cron, nothing"):
        read_start("systemd", ("cron", "nothing"))


def test_the_list_has_every_service_that_exists_under_its_risk() -> None:
    text = service_list(CATALOGUE)

    for service in CATALOGUE:
        assert (f" {service.name}" in text) is not bool(service.gone)
    assert text.index("everyday traffic") < text.index(" line*") < text.index("tools against censorship")
    assert text.index("tools against censorship") < text.index(" tor")
