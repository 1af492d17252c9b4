"""Decode a page as browsers do: by its byte order mark, the label of the header, the label in the page, or its bytes.

Block pages are often mislabelled: devices on the path write windows-1251 or cp866 under the label of another charset,
or without any. Where a label cannot be right, the bytes decide: a notice that nobody can read must not pass for the
page of the target.
"""

from __future__ import annotations

import re

import webencodings

MAX_DECODED_BYTES = 65_536
"""Bytes of a body that are decoded."""
MAX_DETECTED_BYTES = 4_096
"""Bytes outside markup from which an unlabelled charset is guessed."""
_PRESCAN_BYTES = 2_048
"""Bytes that are searched for a label; WHATWG HTML asks for 1,024 at least."""
_FALLBACK = "cp1252"
_NOT_TEXT = frozenset({"replacement", "x-user-defined"})
"""Names of the Encoding standard for which Python has no codec."""
_MIN_FOREIGN_BYTES = 8
"""Bytes in runs outside ASCII from which a text is not of a Western language."""

_LABEL = re.compile(rb"charset\s{0,4}=\s{0,4}[\"']?([\w.:+-]{2,24})", re.IGNORECASE | re.ASCII)
_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_MARKUP = re.compile(rb"<[^<>]{0,2000}>")
_HIGH_RUN = re.compile(rb"[\x80-\xff]{4,}")
_WESTERN = frozenset({"cp1252", "iso8859-15", "iso8859-3", "mac-roman"})
"""Charsets in which text never has four letters outside ASCII in a row."""
_CANDIDATES = [
    *("cp1251", "koi8_r", "cp866", "iso8859_5", "cp1256", "cp1254", "cp1253", "cp1255", "cp874", "cp1250", "cp1252"),
    *("gb18030", "big5", "euc_kr", "shift_jis", "euc_jp"),
]
"""Legacy charsets of the Web (WHATWG Encoding) among which unlabelled bytes are guessed."""


def decoded(body: bytes, content_type: str) -> str:
    """Return the text of a page; bytes that no charset explains become U+FFFD.

    Args:
        body: of the page; only the first 64 KiB are decoded.
        content_type: value of the header field.
    """
    body = body[:MAX_DECODED_BYTES]
    return body.decode(charset(body, content_type), "replace").lstrip("\ufeff")


def charset(body: bytes, content_type: str) -> str:
    """Return the name of Python's codec for a page."""
    for mark, name in _BOMS:
        if body.startswith(mark):
            return name
    if wide := _utf16(body):
        return wide
    labelled = _labelled(content_type.encode("latin-1", "replace")) or _labelled(body[:_PRESCAN_BYTES], in_page=True)
    if labelled and _explains(labelled, body):
        return labelled
    if _explains("utf-8", body):
        return "utf-8"
    return _guessed(body) or labelled or _FALLBACK


def _labelled(text: bytes, *, in_page: bool = False) -> str:
    """Return the codec of the first label in a header field or a page; empty where there is none that browsers know."""
    # A plain search first: the pattern alone would be tried at every byte of every page.
    at = text.lower().find(b"charset")
    found = _LABEL.search(text, at) if at >= 0 else None
    encoding = webencodings.lookup(found[1].decode("ascii")) if found else None
    if encoding is None:
        return ""
    name = encoding.codec_info.name
    if name in _NOT_TEXT:
        return ""
    # A page that has an ASCII label in it is not UTF-16 (WHATWG HTML, section 13.2.3.3).
    return "utf-8" if in_page and encoding.name.startswith("utf-16") else name


def _explains(name: str, body: bytes) -> bool:
    """Whether the bytes can be text in this charset."""
    if name in _WESTERN:
        return sum(map(len, _HIGH_RUN.findall(body))) < _MIN_FOREIGN_BYTES
    if name != "utf-8":
        return True
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        # A body that is cut may end within a character.
        return error.reason == "unexpected end of data" and len(body) - error.start < 4
    return True


def _utf16(body: bytes) -> str:
    """Return the codec of UTF-16 without a mark: markup is ASCII, so every second byte of it is 0."""
    start = body[:512]
    pairs = len(start) // 2
    if pairs < 8:
        return ""
    if start[1::2].count(0) > pairs // 3 and not start[0::2].count(0):
        return "utf-16-le"
    return "utf-16-be" if start[0::2].count(0) > pairs // 3 and not start[1::2].count(0) else ""


def _guessed(body: bytes) -> str:
    """Return the charset that the text outside markup looks like; empty where none fits."""
    from charset_normalizer import from_bytes  # noqa: PLC0415 - few pages need it

    text = b" ".join(_MARKUP.sub(b" ", body).split())
    at = next((found.start() for found in re.finditer(rb"[\x80-\xff]", text)), 0)
    start = max(0, at - 64)
    best = from_bytes(text[start : start + MAX_DETECTED_BYTES], cp_isolation=_CANDIDATES).best()
    return best.encoding if best is not None else ""
