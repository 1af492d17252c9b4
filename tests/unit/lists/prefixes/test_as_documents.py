"""Documents about one AS: RIPEstat, ipverse, lists of prefixes."""

import contextlib
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.errors import ListError
from probe.lists.lines import BadRow
from probe.lists.prefixes import as_documents
from probe.lists.prefixes.prefix import Prefix, PrefixItem

SPAN = {"starttime": "2026-06-04T00:00:00", "endtime": "2026-06-18T00:00:00"}


def stat(*prefixes: object, status: str = "ok") -> list[PrefixItem]:
    """The items of a RIPEstat answer with these prefixes."""
    answer = {
        "status": status,
        "data_call_status": "supported - x",
        "data": {"prefixes": prefixes, "resource": "64500"},
    }
    return list(as_documents.ripestat([json.dumps(answer).encode()], "f.json"))


class TestRipestat:
    """RIPEstat's `announced-prefixes`."""

    def test_a_prefix_has_the_times_it_was_first_and_last_seen(self) -> None:
        """The answer also has prefixes that were withdrawn since."""
        early = {"starttime": "2026-06-01T00:00:00", "endtime": "2026-06-02T00:00:00"}
        assert stat({"prefix": "192.0.2.0/24", "timelines": [SPAN, early]}) == [
            Prefix(line=1, network="192.0.2.0/24", asns=(64500,), first=datetime(2026, 6, 1, tzinfo=UTC),
                   last=datetime(2026, 6, 18, tzinfo=UTC)),
        ]  # fmt: skip

    def test_times_are_optional(self) -> None:
        """Times that cannot be read are left out."""
        assert stat({"prefix": "2001:db8::/32", "timelines": [{"starttime": "soon"}, 5]})[0] == Prefix(
            line=1, network="2001:db8::/32", asns=(64500,)
        )

    def test_each_item_that_is_no_prefix_is_a_bad_row(self) -> None:
        """The other items are read."""
        assert [type(item) for item in stat({"prefix": 5}, 7, {"prefix": "192.0.2.9/24"})] == [BadRow] * 3

    def test_an_answer_of_failed_status_is_refused(self) -> None:
        """It is not taken for an AS without prefixes."""
        with pytest.raises(ListError, match="no announced prefixes"):
            stat(status="error")


class TestIpverse:
    """Both layouts of ipverse."""

    def test_the_old_layout_is_read(self) -> None:
        """It has `subnets`, with the handle beside them."""
        old = {"asn": 64500, "handle": "H", "description": "D", "subnets": {"ipv4": ["192.0.2.0/24"], "ipv6": []}}
        assert list(as_documents.ipverse([json.dumps(old).encode()], "f")) == [
            Prefix(line=1, network="192.0.2.0/24", asns=(64500,), name="D")
        ]

    def test_the_new_layout_is_read(self) -> None:
        """It has `prefixes` and `metadata`."""
        new = {
            "asn": 64500,
            "metadata": {"handle": "H", "countryCode": "CN"},
            "prefixes": {"ipv6": ["2001:db8::/32", 1]},
        }
        assert list(as_documents.ipverse([json.dumps(new).encode()], "f")) == [
            Prefix(line=1, network="2001:db8::/32", asns=(64500,), name="H", country="CN"),
            BadRow(2, "an item of ipv6 that is no prefix"),
        ]

    @pytest.mark.parametrize("answer", [{}, {"asn": 1}, {"asn": "x", "prefixes": {}}, {"asn": 1, "prefixes": []}])
    def test_any_other_document_is_refused(self, answer: object) -> None:
        """A document without AS number and prefixes is not taken for an empty AS."""
        with pytest.raises(ListError, match="neither of ipverse's shapes"):
            list(as_documents.ipverse([json.dumps(answer).encode()], "f"))


class TestPrefixList:
    """One prefix a line."""

    def test_the_as_number_is_in_the_comment_above(self) -> None:
        """The text files of ipverse have such a comment."""
        lines = b"# AS132203 (TENCENT-NET-AP-CN)\n# Shenzhen\n#\n192.0.2.0/24\n192.0.2.1\n"
        assert list(as_documents.prefix_list([lines], "f")) == [
            Prefix(line=4, network="192.0.2.0/24", asns=(132203,)),
            BadRow(5, "no prefix"),
        ]

    def test_the_as_number_is_in_the_name_of_the_file(self) -> None:
        """Otherwise the prefix has no AS number."""
        for name, asns in (("x/AS64500.txt", (64500,)), ("f", ())):
            assert list(as_documents.prefix_list([b"192.0.2.0/24"], name)) == [
                Prefix(line=1, network="192.0.2.0/24", asns=asns)
            ]


class TestBounds:
    """Documents are read whole, so their size is bounded."""

    def test_a_document_too_large_is_refused(self) -> None:
        """The error comes before the whole document is in memory."""
        with pytest.raises(ListError, match="larger than"):
            list(as_documents.ripestat((b" " * 2**20 for _ in range(64)), "f"))

    @given(st.binary(max_size=60) | st.recursive(
        st.none() | st.integers() | st.sampled_from(["ok", "192.0.2.0/24", "x"]),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
            st.sampled_from(["status", "data", "prefixes", "prefix", "timelines", "asn", "subnets", "ipv4"]),
            inner, max_size=5), max_leaves=12).map(lambda value: json.dumps(value).encode()))  # fmt: skip
    def test_any_bytes_give_items_or_a_list_error(self, content: bytes) -> None:
        """No other exception is raised."""
        for reader in (as_documents.ripestat, as_documents.ipverse, as_documents.prefix_list):
            with contextlib.suppress(ListError):
                list(reader([content], "f"))
