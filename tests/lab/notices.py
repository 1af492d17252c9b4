"""Block pages as providers send them: charsets, entities, frames, and a redirect in the page.

The words and hosts are those of published pages: OONI's and Censored Planet's fingerprints, Citizen Lab's reports.
"""
# ruff: noqa: RUF001

from __future__ import annotations

_FILL = " Для получения дополнительной информации обратитесь к оператору связи."
RUSSIAN = (
    "<html><head><title>Доступ ограничен</title></head><body><h1>Доступ к запрашиваемому ресурсу ограничен</h1>"
    "<p>Доступ к сайту ограничен на основании Федерального закона от 27.07.2006 № 149-ФЗ «Об информации, "
    "информационных технологиях и о защите информации».</p><p>Сайт внесен в Единый реестр доменных имен.</p>"
    f"<p>{_FILL}</p></body></html>"
)
"""A Russian provider's notice, in the words of the law."""
_ENTITIES = "".join(c if ord(c) < 128 else f"&#{ord(c)};" for c in RUSSIAN)
_TAGGED = RUSSIAN.replace("ограничен", "огра<b></b>ничен").replace("закона", "за&shy;кона")
IRAN = (
    '<html><head><meta http-equiv="Content-Type" content="text/html; charset=windows-1256"><title>M5-6'
    '</title></head><body><iframe src="http://10.10.34.36?type=Invalid Site&policy=MainPolicy " style="width: 100%; '
    'height: 100%" scrolling="no" marginwidth="0" marginheight="0" frameborder="0" vspace="0" hspace="0"></iframe>'
    "</body></html>\r\n\r\n"
)
"""Iran's page in place of a forbidden host's (Aryan, Aryan, Halderman: Internet Censorship in Iran, FOCI 2013)."""
INDIA = (
    '<html><head><meta name="viewport" content="width=device-width"></head><body style="margin:0px;padding:0px">'
    '<iframe src="https://www.airtel.in/dot/" style="width:100%;height:100%" frameborder="0"></iframe></body></html>'
)
"""Airtel's notice (Yadav et al., IMC 2018; OONI fingerprint nat.in.airtel)."""
INDIA_DOT = (
    "<html><head><title>Blocked</title></head><body>Your requested URL has been blocked as per the directions "
    "received from Department of Telecommunications, Government of India. Please contact administrator for more "
    "information.</body></html>"
)
TURKEY = (
    "<html><head><title>Telekom&uuml;nikasyon &#304;leti&#351;im Ba&#351;kanl&#305;&#287;&#305;</title></head><body>"
    "<p>5651 say&#305;l&#305; Kanun uyar&#305;nca yap&#305;lan teknik inceleme ve hukuki "
    "de&#287;erlendirme sonucunda bu "
    "internet sitesi hakk&#305;nda al&#305;nan karar uygulanmaktad&#305;r. This website has been blocked by the "
    "Information and Communication Technologies Authority.</p></body></html>"
)
INDONESIA = (
    "<html><head><title>Internet Positif</title></head><body><h1>INTERNET POSITIF</h1><p>Mohon maaf, akses ke situs "
    "ini diblokir. Situs ini tidak dapat diakses melalui jaringan ini karena terindikasi mengandung "
    "unsur yang melanggar "
    "peraturan perundang-undangan. trustpositif.kominfo.go.id</p></body></html>"
)
PAKISTAN = (
    "<html><head><title>Surf Safely!</title></head><body><h1>Surf Safely!</h1><p>This website is not accessible in "
    "Pakistan. The site you are trying to access contains content that is prohibited for viewership from within "
    "Pakistan.</p></body></html>"
)
UK = (
    "<html><head><title>Access to this site has been blocked</title></head><body><p>Access to the "
    "websites listed on this "
    "page has been blocked pursuant to orders of the High Court. ukispcourtorders.co.uk</p></body></html>"
)
ITALY = (
    "<html><head><title>Sito non raggiungibile</title></head><body><p>Il sito è stato oscurato in ottemperanza al "
    "provvedimento dell'Autorità giudiziaria. Accesso inibito. AGCOM - Agenzia delle dogane e dei "
    "monopoli</p></body></html>"
)
UKRAINE = (
    '<html><head><meta charset="utf-8"><title>Доступ обмежено</title></head><body><p>Доступ до ресурсу заблоковано '
    "згідно з Указом Президента України № 133/2017 про санкції Ради національної безпеки і оборони.</p></body></html>"
)
FORTIGUARD = (
    "<html><head><title>Web Filter Violation</title></head><body><h1>FortiGuard Intrusion Prevention - Access Blocked"
    "</h1><h2>Web Page Blocked!</h2><p>You have tried to access a web page which is in violation of "
    "your internet usage "
    "policy.</p></body></html>"
)
SPAIN = (
    "<html><head><title>Contenido bloqueado</title></head><body><p>Contenido bloqueado por "
    "requerimiento de la Autoridad "
    "Competente, comunicado a esta Operadora.</p></body></html>"
)
_REFRESH = '<html><head><meta http-equiv="refresh" content="0;url={}"></head><body></body></html>'
_SCRIPT = '<html><head><script>window.location.href = "{}";</script></head><body></body></html>'
_FRAME = '<html><body><iframe src="{}" width="100%" height="100%"></iframe></body></html>'

WRITTEN: dict[str, bytes] = {
    "windows-1251": RUSSIAN.encode("cp1251"),
    "windows-1251-mislabelled": RUSSIAN.replace("<head>", '<head><meta charset="utf-8">').encode("cp1251"),
    "cp866": RUSSIAN.replace("«", '"').replace("»", '"').encode("cp866", "replace"),
    "koi8-r": RUSSIAN.replace("«", '"').replace("»", '"').encode("koi8-r", "replace"),
    "utf-16": RUSSIAN.encode("utf-16"),
    "entities": _ENTITIES.encode(),
    "tags-inside": _TAGGED.encode(),
    "refresh": _REFRESH.format("http://warning.rt.ru/?id=17&st=0&dt=151.0.0.1&rs=http://x.org/").encode(),
    "script": _SCRIPT.format("http://fz139.ttk.ru/").encode(),
    "frame": _FRAME.format("http://lawfilter.ertelecom.ru/").encode(),
    "iran": IRAN.encode(),
    "india": INDIA.encode(),
    "india-dot": INDIA_DOT.encode(),
    "turkey": TURKEY.encode(),
    "indonesia": INDONESIA.encode(),
    "pakistan": PAKISTAN.encode(),
    "uk": UK.encode(),
    "italy": ITALY.encode("latin-1"),
    "ukraine": UKRAINE.encode(),
    "fortiguard": FORTIGUARD.encode(),
    "spain": SPAIN.encode(),
    "denied": b"<html><head><title>Access Denied</title></head><body><h1>Access Denied</h1>Policy: 17.</body></html>\n",
    "denied-short": b"<html><head><title>Denied</title></head><body>Access Denied" + b"." * 60 + b"</body></html>\n\n",
}
"""The pages that `written:NAME` sites serve."""


def answer(page: str | bytes, status: str = "200 OK", charset: str = "") -> str:
    """The page as a box's whole HTTP answer."""
    body = page if isinstance(page, str) else page.decode("latin-1")
    kind = f"text/html{f'; charset={charset}' if charset else ''}"
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body.encode())}\r\n"
    return (head + "Connection: close\r\n\r\n" + body).replace("{", "{{").replace("}", "}}")
