"""Names, addresses and times as registers write them."""

import ipaddress
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.lists.registers import clean
from probe.model.target import normalise_host


class TestName:
    """Host names and masks."""

    @pytest.mark.parametrize(
        ("written", "read"),
        [
            ("line.me", "line.me"),
            ("*.linkedin.com", "*.linkedin.com"),
            (" WWW.Example.org ", "www.example.org"),
            ("zona_qa.gudfilm2.art", "zona_qa.gudfilm2.art"),
            ("пример.рф", "xn--e1afmkfd.xn--p1ai"),
            ("www,example,org", "www.example.org"),
            ("example.org.", "example.org"),
            ("94.88.adb8.ip4.static.sl-reverse.com", "94.88.adb8.ip4.static.sl-reverse.com"),
            ("192.0.2.1", ""),
            ("2001:db8::1", ""),
            ("localhost", ""),
            ("a b.example", ""),
            ("*.", ""),
            ("x" * 600, ""),
            ("", ""),
        ],
    )
    def test_a_name_is_normalised_or_empty(self, written: str, read: str) -> None:
        """Faults of real dumps are repaired; any other text gives nothing."""
        assert clean.host_name(written) == read

    @given(st.text(alphabet="aZ0-_.*,рф ", max_size=40) | st.text(max_size=40))
    def test_a_name_is_a_valid_host_and_does_not_change_when_read_again(self, text: str) -> None:
        """The rule for hosts is the model's."""
        found = clean.host_name(text)
        assert found == "" or normalise_host(found.removeprefix("*.")) == found.removeprefix("*.")
        assert clean.host_name(found) == found


class TestHostOfUrl:
    """Only the host of a URL is kept."""

    @pytest.mark.parametrize(
        "url",
        [
            "http://www.example.org/path?query#part", "https:/www.example.org/path", "http:\\\\www.example.org\\path",
            "HTTP://WWW.EXAMPLE.ORG:8080", "http://user:word@www.example.org/", "www.example.org/path",
            "https://www.example.org?x", "  http://www.example.org/Тренер матча ",
        ],
    )  # fmt: skip
    def test_the_host_is_found_in_badly_written_urls(self, url: str) -> None:
        """All of these forms are in real registers."""
        assert clean.host_of_url(url) == "www.example.org"

    @pytest.mark.parametrize("url", ["", "http://", "http://192.0.2.1/x", "http://[2001:db8::1]/", "/path/only"])
    def test_a_url_without_a_host_name_gives_nothing(self, url: str) -> None:
        """Its address is in the address field already."""
        assert clean.host_of_url(url) == ""

    @given(st.text(max_size=60))
    def test_no_part_of_the_path_is_kept(self, text: str) -> None:
        """Any text may follow the host."""
        found = clean.host_of_url("http://example.org/" + text)
        assert found == "example.org"


class TestAddressAndNetwork:
    """Addresses and prefixes."""

    def test_addresses_and_prefixes_have_their_shortest_spelling(self) -> None:
        """Registers write all zeros of IPv6 addresses."""
        assert clean.address("2606:4700:3032:0000:0000:0000:6815:2495") == "2606:4700:3032::6815:2495"
        assert clean.address(" 192.0.2.1 ") == "192.0.2.1"
        assert clean.network("203.104.144.0/21") == "203.104.144.0/21"
        assert clean.network("203.104.144.9/21") == "203.104.144.0/21"

    def test_invalid_addresses_and_prefixes_give_nothing(self) -> None:
        """Addresses that are nearly right are not repaired."""
        assert clean.address("192.0.2.256") == clean.address("192.0.2") == clean.address("") == ""
        assert clean.network("192.0.2.0") == clean.network("192.0.2.0/33") == clean.network("x/8") == ""


class TestMoment:
    """Times."""

    def test_a_time_without_a_zone_is_moscow_time(self) -> None:
        """`includeTime` has none."""
        assert clean.moment("2017-04-28T18:53:56") == datetime(2017, 4, 28, 15, 53, 56, tzinfo=UTC)

    def test_a_time_with_a_zone_is_converted(self) -> None:
        """`updateTime` has one, with and without fractions of a second."""
        assert clean.moment("2024-06-11T17:20:03.000+03:00") == datetime(2024, 6, 11, 14, 20, 3, tzinfo=UTC)

    @pytest.mark.parametrize("text", ["", "yesterday", "0001-01-01T00:00:00+14:00"])
    def test_an_invalid_time_is_none(self, text: str) -> None:
        """No exception is raised."""
        assert clean.moment(text) is None


@given(st.lists(st.sampled_from(["0", "0000", "00", "1", "0a", "FfFf", "2606"]), min_size=8, max_size=8))
def test_an_ipv6_address_is_shortened_as_by_ipaddress(groups: list[str]) -> None:
    """The first of the longest runs of zeros is left out."""
    text = ":".join(groups)
    assert clean.address(text) == str(ipaddress.ip_address(text))


class TestWork:
    """The work that a hostile file can cause is bounded."""

    def test_a_url_without_a_scheme_takes_linear_time(self) -> None:
        """The scheme is matched at the beginning only; a search took quadratic time."""
        start = time.process_time()
        for _ in range(200):
            assert clean.host_of_url("a" * 4096) == ""
        assert time.process_time() - start < 1

    def test_a_long_time_is_not_cached(self) -> None:
        """The cache has 4,096 texts, and an attribute may have a megabyte."""
        clean._moment.cache_clear()
        assert clean.moment("2017-05-04" + " " * 1_000_000) is None
        assert clean._moment.cache_info().currsize == 0
