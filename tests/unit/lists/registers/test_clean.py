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
    def test_is_what_the_wire_has_or_nothing(self, written: str, read: str) -> None:
        """Faults of real dumps are repaired; any other text is discarded."""
        assert clean.host_name(written) == read

    @given(st.text(alphabet="aZ0-_.*,рф ", max_size=40) | st.text(max_size=40))
    def test_a_name_read_is_one_the_model_takes(self, text: str) -> None:
        """And reading it again changes nothing."""
        found = clean.host_name(text)
        assert found == "" or normalise_host(found.removeprefix("*.")) == found.removeprefix("*.")
        assert clean.host_name(found) == found


class TestHostOfUrl:
    """The host is taken, the rest let go."""

    @pytest.mark.parametrize(
        "url",
        [
            "http://www.example.org/path?query#part", "https:/www.example.org/path", "http:\\\\www.example.org\\path",
            "HTTP://WWW.EXAMPLE.ORG:8080", "http://user:word@www.example.org/", "www.example.org/path",
            "https://www.example.org?x", "  http://www.example.org/Тренер матча ",
        ],
    )  # fmt: skip
    def test_however_badly_it_is_written(self, url: str) -> None:
        """All of these shapes are in real registers."""
        assert clean.host_of_url(url) == "www.example.org"

    @pytest.mark.parametrize("url", ["", "http://", "http://192.0.2.1/x", "http://[2001:db8::1]/", "/path/only"])
    def test_and_nothing_where_there_is_no_name(self, url: str) -> None:
        """An address in a URL is in the address field already."""
        assert clean.host_of_url(url) == ""

    @given(st.text(max_size=60))
    def test_never_gives_anything_of_the_path(self, text: str) -> None:
        """Whatever comes out is a host name."""
        found = clean.host_of_url("http://example.org/" + text)
        assert found == "example.org"


class TestAddressAndNetwork:
    """Addresses and prefixes."""

    def test_come_in_their_shortest_spelling(self) -> None:
        """The register spells IPv6 in full."""
        assert clean.address("2606:4700:3032:0000:0000:0000:6815:2495") == "2606:4700:3032::6815:2495"
        assert clean.address(" 192.0.2.1 ") == "192.0.2.1"
        assert clean.network("203.104.144.0/21") == "203.104.144.0/21"
        assert clean.network("203.104.144.9/21") == "203.104.144.0/21"

    def test_are_nothing_when_they_are_none(self) -> None:
        """Not even nearly right ones."""
        assert clean.address("192.0.2.256") == clean.address("192.0.2") == clean.address("") == ""
        assert clean.network("192.0.2.0") == clean.network("192.0.2.0/33") == clean.network("x/8") == ""


class TestMoment:
    """Times."""

    def test_without_a_zone_is_moscow_time(self) -> None:
        """As in includeTime."""
        assert clean.moment("2017-04-28T18:53:56") == datetime(2017, 4, 28, 15, 53, 56, tzinfo=UTC)

    def test_with_a_zone_is_what_it_says(self) -> None:
        """As in updateTime, with and without fractions."""
        assert clean.moment("2024-06-11T17:20:03.000+03:00") == datetime(2024, 6, 11, 14, 20, 3, tzinfo=UTC)

    @pytest.mark.parametrize("text", ["", "yesterday", "0001-01-01T00:00:00+14:00"])
    def test_that_is_none_is_none(self, text: str) -> None:
        """Never an error."""
        assert clean.moment(text) is None


@given(st.lists(st.sampled_from(["0", "0000", "00", "1", "0a", "FfFf", "2606"]), min_size=8, max_size=8))
def test_an_address_spelt_out_is_shortened_as_the_library_does(groups: list[str]) -> None:
    """Whatever its zeros: where they are most, and the first of several such places."""
    text = ":".join(groups)
    assert clean.address(text) == str(ipaddress.ip_address(text))


class TestWork:
    """What a hostile file may cost."""

    def test_a_url_without_scheme_is_looked_at_once(self) -> None:
        """A scheme is sought at the beginning alone; a search took time that grew with the square of the length."""
        start = time.perf_counter()
        for _ in range(200):
            assert clean.host_of_url("a" * 4096) == ""
        assert time.perf_counter() - start < 1

    def test_a_long_time_is_not_remembered(self) -> None:
        """The cache holds 4,096 texts, and an attribute may have a megabyte."""
        clean._moment.cache_clear()
        assert clean.moment("2017-05-04" + " " * 1_000_000) is None
        assert clean._moment.cache_info().currsize == 0
