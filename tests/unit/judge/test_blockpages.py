"""Known block pages, and pages that only look like one."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from probe.judge.blockpages import (
    FINGERPRINTS,
    KNOWN,
    MAX_TEXT_CHARACTERS,
    STUBS,
    Fingerprint,
    fingerprints_of,
    is_blockpage,
    is_server_page,
)
from probe.model.observation import Exchange

# ruff: noqa: RUF001 - the notices are written in Cyrillic letters

SHARED = Path(__file__).parents[4] / "shared" / "data" / "fingerprints"


def marks(status: int = 200, location: str = "", body: str = "", **headers: str) -> tuple[str, ...]:
    """The marks of an answer."""
    names = tuple(sorted(name.replace("_", "-") for name in headers))
    return KNOWN.identify(status=status, location=location, headers=names, server=headers.get("server", ""), text=body)


@pytest.mark.parametrize(
    ("location", "mark"),
    [
        ("http://warning.rt.ru/?id=17&st=0", "ru.rostelecom"),
        ("http://sub.fz139.ttk.ru/", "ru.ttk"),
        ("https://lawfilter.ertelecom.ru/?x", "ru.ertelecom"),
        ("https://vk.com/blank.php?rkn=1", "own.vk"),
        ("http://82.209.230.23/", "by.mininfo"),
    ],
)
def test_a_redirect_to_a_known_notice_is_known(location: str, mark: str) -> None:
    """The host itself, a host below it, or a part of the URL."""
    assert marks(302, location) == (mark,)


@pytest.mark.parametrize("location", ["http://notwarning.rt.ru.example/", "http://mts.ru/", "http://[", ""])
def test_a_redirect_elsewhere_is_not(location: str) -> None:
    """A name that merely resembles one, the provider's own shop, no URL."""
    assert marks(302, location) == ()


def test_the_words_of_a_notice_are_found_whatever_their_case_and_spacing() -> None:
    """Broken over lines, in capitals."""
    assert marks(body="<h1>ДОСТУП\n   к запрашиваемому\tресурсу ограничен</h1>") == ("ru.law",)


@pytest.mark.parametrize("pattern", [one for one in FINGERPRINTS if one.text], ids=lambda one: one.id)
def test_every_phrase_is_found_broken_over_lines(pattern: Fingerprint) -> None:
    """In the middle of other words."""
    for phrase in pattern.text:
        assert pattern.id in marks(body=f"<p>x{phrase.title().replace(' ', chr(10) + chr(9))}x</p>")


def test_the_body_of_a_redirect_says_nothing() -> None:
    """Nobody reads it."""
    assert marks(302, body="eais.rkn.gov.ru") == ()
    assert marks(200, body="see eais.rkn.gov.ru") == ("ru.register",)


def test_a_word_far_down_a_long_page_is_not_a_notice() -> None:
    """An article about block pages quotes one: evidence stores the beginning, and no more of it is searched."""
    quoted = Exchange(url="", address="", status=200, sample="x" * MAX_TEXT_CHARACTERS + "eais.rkn.gov.ru")

    assert fingerprints_of(quoted) == ()


def test_a_challenge_speaks_for_the_server_even_beside_a_notice() -> None:
    """A content network's own page is not the network's."""
    both = marks(body="eais.rkn.gov.ru", cf_mitigated="Challenge")

    assert both == ("own.cloudflare", "ru.register")
    assert is_server_page(both)
    assert not is_blockpage(both)
    assert is_blockpage(("ru.register",))
    assert not is_blockpage(())


def test_every_pattern_has_an_id_of_its_own_and_a_source() -> None:
    """Ids are written into evidence and never change their meaning."""
    ids = [pattern.id for pattern in FINGERPRINTS]

    assert len(set(ids)) == len(ids)
    assert all(pattern.source and "." in pattern.id for pattern in FINGERPRINTS)
    assert all(phrase == phrase.lower() for pattern in FINGERPRINTS for phrase in pattern.text)


def test_ordinary_pages_have_no_marks() -> None:
    """A shop, an error, a page about the law."""
    for body in ("<title>Shop</title>", "403 Forbidden", "149-ФЗ", "blocked", "restricted by law"):
        assert marks(body=body) == ()


@pytest.mark.shared_data
def test_public_fingerprints_of_russian_notices_agree() -> None:
    """We know the redirects of the large providers, and no page that is known to be falsely taken for a notice."""
    path = SHARED / "http-ru-cn-global.csv"
    if not path.exists():
        pytest.skip("the folder of shared data is absent")
    with path.open(newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["location_found"] == "header.location"]
    known = [row for row in rows if marks(302, row["pattern"])]
    false_pages = [row["pattern"] for row in known if row["scope"] == "fp" and is_blockpage(marks(302, row["pattern"]))]

    assert len(known) > 20
    assert false_pages == []


@pytest.mark.shared_data
def test_public_stub_addresses_hold_ours() -> None:
    """Every stub of ours is in the public list."""
    path = SHARED / "dns-ru-cn-global.csv"
    if not path.exists():
        pytest.skip("the folder of shared data is absent")
    with path.open(newline="") as lines:
        public = {row["pattern"] for row in csv.DictReader(lines)}

    assert public >= STUBS


def test_every_sign_on_a_page_is_a_mark() -> None:
    """Of where it leads, of what it says, of its header fields."""
    found = KNOWN.identify(
        status=200,
        location="http://internet.mts.by/blocked",
        headers=("cf-mitigated",),
        text="see eais.rkn.gov.ru",
    )
    led = KNOWN.identify(status=302, location="http://warning.rt.ru/internet.mts.by/blocked")

    assert found == ("by.mts", "own.cloudflare", "ru.register")
    assert led == ("by.mts", "ru.rostelecom")


@pytest.mark.parametrize(("status", "read"), [(299, True), (300, False), (399, False), (400, True)])
def test_which_statuses_have_a_body_that_is_read(status: int, read: bool) -> None:
    """All but redirects."""
    assert bool(marks(status, body="see eais.rkn.gov.ru")) is read
