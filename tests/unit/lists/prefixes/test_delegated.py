"""Delegation statistics of the regional Internet registries."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.errors import ListError
from probe.lists.lines import BadRow
from probe.lists.prefixes import delegated
from probe.lists.prefixes.prefix import AsBlock, Prefix, PrefixItem

HEAD = "#\n# banner\n2.3|apnic|20260618|92||20260617|+1000\napnic|*|ipv4|*|82|summary\n"


def read(text: str, head: str = HEAD) -> list[PrefixItem]:
    """All items of a file."""
    return list(delegated.read([(head + text).encode()], "f"))


def test_a_count_that_is_no_power_of_two_is_several_prefixes() -> None:
    """768 addresses are a /23 and a /24."""
    assert [item.network for item in read("apnic||ipv4|203.0.112.0|768||available\n") if isinstance(item, Prefix)] == [
        "203.0.112.0/23",
        "203.0.114.0/24",
    ]


def test_a_block_that_is_not_aligned_to_its_size_is_several_prefixes() -> None:
    """Old allocations have such blocks."""
    assert [
        item.network for item in read("arin|US|ipv4|192.0.3.0|512|19930101|assigned\n") if isinstance(item, Prefix)
    ] == [
        "192.0.3.0/24",
        "192.0.4.0/24",
    ]


def test_a_prefix_has_holder_country_and_status() -> None:
    """Blocks with the same opaque id have the same holder."""
    assert read("apnic|CN|ipv6|240d:c000::|28|20130802|allocated|A9T|e-stats\n") == [
        Prefix(line=5, network="240d:c000::/28", country="CN", held="allocated", holder="A9T")
    ]


def test_a_line_of_as_numbers_is_a_block_of_consecutive_ones() -> None:
    """45056|60 contains 45090."""
    assert read("apnic|CN|asn|45056|60|20080201|allocated\n") == [
        AsBlock(line=5, first=45056, last=45115, country="CN", held="allocated")
    ]


def test_old_and_new_version_lines_are_read() -> None:
    """The version is `2` or `2.3`, and the start date may be empty."""
    for line in ("2|ripencc|1700000000|9|19830705|20260101|+0100\n", "2.3|apnic|20260618|92||20260617|+1000\n"):
        assert len(read("apnic|CN|asn|1|1|00000000|allocated\n", line)) == 1


@pytest.mark.parametrize(
    "line",
    [
        "apnic|CN|ipv4|192.0.2.0|0|20100511|allocated", "apnic|CN|ipv4|192.0.2.0|99999999999|20100511|allocated",
        "apnic|CN|ipv4|255.255.255.0|257|20100511|allocated", "apnic|CN|ipv6|2001:db8::|129|20100511|allocated",
        "apnic|CN|ipv6|2001:db8::1|32|20100511|allocated", "apnic|CN|asn|4294967295|2|20100511|allocated",
        "apnic|CN|asn|x|1|20100511|allocated", "apnic|CN|ipv5|1|1|20100511|allocated", "apnic|CN|ipv4", "x",
    ],
)  # fmt: skip
def test_an_invalid_line_is_a_bad_row_with_its_number_and_the_reason(line: str) -> None:
    (item,) = read(line + "\n")

    assert isinstance(item, BadRow)
    assert item.line == 5
    assert item.what


def test_a_file_without_a_version_line_is_refused() -> None:
    """It has another format."""
    with pytest.raises(ListError) as caught:
        read("", "#\napnic|CN|asn|1|1|20080201|allocated\n")
    assert caught.value.where == "f:2"


@given(st.text(alphabet="|apnicv46s.0123456789:\n", max_size=120))
def test_any_lines_give_items_or_a_list_error(text: str) -> None:
    """No other exception is raised."""
    read(text)
    with contextlib.suppress(ListError):
        read(text, "")
