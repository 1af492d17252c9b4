"""The fingerprints of known pages: block pages, pages that servers write themselves, and wording that both use.

They come from open reporting: hosts to which Russian providers redirect (quoted in public threads and in OONI's
fingerprints), phrases of the block pages that laws prescribe, and block pages of other countries. An id names its
page: `ru.mts` is a block page. An id beginning with `own.` is a page of the server or its content network (a CAPTCHA, a
refusal by country) and speaks against blocking, even beside a block page's. An id beginning with `doubt.` is wording
that filters use and servers too: such a page proves nothing in clear text, neither way.
"""

# ruff: noqa: RUF001 - block pages are written in Cyrillic and Turkish letters

from __future__ import annotations

import msgspec


class Fingerprint(msgspec.Struct, frozen=True):
    """One known page. Each of its signs alone identifies it.

    Attributes:
        id: stable; stored evidence may hold it.
        hosts: the page is a redirect to one of these hosts or a host below, by its location, in a refresh, a script, a
            frame or a form; a mere link is none.
        location: or a redirect to a URL that contains this.
        text: or its sample contains one of these phrases, in lower case, in its markup or in what it shows.
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
        "ru.regional",
        hosts=(
            *("block.mgts.ru", "unblock.mts.ru", "erblock.crimea.com", "block.orionnet.ru", "site-blocked.ru"),
            *("block.intersat.ru", "blockpage.kmv.ru", "blacklist.planeta.tc", "block.naukanet.ru", "t2rkn.com"),
            *("zapret-info.tis-dialog.ru", "zapret.westcall.net", "block.ecotelecom.ru", "block.runnet.ru"),
            *("block.k-telecom.org", "blocked.ti.ru", "deny.cifra1.ru", "block.kmtn.ru", "forbidden.2kom.ru"),
            *("blocked.inetvl.ru", "block.msk.avantel.ru", "law.filter.comfortel.pro", "rkn.pakt.ru"),
        ),
        source=_RU,
    ),
    Fingerprint(
        "ru.law",
        text=(
            "доступ к запрашиваемому ресурсу ограничен",
            "доступ к информационному ресурсу ограничен",
            "ресурс заблокирован по решению",
            "доступ к данному ресурсу заблокирован",
            "доступ ограничен в соответствии с федеральным",
            "заблокирован в соответствии с федеральным",
            "доступ к сайту ограничен в соответствии с федеральными законами",
            "доступ к запрашиваемому ресурсу закрыт",
            "доступ к запрашиваемому вами интернет-ресурсу ограничен",
            "доступ к запрашиваемому вами ресурсу ограничен",
            "запрашиваемый ресурс заблокирован",
            "включен в единый реестр доменных имен",
            "доступ к ресурсу ограничен на основании",
        ),
        source="wording of block pages under Russian law 149-FZ",
    ),
    Fingerprint("by.mininfo", hosts=("82.209.230.23",), location="/mininfo/", source=_OPEN),
    Fingerprint("by.mts", location="internet.mts.by/blocked", source=_OPEN),
    Fingerprint(
        "ir.peyvandha",
        hosts=("peyvandha.ir",),
        location="peyvandha.ir",
        text=("peyvandha.ir", "internet.ir/"),
        source=_OPEN,
    ),
    Fingerprint(
        "ir.frame",
        hosts=("10.10.34.34", "10.10.34.35", "10.10.34.36"),
        text=('<iframe src="http://10.10.34.3', '<iframe src="http://[d0:'),
        source="Iran's block page, an inner frame from a private address",
    ),
    Fingerprint(
        "tr.btk",
        text=("5651 sayılı kanun", "5651 sayili kanun", "law nr. 5651", "telekomünikasyon iletişim başkanlığı"),
        hosts=("aidiyet.btk.gov.tr", "internet2.btk.gov.tr"),
        source=_OPEN,
    ),
    Fingerprint(
        "tr.safe_internet",
        hosts=("bilgi.turktelekom.com.tr",),
        text=("güvenli internet uyarı",),
        source=_OPEN,
    ),
    Fingerprint(
        "id.internetpositif",
        hosts=(
            *("internetpositif.id", "internet-positif.org", "mercusuar.uzone.id", "internetpositif.uzone.id"),
            *("block.uzone.id", "positif.uzone.id", "trustpositif.kominfo.go.id", "trustpositif.komdigi.go.id"),
            *("lamanlabuh.aduankonten.id", "internetpositif.mncplaymedia.com", "xblock.gmedia.net.id"),
        ),
        location="internetpositif",
        text=(
            ".uzone.id/assets/internetpositif",
            "trustpositif.kominfo.go.id",
            "lamanlabuh.aduankonten.id",
            "tidak bisa diakses melalui jaringan ini",
            "tidak dapat diakses melalui jaringan ini",
            "akses anda ke situs ini telah diblokir",
            "in order to provide internet sehat",
            "sebagai bentuk dukungan terhadap program",
            "<title>internet positif",
        ),
        source=_OPEN,
    ),
    Fingerprint(
        "in.dot",
        hosts=("49.44.18.34", "117.239.141.30"),
        location="www.airtel.in/dot",
        text=(
            "as per the directions of department of telecommunications",
            "blocked as per the instructions of the competent government authority",
            "has been blocked as per the instructions of the dot",
            "has been blocked as per instructions from department of telecommunications",
            "blocked under instructions of the competent government authority",
            "://www.airtel.in/dot",
            "://www.airtel.in/court-orders",
        ),
        source=_OPEN + "; frames of Indian providers quoted in public reports (CIS India, 2019-2020)",
    ),
    Fingerprint(
        "pk.surf_safely",
        text=("prohibited for viewership from within pakistan", "119.73.65.87:8080/redirect.html"),
        source="the regulator's page `Surf Safely`, quoted in public reports; " + _OPEN,
    ),
    Fingerprint(
        "it.order",
        text=(
            "agcom stop page",
            "gdf stop page",
            "matomo giochi illegali adm",
            "avvertenza - sito non raggiungibile",
            "sito internet non raggiungibile",
            "sito oscurato per ordine",
            "sito web sottoposto a sequestro",
            "decreto dell'amministrazione autonoma dei monopoli di stato",
        ),
        source=_OPEN,
    ),
    Fingerprint(
        "my.notice",
        text=("this website is not available in malaysia as it violate", "makluman/notification"),
        source=_OPEN,
    ),
    Fingerprint(
        "th.order",
        hosts=("103.208.24.21", "103.86.50.16", "prohibit.ais-idc.com", "110.164.252.137"),
        text=(
            "ถูกระงับโดยกระทรวง",
            "ได้ถูกระงับการเผยแพร่ตามคำสั่ง",
            "ได้มีคำสั่งให้ระงับการเผยแพร่",
            "has been disabled because the ministry of digital economic",
            "information and communication technology has temporarily ceased the service",
        ),
        source=_OPEN,
    ),
    Fingerprint("eg.etisalat", hosts=("notification.etisalat.com.eg",), source=_OPEN),
    Fingerprint(
        "gulf.notice",
        hosts=(
            *("restrict.kw.zain.com", "blocked.fasttelco.net", "censor.qa", "block.om", "siteblocked.om"),
            *("deny.yemen.net.ye", "proxy.etisalat.ae", "blocking-web-server.isu.net.sa"),
        ),
        location="www.vodafone.qa/alu.cfm",
        text=("www.viva.com.bh/static/block", "menatelecom.com/deny_page", "it-security-operations@etisalat.ae"),
        server="protected by wirefilter",
        source=_OPEN,
    ),
    Fingerprint("uz.register", hosts=("reestr.mitc.uz",), source=_OPEN),
    Fingerprint(
        "sg.mda",
        text=("unavailable as it contains prohibited material", "starhub.com/mda-blocked"),
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
    Fingerprint(
        "kr.warning",
        hosts=("warning.or.kr", "cleanmobile01.nate.com", "cleanmobile02.nate.com", "cleanweb1.uplus.co.kr"),
        text=("불법·유해정보(사이트)에 대한 차단", "불법·유해 정보(사이트)에 대한 차단", "청소년 유해차단서비스"),
        source=_OPEN + "; wording of the regulator's page",
    ),
    Fingerprint(
        "eu.order",
        hosts=("stopages.fgov.be", "notice.cuii.info"),
        text=(
            "illegal according to belgian legislation",
            "lagt at blokere for adgang til siden",
            "page-blocage-terrorisme",
            "bloqueado por ordem judicial",
            "acesso bloqueado por entidade judici",
            "gamingcommission.gov.gr/index.php/forbidden-access-black-list",
            "contenido bloqueado por requerimiento de la autoridad competente",
            "je na základe príkazu súdu zablokovaná",
            "oficiul național pentru jocuri de noroc",
        ),
        source=_OPEN,
    ),
    Fingerprint(
        "gb.content_control",
        hosts=("block.cf.sky.com", "blocked.nb.sky.com", "blockpage.bt.com"),
        location="assets.o2.co.uk/18plusaccess",
        text=("blockpage.bt.com/pcstaticpage",),
        source=_OPEN,
    ),
    Fingerprint(
        "filter.appliance",
        hosts=(
            *("block.opendns.com", "malware.opendns.com", "notify.bluecoat.com", "gateway.zscaler.net"),
            *("gateway.zscalertwo.net", "blocked.netalerts.io", "blockpage-cdn.safedns.com", "error.etp.akamai.com"),
            *("lsaccess.me", "warn.recursive.dnsbycomodo.com", "alert.scansafe.net"),
        ),
        text=(
            "fortiguard intrusion prevention - access blocked",
            "powered by fortiguard",
            "fortiguard web filtering",
            "you have tried to access a web page which is in violation of your internet usage policy",
            "fortigate application control",
            "<title>lightspeed system",
            "poweredbynetsweeper.com",
            "/webadmin/deny",
            ":15871/cgi-bin/block",
            "this web page is blocked because it violates network policy",
            "this domain is blocked due to content filtering",
            "this site is blocked due to content filtering",
            "visit has been blocked in accordance with company policy",
            "sonicwall - web site blocked",
            "cfssupport.sonicwall.com",
            "mcafee web gateway - notification - blocked",
            "access to the requested site has been restricted due to its contents",
            "<title>web filter violation",
            "pustekkom web filtering",
            "policyname=btk_filter",
        ),
        location="/webadmin/deny",
        source=_OPEN + ": filters of companies, schools and providers",
    ),
    Fingerprint(
        "filter.forward",
        location="/php/urlblock.php",
        source=_OPEN + ": Palo Alto Networks",
    ),
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
    Fingerprint(
        "own.akamai", text=("errors.edgesuite.net", "akamai error page"), source="the content network's error page"
    ),
    Fingerprint("own.cloudfront", text=("generated by cloudfront",), source="the content network's error page"),
    Fingerprint(
        "own.captcha",
        text=("g-recaptcha", "hcaptcha.com/1/api.js", "smartcaptcha.yandexcloud", "geo.captcha-delivery.com"),
        source="scripts of CAPTCHA services",
    ),
    Fingerprint(
        "doubt.denial",
        text=(
            *("access denied", "access to this site is blocked", "access to this website is blocked"),
            *("website has been blocked", "site has been blocked", "page has been blocked", "url has been blocked"),
            *("web page blocked", "web site blocked", "website blocked", "site blocked", "access restricted"),
            *("access is restricted", "blocked by your network", "blocked by your administrator"),
            *("blocked by the provider", "blocked by order", "not available in your country"),
            *("доступ ограничен", "доступ запрещен", "доступ запрещён", "доступ закрыт", "доступ к ресурсу"),
            *("ресурс заблокирован", "сайт заблокирован", "доступ заблоковано", "доступ обмежено"),
            *("erişime engellenmiştir", "erişim engellenmiştir", "telah diblokir", "situs diblokir"),
            *("acceso restringido", "página bloqueada", "sitio bloqueado", "acesso bloqueado", "site bloqueado"),
            *("accès bloqué", "site bloqué", "sito bloccato", "zugriff gesperrt", "dostęp zablokowany"),
            *("您访问的网站", "已被屏蔽", "차단되었습니다", "차단 안내", "閲覧できません", "ถูกระงับ"),
            *("محجوب", "محظور", "تم حجب", "دسترسی به این سایت", "مسدود"),
        ),
        source="wording of block pages and of servers' own refusals alike",
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
