"""Known block pages, and known pages that only look like one, recognised from the facts that evidence stores of a page.

The fingerprints come from open reporting: hosts to which Russian providers redirect (quoted in public threads and in
OONI's fingerprints), phrases of the block pages that laws prescribe, and block pages of other countries. An id names
its page: `ru.mts` is a block page. An id beginning with `own.` is a page of the server or its content network (a
CAPTCHA, a refusal by country) and speaks against blocking, even beside a block page's.

A fingerprint counts only on a page in clear text, or at the end of redirects with one in clear text. A page over
TLS that verified from the first hop on is the server's own, whatever it says: only the holder of the key can have
written it. (A refusal by the site, like `vk.com/blank.php?rkn=`, reads like a block page and is none.)

Evidence stores what the page was (`Exchange.sample`, `location`, `headers`, `server`), never which fingerprint it has:
a fingerprint that is added later finds block pages in old evidence too. Versions up to 0.1.0 stored ids in
`Exchange.marks` in place of a sample; they still count.
"""

# ruff: noqa: RUF001 - block pages are written in Cyrillic and Turkish letters

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache

from probe.judge.sites import host_of
from probe.model.observation import Exchange

MAX_TEXT_CHARACTERS = 8_192
"""Characters of a stored sample that are searched; a measurement stores fewer (`probe.measure.page_sample`), evidence
from elsewhere may hold any number."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """One known page. Each of its signs alone identifies it.

    Attributes:
        id: stable; stored evidence may hold it.
        hosts: the page is a redirect to one of these hosts or a host below.
        location: or a redirect to a URL that contains this.
        text: or its sample contains one of these phrases, in lower case.
        header: or it has a header field of this name.
        server: or its Server header field contains this, in lower case.
        source: where it was seen.
    """

    id: str
    hosts: tuple[str, ...] = ()
    location: str = ""
    text: tuple[str, ...] = ()
    header: str = ""
    server: str = ""
    source: str = ""


_RU = "block pages of Russian providers, OONI blocking-fingerprints 2024-10"
_OPEN = "OONI blocking-fingerprints 2024-10"

FINGERPRINTS: tuple[Fingerprint, ...] = (
    Fingerprint("ru.rostelecom", hosts=("warning.rt.ru", "block.rt.ru", "zapret.sibirtelecom.ru"), source=_RU),
    Fingerprint("ru.ttk", hosts=("fz139.ttk.ru", "fz139.transtk.ru"), source=_RU),
    Fingerprint("ru.ertelecom", hosts=("lawfilter.ertelecom.ru", "lawfilter.domru.ru"), source=_RU),
    Fingerprint("ru.mts", hosts=("blocked.mts.ru", "subblock.mts.ru", "blocked.mgts.ru"), source=_RU),
    Fingerprint("ru.megafon", hosts=("m.megafonpro.ru", "forbidden.yota.ru"), source=_RU),
    Fingerprint("ru.tele2", hosts=("t2blocked.com", "blocked.t2.ru"), source=_RU),
    Fingerprint("ru.beeline", hosts=("blackhole.beeline.ru", "block.beeline.ru"), source=_RU),
    Fingerprint("ru.netbynet", hosts=("blocked.netbynet.ru",), source=_RU),
    Fingerprint("ru.akado", hosts=("blocked.akado.ru",), source=_RU),
    Fingerprint("ru.2090000", hosts=("zapret.2090000.ru",), source=_RU),
    Fingerprint("ru.is74", hosts=("you-shall-not-pass.is74.ru",), source=_RU),
    Fingerprint("ru.tinkoff", hosts=("blocked.tinkoff.ru", "blocked.tbank.ru"), source=_RU),
    Fingerprint("ru.register", text=("eais.rkn.gov.ru", "blocklist.rkn.gov.ru", "zapret-info.gov.ru"), source=_RU),
    Fingerprint(
        "ru.law",
        text=(
            "доступ к запрашиваемому ресурсу ограничен",
            "доступ к информационному ресурсу ограничен",
            "ресурс заблокирован по решению",
            "доступ к данному ресурсу заблокирован",
            "доступ ограничен в соответствии с федеральным",
            "заблокирован в соответствии с федеральным",
        ),
        source="wording of block pages under Russian law 149-FZ",
    ),
    Fingerprint("by.mininfo", hosts=("82.209.230.23",), location="/mininfo/", source=_OPEN),
    Fingerprint("by.mts", location="internet.mts.by/blocked", source=_OPEN),
    Fingerprint("ir.peyvandha", location="peyvandha.ir", text=("peyvandha.ir", "internet.ir/"), source=_OPEN),
    Fingerprint(
        "ir.frame",
        text=('<iframe src="http://10.10.34.3',),
        source="Iran's block page, an inner frame from a private address",
    ),
    Fingerprint("tr.btk", text=("5651 sayılı kanun",), hosts=("aidiyet.btk.gov.tr",), source=_OPEN),
    Fingerprint(
        "id.internetpositif",
        hosts=("internetpositif.id", "mercusuar.uzone.id", "trustpositif.kominfo.go.id"),
        source=_OPEN,
    ),
    Fingerprint(
        "in.dot",
        text=(
            "as per the directions of department of telecommunications",
            "blocked as per the instructions of the competent government authority",
        ),
        source=_OPEN,
    ),
    Fingerprint("kz.notice", text=("по решению уполномоченных органов республики казахстан",), source=_OPEN),
    Fingerprint("ua.decree", text=("указом президента україни",), source=_OPEN),
    Fingerprint(
        "ae.notice",
        hosts=("lighthouse.du.ae",),
        text=("prohibited under the internet access management",),
        source=_OPEN,
    ),
    Fingerprint("sa.notice", text=("access to the requested url is not allowed",), source=_OPEN),
    Fingerprint("kr.warning", hosts=("warning.or.kr", "www.warning.or.kr"), source=_OPEN),
    Fingerprint("uk.court", hosts=("ukispcourtorders.co.uk", "www.ukispcourtorders.co.uk"), source=_OPEN),
    Fingerprint(
        "generic.court",
        text=(
            "this site has been blocked by order of",
            "this website has been blocked by order of",
            "access to this site has been blocked by your internet service provider",
            "this website is blocked by your network operator",
        ),
        source="wording common to block pages of many providers",
    ),
    Fingerprint(
        "own.vk",
        location="vk.com/blank.php?rkn=",
        source="a refusal by the site itself, bound to the visitor's country",
    ),
    Fingerprint(
        "own.cloudflare",
        header="cf-mitigated",
        text=("cdn-cgi/challenge-platform", "cf-error-details"),
        source="the content network's challenge and error pages",
    ),
    Fingerprint("own.akamai", text=("errors.edgesuite.net",), source="the content network's error page"),
    Fingerprint("own.cloudfront", text=("generated by cloudfront",), source="the content network's error page"),
    Fingerprint(
        "own.captcha",
        text=("g-recaptcha", "hcaptcha.com/1/api.js", "smartcaptcha.yandexcloud", "geo.captcha-delivery.com"),
        source="scripts of CAPTCHA services",
    ),
    Fingerprint("own.ddos_guard", server="ddos-guard", source="the protection service's header"),
    Fingerprint("own.incapsula", text=("_incapsula_resource",), source="the protection service's script"),
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
blocking-fingerprints 2024-10). Such an address may refuse the connection at once (bol-van/zapret#318)."""


class FingerprintTable:
    """Fingerprints laid out for searching: one table per kind of sign.

    Args:
        fingerprints: those to look for.
    """

    def __init__(self, fingerprints: Iterable[Fingerprint]) -> None:
        known = tuple(fingerprints)
        self._hosts = tuple((host, one.id) for one in known for host in one.hosts)
        self._locations = tuple((one.location, one.id) for one in known if one.location)
        self._headers = tuple((one.header, one.id) for one in known if one.header)
        self._servers = tuple((one.server, one.id) for one in known if one.server)
        self._phrases = tuple((phrase, max(phrase.split(), key=len), one.id) for one in known for phrase in one.text)
        self._longest_words = tuple(sorted({word for _, word, _ in self._phrases}))
        # The same page is asked about several times, and block pages are few.
        self._identify = lru_cache(maxsize=1024)(self.identify)

    def fingerprints_of(self, page: Exchange) -> tuple[str, ...]:
        """The ids of the fingerprints that an answer has, sorted; those that an older version stored among them."""
        found = self._identify(
            status=page.status,
            location=page.location,
            headers=page.headers,
            server=page.server,
            text=page.sample[:MAX_TEXT_CHARACTERS],
        )
        return tuple(sorted({*page.marks, *found})) if page.marks else found

    def identify(
        self, *, status: int, location: str = "", headers: tuple[str, ...] = (), server: str = "", text: str = ""
    ) -> tuple[str, ...]:
        """The ids of the fingerprints that these facts have, sorted.

        Args:
            status: of the answer; the text of a redirect is not searched.
            location: absolute URL of a redirect, or empty.
            headers: names of header fields, in lower case.
            server: value of the Server header field.
            text: of the page, as evidence stores it.
        """
        found: set[str] = set()
        if location:
            host = host_of(location)
            found |= {id_ for known, id_ in self._hosts if host == known or host.endswith("." + known)}
            found |= {id_ for part, id_ in self._locations if part in location}
        if not 300 <= status < 400:
            found |= self._by_text(text.lower())
        found |= {id_ for name, id_ in self._headers if name in headers}
        found |= {id_ for part, id_ in self._servers if part in server.lower()}
        return tuple(sorted(found))

    def _by_text(self, text: str) -> set[str]:
        """The ids of the phrases in a text in lower case, whatever its white space.

        A phrase can only be where its longest word is, and hardly any page has one of those words. So the words are
        looked for first, and white space is collapsed only where one was found.
        """
        likely = {word for word in self._longest_words if word in text}
        if not likely:
            return set()
        collapsed = " ".join(text.split())
        return {id_ for phrase, word, id_ in self._phrases if word in likely and phrase in collapsed}


KNOWN = FingerprintTable(FINGERPRINTS)


def has_fingerprint(page: Exchange) -> bool:
    """Whether an answer is a known page, of the server or not."""
    return bool(KNOWN.fingerprints_of(page))


def fingerprints_of(page: Exchange) -> tuple[str, ...]:
    """The ids of the known fingerprints that an answer has, sorted."""
    return KNOWN.fingerprints_of(page)


def is_blockpage(fingerprints: Collection[str]) -> bool:
    """Whether the fingerprints are of block pages only."""
    return bool(fingerprints) and not is_server_page(fingerprints)


def is_server_page(fingerprints: Collection[str]) -> bool:
    """Whether a fingerprint says that the server or its content network wrote the page."""
    return any(one.startswith("own.") for one in fingerprints)
