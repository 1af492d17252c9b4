"""Pages are decoded as browsers decode them, and where a label is wrong, by their bytes."""

# ruff: noqa: RUF001 - block pages are written in Cyrillic letters

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.measure.page_charset import MAX_DECODED_BYTES, charset, decoded
from tests.unit.measure.cpu_time import MAX_CPU_SECONDS, cpu_seconds

NOTICE = "<html><title>Доступ ограничен</title><h1>Доступ к запрашиваемому ресурсу ограничен</h1></html>"
HTML = "text/html"


@pytest.mark.parametrize("label", ["", "; charset=iso-8859-1", "; charset=utf-8", "; charset=windows-1252"])
@pytest.mark.parametrize(
    "codec", ["utf-8", "windows-1251", "cp866", "koi8-r", "iso8859-5", "utf-16-le", "utf-16-be", "utf-16"]
)
def test_a_russian_page_is_read_without_a_label_and_under_a_wrong_one(codec: str, label: str) -> None:
    """Devices on the path send the label of another charset, or none."""
    assert decoded(NOTICE.encode(codec), HTML + label) == NOTICE


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("<p>عفوا، الموقع المطلوب غير متاح", "cp1256"),
        ("<title>불법·유해정보(사이트)에 대한 차단 안내</title>", "euc-kr"),
        ("<p>该网站已被屏蔽，根据相关法律法规和政策", "gbk"),
        ("<p>このサイトはブロックされました", "shift_jis"),
        ("<p>Η πρόσβαση στον ιστότοπο έχει απαγορευτεί", "cp1253"),
        ("<p>Größe, Übung, daß, Äpfel", "cp1252"),
    ],
)
def test_other_scripts_are_read_without_a_label(text: str, codec: str) -> None:
    """From their bytes."""
    assert decoded(text.encode(codec), HTML) == text


@pytest.mark.parametrize(
    ("body", "content", "name"),
    [
        (b"x", "text/html; charset=Windows-1251", "cp1251"),
        (b"<meta charset='koi8-r'>", HTML, "koi8-r"),
        (b'<meta http-equiv="Content-Type" content="text/html; charset=cp866">', HTML, "cp866"),
        (b"<meta charset=utf-16>", HTML, "utf-8"),
        (b"<meta charset=koi8-r>", "text/html; charset=windows-1251", "cp1251"),
        (b"\xef\xbb\xbf<p>", "text/html; charset=windows-1251", "utf-8"),
        (b"\xff\xfe<\0p\0", "text/html; charset=windows-1251", "utf-16-le"),
        (b"<p>", "text/html; charset=punycode", "utf-8"),
        (b"<p>", "text/html; charset=hz-gb-2312", "utf-8"),
        (b"<p>", "text/html; charset=x-user-defined", "utf-8"),
        (b"<p>" + "д".encode()[:1], HTML, "utf-8"),
    ],
)
def test_mark_header_page_and_bytes_decide_in_this_order(body: bytes, content: str, name: str) -> None:
    """Labels are those of the Encoding standard; Python's other codecs are none."""
    found = charset(body, content)

    assert found == name or found.replace("_", "-") == name


@given(st.binary(max_size=600), st.text(max_size=40))
def test_any_bytes_are_decoded(body: bytes, content: str) -> None:
    """Nothing is raised."""
    decoded(body, content)


@pytest.mark.parametrize("unit", [b"<", b"\xff", b"<a\xe4", b"\xc3\xa0\xff", b"\0\xff", b"charset=", b"\x1b$B"])
def test_a_hostile_page_costs_little(unit: bytes) -> None:
    """Two megabytes of one repeated piece."""
    body = unit * (2_000_000 // len(unit))
    decoded(b"\xe4\xf6\xfc\xff" * 9, HTML)  # loads the tables

    assert cpu_seconds(lambda: decoded(body, HTML)) < MAX_CPU_SECONDS
    assert len(decoded(body, HTML)) <= MAX_DECODED_BYTES
