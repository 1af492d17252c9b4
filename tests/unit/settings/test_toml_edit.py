"""Changing values in a settings file keeps what is not changed."""

from __future__ import annotations

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from probe.settings.toml_edit import edited, rendered

TEXT = """\
# My settings.
[agent]
consent = false  # not yet
# every ten minutes
interval = 600

[measure]
anchors = [
    "https://a.example/",  # ]
    "https://b.example/",
]
pace = 1.0
"""


def test_other_keys_their_order_and_comments_stay() -> None:
    assert edited(TEXT, {("agent", "consent"): True}) == TEXT.replace("false  # not yet", "true")


def test_a_new_key_comes_last_in_its_section_and_a_new_section_last() -> None:
    new = edited(TEXT, {("agent", "state"): "var/agent", ("network", "asn"): 64500, ("network", "country"): "RU"})

    assert new == TEXT.replace("interval = 600\n", 'interval = 600\nstate = "var/agent"\n') + (
        '\n[network]\nasn = 64500\ncountry = "RU"\n'
    )


def test_a_value_of_several_lines_is_replaced_whole() -> None:
    new = edited(TEXT, {("measure", "anchors"): ("https://c.example/",)})

    assert 'anchors = ["https://c.example/"]\npace = 1.0\n' in new
    assert "b.example" not in new


def test_a_key_is_taken_out_and_one_that_is_not_there_is_no_error() -> None:
    new = edited(TEXT, {("agent", "interval"): None, ("agent", "token_file"): None, ("network", "asn"): None})

    assert new == TEXT.replace("interval = 600\n", "")


def test_an_empty_file_gets_the_sections_that_are_needed() -> None:
    assert edited("", {("agent", "consent"): True, ("network", "asn"): 1}) == (
        "[agent]\nconsent = true\n\n[network]\nasn = 1\n"
    )


def test_a_last_line_without_a_line_end_gets_one() -> None:
    assert edited("[agent]\nconsent = false", {("agent", "interval"): 60}) == (
        "[agent]\nconsent = false\ninterval = 60\n"
    )


def test_a_form_that_it_does_not_know_is_written_anew() -> None:
    for text in ("agent.consent = false\n", "agent = {consent = false}\n", '["agent"]\nconsent = false\n'):
        new = edited(text, {("agent", "consent"): True, ("network", "asn"): 5})

        assert tomllib.loads(new) == {"agent": {"consent": True}, "network": {"asn": 5}}


def test_a_key_within_a_text_of_several_lines_is_not_taken_for_a_setting() -> None:
    text = '[agent]\nstate = """\nconsent = false\n"""\n'

    new = tomllib.loads(edited(text, {("agent", "consent"): True}))

    assert new == {"agent": {"state": "consent = false\n", "consent": True}}


WORDS = st.text("aй€😀 \"'\\\n\r\t\x00\x7f#[]=")
VALUES = st.one_of(st.booleans(), st.integers(0, 10**12), WORDS, st.lists(WORDS), st.floats(0, 1e9))


@given(st.dictionaries(st.tuples(st.sampled_from(["agent", "network"]), st.sampled_from("abc")), VALUES))
def test_any_value_reads_back_as_it_was_given(changes: dict[tuple[str, str], object]) -> None:
    tree = tomllib.loads(edited(TEXT, changes))

    assert all(tree[section][key] == value for (section, key), value in changes.items())


def test_values_are_written_as_toml() -> None:
    assert [rendered(one) for one in (True, 7, 0.5, 'a "b"', ("x", "й"))] == [
        "true",
        "7",
        "0.5",
        '"a \\"b\\""',
        '["x", "й"]',
    ]
