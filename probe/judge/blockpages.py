"""Known block pages, and known pages that only look like one.

The patterns are facts from open reporting: hosts to which Russian providers redirect (their own notices, as quoted in
public threads and in OONI's fingerprints), phrases of the notices that the law prescribes, and notices of other
countries. A mark names its pattern: `ru.mts` is a block page; a mark beginning with `own.` is the server's or its
content network's own word (a CAPTCHA, a refusal by country) and speaks against blocking, even beside a block page's.

A mark means something only on a page that came in clear text, or at the end of redirects of which one did. Over TLS
that verified from the first hop on, a page is the server's own word whatever it says: only the holder of the key can
have written it. (A provider-side refusal, like `vk.com/blank.php?rkn=`, reads like a block page and is none.)
"""

# ruff: noqa: RUF001 - the notices are written in Cyrillic and Turkish letters

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from probe.judge.sites import host_of

BODY_LIMIT = 65_536
"""Characters of a body that are searched: the notices stand at the top of short pages."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """One known page.

    Attributes:
        id: the mark.
        hosts: it redirects to one of these hosts or below.
        location: or to a URL that contains this.
        body: or its body contains one of these phrases, whatever their case.
        header: or a header field of this name has a value that contains this, as (name, part).
        source: where it was seen.
    """

    id: str
    hosts: tuple[str, ...] = ()
    location: str = ""
    body: tuple[str, ...] = ()
    header: tuple[str, str] | None = None
    source: str = ""


_RU = "notices of Russian providers, OONI blocking-fingerprints 2024-10"
_OPEN = "OONI blocking-fingerprints 2024-10"

PATTERNS: tuple[Pattern, ...] = (
    Pattern("ru.rostelecom", hosts=("warning.rt.ru", "block.rt.ru", "zapret.sibirtelecom.ru"), source=_RU),
    Pattern("ru.ttk", hosts=("fz139.ttk.ru", "fz139.transtk.ru"), source=_RU),
    Pattern("ru.ertelecom", hosts=("lawfilter.ertelecom.ru", "lawfilter.domru.ru"), source=_RU),
    Pattern("ru.mts", hosts=("blocked.mts.ru", "subblock.mts.ru", "blocked.mgts.ru"), source=_RU),
    Pattern("ru.megafon", hosts=("m.megafonpro.ru", "forbidden.yota.ru"), source=_RU),
    Pattern("ru.tele2", hosts=("t2blocked.com", "blocked.t2.ru"), source=_RU),
    Pattern("ru.beeline", hosts=("blackhole.beeline.ru", "block.beeline.ru"), source=_RU),
    Pattern("ru.netbynet", hosts=("blocked.netbynet.ru",), source=_RU),
    Pattern("ru.akado", hosts=("blocked.akado.ru",), source=_RU),
    Pattern("ru.2090000", hosts=("zapret.2090000.ru",), source=_RU),
    Pattern("ru.is74", hosts=("you-shall-not-pass.is74.ru",), source=_RU),
    Pattern("ru.tinkoff", hosts=("blocked.tinkoff.ru", "blocked.tbank.ru"), source=_RU),
    Pattern("ru.register", body=("eais.rkn.gov.ru", "blocklist.rkn.gov.ru", "zapret-info.gov.ru"), source=_RU),
    Pattern(
        "ru.law",
        body=(
            "доступ к запрашиваемому ресурсу ограничен",
            "доступ к информационному ресурсу ограничен",
            "ресурс заблокирован по решению",
            "доступ к данному ресурсу заблокирован",
            "доступ ограничен в соответствии с федеральным",
            "заблокирован в соответствии с федеральным",
        ),
        source="wording of the notice under Russian law 149-FZ",
    ),
    Pattern("by.mininfo", hosts=("82.209.230.23",), location="/mininfo/", source=_OPEN),
    Pattern("by.mts", location="internet.mts.by/blocked", source=_OPEN),
    Pattern("ir.peyvandha", location="peyvandha.ir", body=("peyvandha.ir", "internet.ir/"), source=_OPEN),
    Pattern(
        "ir.frame",
        body=('<iframe src="http://10.10.34.3',),
        source="Iran's notice, an inner frame of a private address",
    ),
    Pattern("tr.btk", body=("5651 sayılı kanun",), hosts=("aidiyet.btk.gov.tr",), source=_OPEN),
    Pattern(
        "id.internetpositif",
        hosts=("internetpositif.id", "mercusuar.uzone.id", "trustpositif.kominfo.go.id"),
        source=_OPEN,
    ),
    Pattern(
        "in.dot",
        body=(
            "as per the directions of department of telecommunications",
            "blocked as per the instructions of the competent government authority",
        ),
        source=_OPEN,
    ),
    Pattern("kz.notice", body=("по решению уполномоченных органов республики казахстан",), source=_OPEN),
    Pattern("ua.decree", body=("указом президента україни",), source=_OPEN),
    Pattern(
        "ae.notice",
        hosts=("lighthouse.du.ae",),
        body=("prohibited under the internet access management",),
        source=_OPEN,
    ),
    Pattern("sa.notice", body=("access to the requested url is not allowed",), source=_OPEN),
    Pattern("kr.warning", hosts=("warning.or.kr", "www.warning.or.kr"), source=_OPEN),
    Pattern("uk.court", hosts=("ukispcourtorders.co.uk", "www.ukispcourtorders.co.uk"), source=_OPEN),
    Pattern(
        "generic.court",
        body=(
            "this site has been blocked by order of",
            "this website has been blocked by order of",
            "access to this site has been blocked by your internet service provider",
            "this website is blocked by your network operator",
        ),
        source="wording common to many providers' notices",
    ),
    Pattern(
        "own.vk",
        location="vk.com/blank.php?rkn=",
        source="a refusal by the site itself, bound to the visitor's country",
    ),
    Pattern(
        "own.cloudflare",
        header=("cf-mitigated", "challenge"),
        body=("cdn-cgi/challenge-platform", "cf-error-details"),
        source="the content network's challenge and error pages",
    ),
    Pattern("own.akamai", body=("errors.edgesuite.net",), source="the content network's error page"),
    Pattern("own.cloudfront", body=("generated by cloudfront",), source="the content network's error page"),
    Pattern(
        "own.captcha",
        body=("g-recaptcha", "hcaptcha.com/1/api.js", "smartcaptcha.yandexcloud", "geo.captcha-delivery.com"),
        source="scripts of CAPTCHA services",
    ),
    Pattern("own.ddos_guard", header=("server", "ddos-guard"), source="the protection service's header"),
    Pattern("own.incapsula", body=("_incapsula_resource",), source="the protection service's script"),
)

STUBS = frozenset(
    {
        "62.33.207.196",
        "62.33.207.197",
        "95.167.13.50",
        "95.167.13.51",
        "188.19.132.154",
        "188.19.132.155",
        "188.186.146.207",
        "188.186.146.208",
        "188.186.154.79",
        "188.186.154.88",
        "5.3.3.17",
        "193.58.251.1",
    }
)
"""Addresses that Russian resolvers answer with in place of a name's own: TTK, Rostelecom, ER-Telecom, SkyDNS (OONI
blocking-fingerprints 2024-10). An address on it may refuse the connection at once (bol-van/zapret#318)."""


def identify(*, status: int, location: str, headers: Mapping[str, str], body: str) -> tuple[str, ...]:
    """The marks of an HTTP answer, sorted.

    Args:
        status: of the answer; a redirect's body says nothing.
        location: absolute URL of a redirect, or empty.
        headers: fields by lower-case name.
        body: decoded text, of which the first 64 Ki characters are searched.
    """
    found: set[str] = set()
    if location:
        host = host_of(location)
        found |= {mark for known, mark in _HOSTS if host == known or host.endswith("." + known)}
        found |= {mark for part, mark in _LOCATIONS if part in location}
    if not 300 <= status < 400:
        found |= _marks_of(body[:BODY_LIMIT].lower())
    found |= {mark for (name, part), mark in _HEADERS if part in headers.get(name, "").lower()}
    return tuple(sorted(found))


def _marks_of(text: str) -> set[str]:
    """The marks of the phrases in a text of lower case, however it is spaced.

    A phrase can only be where its longest word is, and hardly any page has one of those: so the words go first, and the
    spaces are put in order only where one was found.
    """
    likely = {word for word in _WORDS if word in text}
    if not likely:
        return set()
    spaced = " ".join(text.split())
    return {mark for phrase, word, mark in _PHRASES if word in likely and phrase in spaced}


# Every answer is held against every pattern, so each part of them is laid out flat: (what to look for, mark).
_HOSTS = tuple((host, pattern.id) for pattern in PATTERNS for host in pattern.hosts)
_LOCATIONS = tuple((pattern.location, pattern.id) for pattern in PATTERNS if pattern.location)
_PHRASES = tuple((phrase, max(phrase.split(), key=len), pattern.id) for pattern in PATTERNS for phrase in pattern.body)
_WORDS = tuple(sorted({word for _, word, _ in _PHRASES}))
_HEADERS = tuple((pattern.header, pattern.id) for pattern in PATTERNS if pattern.header)


def convicting(marks: tuple[str, ...]) -> bool:
    """Whether the marks are a block page's and none is the server's own."""
    return bool(marks) and not acquitting(marks)


def acquitting(marks: tuple[str, ...]) -> bool:
    """Whether a mark says that the server or its content network wrote the page."""
    return any(mark.startswith("own.") for mark in marks)
