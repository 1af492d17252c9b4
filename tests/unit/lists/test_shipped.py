"""The shipped anchors and registers."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.errors import ListError
from probe.lists.catalogue import MAX_BYTES
from probe.lists.shipped import AnchorClass, anchors, registers

FOLDER = Path(__file__).parents[3] / "targets"
ANCHOR = '[[anchor]]\nurl = "https://a.example/"\nkind = "foreign"\nwhy = "x"\nchecked = 2026-01-02\n'
REGISTER = (
    '[mine]\ntitle = "M"\nformat = "testlist"\nurls = ["https://a.example/l.csv"]\nmax_bytes = 10\n'
    'timeout = 1\nevery = 1\nterms = "x"\nchecked = 2026-01-02\n'
)


class TestShipped:
    """The shipped files are valid."""

    def test_anchors_are_of_both_kinds(self) -> None:
        """Every domestic anchor has its country."""
        found = anchors((FOLDER / "anchors.toml").read_bytes(), "anchors.toml")
        assert {anchor.kind for anchor in found} == set(AnchorClass)
        assert {anchor.country for anchor in found} == {"", "RU", "CN"}

    def test_every_register_has_terms_and_an_interval_of_an_hour_or_more(self) -> None:
        """Two registers are marked as dead."""
        found = registers((FOLDER / "registers.toml").read_bytes(), "registers.toml")
        assert {"antifilter", "roskomsvoboda", "test-list-ru", "tencent-overseas", "zi"} <= set(found)
        assert all(register.terms and register.every >= 3600 for register in found.values())
        assert {name for name, register in found.items() if register.dead} == {"zi", "vigruzki"}


class TestBad:
    """Every error names file and line."""

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (ANCHOR.replace("foreign", "domestic"), "a.toml:2: https://a.example/ is domestic with the country ''"),
            (ANCHOR.replace("foreign", "far"), "a.toml:2: [[anchor]]: Invalid enum value 'far'"),
            (ANCHOR.replace("https://a", "gopher://a"), "a.toml:2: 'gopher://a.example/' is no URL"),
            (ANCHOR + "colour = 1\n", "a.toml:6: [[anchor]]: the key 'colour' is unknown"),
            ("[anchor]\n", "a.toml:1: holds something else"),
            ("anchor = [5]\n", "a.toml:1: [[anchor]]: Expected `object`, got `int`"),
            ("x =", "a.toml:1: not TOML"),
        ],
    )
    def test_a_bad_anchor_is_named_with_its_line(self, text: str, message: str) -> None:
        """The message says what is wrong."""
        with pytest.raises(ListError) as caught:
            anchors(text.encode(), "a.toml")
        assert str(caught.value).startswith(message), str(caught.value)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (REGISTER.replace("testlist", "csv"), "r.toml:1: 'csv' is no format"),
            (REGISTER.replace("max_bytes = 10", "max_bytes = 0"), "r.toml:1: mine lacks a URL or a bound"),
            (REGISTER.replace("https:", "ftp:"), "r.toml:4: 'ftp://a.example/l.csv' is no URL"),
            (REGISTER.replace('title = "M"\n', ""), "r.toml:1: [mine]: Object missing required field `title`"),
            ("\nx = 1\n", "r.toml:2: 'x' is no register"),
            ("x = " + "[" * 3000, "r.toml:1: not TOML"),
            ("x = " + "9" * 5000, "r.toml:1: not TOML"),
        ],
    )
    def test_a_bad_register_is_named_with_its_line(self, text: str, message: str) -> None:
        """The message says what is wrong."""
        with pytest.raises(ListError) as caught:
            registers(text.encode(), "r.toml")
        assert str(caught.value).startswith(message), str(caught.value)

    def test_files_too_large_or_not_utf_8_are_refused(self) -> None:
        """The check comes before the parser."""
        with pytest.raises(ListError, match="larger than"):
            anchors(b"#" * (MAX_BYTES + 1), "a.toml")
        with pytest.raises(ListError, match=r"r.toml:2: not UTF-8"):
            registers(b"#\n\xff", "r.toml")

    @given(st.binary(max_size=100) | st.text(max_size=100).map(str.encode))
    def test_any_bytes_give_registers_or_a_list_error(self, content: bytes) -> None:
        """No other exception is raised."""
        try:
            registers(content, "r.toml")
        except ListError as error:
            place = error.where
        else:
            place = "r.toml"
        assert place.startswith("r.toml")
