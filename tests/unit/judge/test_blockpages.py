"""Known block pages, and pages that only look like one."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from probe.judge.blockpages import (
    KNOWN,
    MAX_TEXT_CHARACTERS,
    FingerprintTable,
    fingerprints_of,
    has_fingerprint,
    is_blockpage,
    is_server_page,
)
from probe.judge.fingerprints import FINGERPRINTS, STUBS, Fingerprint
from probe.model.observation import Exchange

# ruff: noqa: RUF001 - block pages are written in Cyrillic letters

SHARED = Path(__file__).parents[4] / "shared" / "data" / "fingerprints"


def page(status: int = 200, **facts: object) -> Exchange:
    """An answer with these facts."""
    return Exchange(url="http://news.example.org/", address="192.0.2.1", status=status, **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("location", "fingerprint"),
    [
        ("http://warning.rt.ru/?id=17&st=0", "ru.rostelecom"),
        ("http://sub.fz139.ttk.ru/", "ru.ttk"),
        ("https://lawfilter.ertelecom.ru/?x", "ru.ertelecom"),
        ("https://vk.com/blank.php?rkn=1", "own.vk"),
        ("http://82.209.230.23/", "by.mininfo"),
        ("http://internet.mts.by/blocked", "by.mts"),
    ],
)
def test_a_redirect_to_a_known_block_page_has_its_fingerprint(location: str, fingerprint: str) -> None:
    """By its host, a host below it, or a part of the URL."""
    assert fingerprints_of(page(302, location=location)) == (fingerprint,)


@pytest.mark.parametrize("location", ["http://notwarning.rt.ru.example/", "http://mts.ru/", "http://[", ""])
def test_a_redirect_to_another_host_has_none(location: str) -> None:
    """A similar name, the provider's own shop, no URL."""
    assert fingerprints_of(page(302, location=location)) == ()


def test_words_are_found_whatever_their_case_and_white_space() -> None:
    """Evidence from elsewhere may hold a sample that is not collapsed."""
    sample = "<h1>ДОСТУП\n   к запрашиваемому\tресурсу ограничен</h1>"

    assert fingerprints_of(page(sample=sample)) == ("ru.law",)


@pytest.mark.parametrize("fingerprint", [one for one in FINGERPRINTS if one.text], ids=lambda one: one.id)
def test_every_phrase_is_found_among_other_words(fingerprint: Fingerprint) -> None:
    """Broken over lines."""
    for phrase in fingerprint.text:
        sample = f"<p>x{phrase.title().replace(' ', chr(10) + chr(9))}x</p>"
        assert fingerprint.id in fingerprints_of(page(sample=sample))


@pytest.mark.parametrize(("status", "searched"), [(299, True), (300, False), (399, False), (400, True)])
def test_the_text_of_a_redirect_is_not_searched(status: int, searched: bool) -> None:
    """No browser shows it."""
    assert has_fingerprint(page(status, sample="see eais.rkn.gov.ru")) is searched


def test_only_the_beginning_of_a_long_sample_is_searched() -> None:
    """Evidence from elsewhere may hold any number of characters."""
    words = " see eais.rkn.gov.ru"

    assert not has_fingerprint(page(sample="x" * MAX_TEXT_CHARACTERS + words))
    assert has_fingerprint(page(sample="x" * (MAX_TEXT_CHARACTERS - len(words)) + words))


@pytest.mark.parametrize(
    ("facts", "fingerprint"),
    [
        ({"headers": ("cf-mitigated", "cf-ray")}, "own.cloudflare"),
        ({"server": "DDoS-Guard"}, "own.ddos_guard"),
        ({"sample": '<div id="cf-error-details">'}, "own.cloudflare"),
    ],
)
def test_pages_of_content_networks_have_fingerprints(facts: dict[str, object], fingerprint: str) -> None:
    """By the name of a header field, the server's name, or the text."""
    assert fingerprints_of(page(403, **facts)) == (fingerprint,)


def test_a_server_page_speaks_for_the_server_even_beside_a_block_page() -> None:
    """A content network's own page is not the access network's."""
    both = fingerprints_of(page(headers=("cf-mitigated",), sample="see eais.rkn.gov.ru"))

    assert both == ("own.cloudflare", "ru.register")
    assert is_server_page(both)
    assert not is_blockpage(both)
    assert is_blockpage(("ru.register",))
    assert not is_blockpage(())
    assert not is_server_page(())


def test_the_ids_that_version_0_1_0_stored_still_count() -> None:
    """Beside those that are found in the facts; ids of fingerprints that are no longer known count too."""
    stored = page(302, location="http://warning.rt.ru/", marks=("ru.gone", "ru.rostelecom"))

    assert fingerprints_of(stored) == ("ru.gone", "ru.rostelecom")
    assert fingerprints_of(page(marks=("ru.law",), sample="see eais.rkn.gov.ru")) == ("ru.law", "ru.register")


def test_a_fingerprint_that_is_added_later_is_found_in_stored_facts() -> None:
    """Evidence stores what the page was."""
    seen = page(sample="<h1>This page is forbidden by the Ministry of Pages</h1>")
    later = Fingerprint("zz.ministry", text=("forbidden by the ministry",), source="a test")

    assert fingerprints_of(seen) == ()
    assert FingerprintTable((*FINGERPRINTS, later)).fingerprints_of(seen) == ("zz.ministry",)


def test_every_fingerprint_has_an_id_of_its_own_a_source_and_a_sign() -> None:
    """Ids are written into evidence and never change their meaning."""
    ids = [one.id for one in FINGERPRINTS]

    assert len(set(ids)) == len(ids)
    assert all(one.source and "." in one.id for one in FINGERPRINTS)
    assert all(one.hosts or one.location or one.text or one.header or one.server for one in FINGERPRINTS)
    assert all(sign == sign.lower() for one in FINGERPRINTS for sign in (*one.text, one.header, one.server))


@pytest.mark.parametrize(
    "sample", ["<title>Shop</title>", "403 Forbidden", "149-ФЗ", "blocked", "restricted by law", ""]
)
def test_ordinary_pages_have_no_fingerprint(sample: str) -> None:
    """A shop, an error, a page about the law."""
    assert not has_fingerprint(page(sample=sample))


@pytest.mark.shared_data
def test_public_fingerprints_of_russian_block_pages_agree() -> None:
    """The redirects of the large providers are known; no page that is known to be a false positive is a block page."""
    path = SHARED / "http-ru-cn-global.csv"
    if not path.exists():
        pytest.skip("the folder of shared data is absent")
    with path.open(newline="") as lines:
        every = list(csv.DictReader(lines))
    rows = [row for row in every if row["location_found"] == "header.location"]
    pages = [row["pattern"] for row in every if row["location_found"] == "body" and row["scope"] == "fp"]
    known = {row["pattern"]: KNOWN.identify(status=302, location=row["pattern"]) for row in rows}
    false_positives = [row["pattern"] for row in rows if row["scope"] == "fp" and is_blockpage(known[row["pattern"]])]

    assert sum(map(bool, known.values())) > 20
    assert false_positives == []
    assert [text for text in pages if is_blockpage(KNOWN.identify(status=200, text=text))] == []


@pytest.mark.shared_data
def test_public_stub_addresses_hold_ours() -> None:
    """Every stub of ours is in the public list."""
    path = SHARED / "dns-ru-cn-global.csv"
    if not path.exists():
        pytest.skip("the folder of shared data is absent")
    with path.open(newline="") as lines:
        public = {row["pattern"] for row in csv.DictReader(lines)}

    assert public >= STUBS
