"""Configurations of the lab's servers: nginx for ordinary sites, `oddities.py` for the rest, certificates for both."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

from tests.lab.notices import WRITTEN
from tests.lab.world import FILTER_PAGE, FILTERING, PUBLIC_RESOLVER, STUB, TRUSTED_SIX, Placed

ORDINARY = (
    *("page", "short", "brief", "big", "notice", "captcha", "onward", "status", "redirect", "loop"),
    *("home", "permanent", "generate", "same", "top-up", "written", "old-page", "closes"),
)
LIMITS = {"short": "large_client_header_buffers 2 2k; ", "brief": "keepalive_requests 4; "}
"""Servers that refuse a header field of 4 KiB (400, and they close) or a fifth request on a connection."""
SPEAKER = 7443
"""The port of the server that answers for whole ranges, whose connections are redirected to it."""
BIG = 256 * 1024
"""Octets of a `big` page: four times what a freeze needs to show (64 KiB)."""
HOME = 30_000
"""Octets of a `home` page: the HTML of the median home page (HTTP Archive, Web Almanac 2022, 31 kB)."""
MANY_NAMES = 60
"""Names of a `long` certificate, which make its chain as long as a real one's: about 4 kB."""
_TEXT = "The lab serves this page to everybody who can reach it. "
_GROUP_TWO = bytes.fromhex(
    "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404ddef9519b3cd3a431b"
    "302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe6"
    "49286651ece65381ffffffffffffffff"
)
"""The prime of 1,024 bits of RFC 2409, 6.2."""
_DER = b"\x30\x81\x87\x02\x81\x81\0" + _GROUP_TWO + b"\x02\x01\x02"
OLD_PARAMETERS = "\n".join(
    ("-----BEGIN DH PARAMETERS-----", base64.encodebytes(_DER).decode().strip(), "-----END DH PARAMETERS-----", "")
)
"""Diffie-Hellman parameters that clients have refused since 2015 (Logjam)."""
STUB_PAGE = (
    "<html><head><title>Access restricted</title></head><body><h1>Access to this site is restricted</h1>"
    "<p>By decision of the authorities, in accordance with the federal laws on information.</p></body></html>"
)
"""A provider's block page in the usual words."""
CAPTCHA = (
    "<html><head><title>Just a moment...</title></head><body><p>Checking your browser before accessing the site.</p>"
    '<div id="challenge-form" class="cf-browser-verification"></div></body></html>'
)
"""The page that content networks show to clients that they take for bots."""


class Certificates:
    """The lab's certificate authority, and a PEM file (key, then chain) for each name and quality on request."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._ca, self._stranger = trustme.CA(), trustme.CA(organization_name="Interceptor")
        self.bundle = folder / "ca.pem"
        self._ca.cert_pem.write_to_path(str(self.bundle))
        self.old_parameters = folder / "dh1024.pem"
        self.old_parameters.write_text(OLD_PARAMETERS)

    def file(self, name: str, quality: str = "good") -> Path:
        """The PEM file for a host name or address."""
        path = self._folder / f"{name.replace(':', '_')}-{quality}.pem"
        if not path.exists():
            self._issue(name, quality).private_key_and_cert_chain_pem.write_to_path(str(path))
        return path

    def _issue(self, name: str, quality: str) -> trustme.LeafCert:
        now = datetime.now(UTC)
        day = timedelta(days=1)
        match quality:
            case "expired":
                return self._ca.issue_cert(name, not_before=now - 90 * day, not_after=now - 3 * day)
            case "future":
                return self._ca.issue_cert(name, not_before=now + day, not_after=now + 90 * day)
            case "other-name":
                return self._ca.issue_cert("shared-hosting.net")
            case "self-signed":
                return trustme.CA(organization_name=name).issue_cert(name)
            case "long":
                return self._ca.issue_cert(name, *(f"a-further-name-of-the-site-{n}.{name}" for n in range(MANY_NAMES)))
            case "unknown-ca":
                return self._stranger.issue_cert(name)
            case _:
                return self._ca.issue_cert(name)


def page(title: str) -> str:
    """An ordinary page of about two kilobytes; its title identifies the site."""
    return f"<html><head><title>{title}</title></head><body><h1>{title}</h1><p>{_TEXT * 30}</p></body></html>"


def _location(what: str, port: int, place: Placed, folder: Path) -> str:
    kind, _, argument = what.partition(":")
    title = place.site.title or f"Welcome to {place.certified}"
    match kind:
        case "status":
            return f"default_type text/html; return {argument} '<html><title>{argument}</title>{argument}</html>';"
        case "redirect":
            return f"return 302 {argument};"
        case "permanent":
            return f"return 308 {argument};"
        case "generate":
            return f"default_type text/html; if ($uri = /generate_204) {{ return 204; }} return 200 '{page(title)}';"
        case "same":
            there = f"if ($uri = /portal) {{ return 200 '{page('Sign in to the airport network')}'; }}"
            return f"default_type text/html; {there} return 302 http://$host/portal?from=$uri;"
        case "top-up":
            there = f"if ($host = {place.host}) {{ return 200 '{page(title)}'; }}"
            return f"default_type text/html; {there} return 302 http://{place.host}/buy;"
        case "written":
            file = folder / f"{place.host}.html"
            file.write_bytes(WRITTEN[argument])
            return f"root {folder}; default_type 'text/html'; try_files /{file.name} =404;"
        case "old-page":
            return f"default_type text/html; return 200 '{page(f'Parked: {place.host}')}';"
        case "closes":
            there = f"if ($host = {place.host}) {{ return 444; }}"
            return f"default_type text/html; {there} return 200 '{page('Another site')}';"
        case "loop":
            return f"return 302 http{'s' if port == 443 else ''}://{place.host}/again;"
        case "onward":
            there = f"if ($uri = /next) {{ return 200 '{page(title)}'; }}"
            return f"default_type text/html; {there} return 302 https://{place.host}/next;"
        case "notice":
            return f"default_type text/html; return 200 '{STUB_PAGE}';"
        case "captcha":
            return f"default_type text/html; add_header CF-RAY 1a2b3c-FRA always; return 403 '{CAPTCHA}';"
        case "home":
            file = folder / f"{place.host}.html"
            file.write_text(page(title) + _TEXT * ((HOME - len(page(title))) // len(_TEXT)))
            return f"root {folder}; default_type text/html; try_files /{file.name} =404;"
        case "big":
            file = folder / "big.html"
            file.write_text(page(title) + _TEXT * (BIG // len(_TEXT)))
            return f"root {folder}; default_type text/html; try_files /big.html =404;"
        case _:
            return f"default_type text/html; return 200 '{page(title)}';"


def nginx_config(sites: Iterable[Placed], certificates: Certificates, folder: Path) -> str:
    """One `server` for each port of each site that nginx serves, and the ISP's block page."""
    stub = f"default_type text/html; return 200 '{STUB_PAGE}';"
    blocks = []
    for place in sites:
        for port, what in ((443, place.site.https), (80, place.site.http)):
            if what.partition(":")[0] not in ORDINARY or not place.served:
                continue
            tls = " ssl" if port == 443 else ""
            default = " default_server" if what in ("same", "top-up") else ""
            listen = " ".join(f"listen {_bracketed(a)}:{port}{tls}{default};" for a in place.served)
            key = certificates.file(place.certified, place.site.certificate) if tls else None
            pem = f"ssl_certificate {key}; ssl_certificate_key {key};" if key else ""
            location = _location(what, port, place, folder)
            limit = LIMITS.get(what, "")
            blocks.append(f"server {{ {listen} server_name {place.host}; {pem} {limit}location / {{ {location} }} }}")
    key = certificates.file("any.range.net")
    speaker = f"ssl_certificate {key}; ssl_certificate_key {key}; location / {{ {stub} }}"
    blocks.append(f"server {{ listen {SPEAKER} ssl; server_name any.range.net; {speaker} }}")
    blocks.append(f"server {{ listen {FILTER_PAGE}:80; server_name _; location / {{ {stub} }} }}")
    filter_key = certificates.file("block.dns-filter.net", "unknown-ca")
    pem = f"ssl_certificate {filter_key}; ssl_certificate_key {filter_key};"
    blocks.append(f"server {{ listen {FILTER_PAGE}:443 ssl; server_name _; {pem} location / {{ {stub} }} }}")
    blocks.append(f"server {{ listen {STUB}:80; server_name _; location / {{ {stub} }} }}")
    temporary = " ".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return (
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;\n"
        "events { worker_connections 4096; }\n"
        "http { access_log off; ssl_protocols TLSv1.2 TLSv1.3;\n"
        f"server_names_hash_bucket_size 128; keepalive_timeout 5; {temporary}\n" + "\n".join(blocks) + "\n}\n"
    )


def oddities(sites: Iterable[Placed], certificates: Certificates) -> list[dict[str, object]]:
    """Configuration of `oddities.py`: an entry for each address and port that nginx does not serve."""
    entries: list[dict[str, object]] = []
    for place in sites:
        accepting = [(port, "hang") for port in place.site.accepts]
        for port, what in ((443, place.site.https), (80, place.site.http), *accepting):
            kind, _, argument = what.partition(":")
            if kind in (*ORDINARY, "refused"):
                continue
            pem = str(certificates.file(place.certified, place.site.certificate)) if port == 443 else ""
            entries.extend(
                {
                    "address": a,
                    "port": port,
                    "kind": kind,
                    "argument": argument,
                    "certificate": pem,
                    "host": place.host,
                    "parameters": str(certificates.old_parameters),
                }
                for a in place.served
            )
    return entries


def quic_entries(sites: Iterable[Placed], certificates: Certificates) -> list[dict[str, object]]:
    """Configuration of `quicserver.py`: an entry for each address that speaks QUIC."""
    return [
        {"address": address, "certificate": str(certificates.file(place.certified, place.site.certificate))}
        for place in sites
        if place.site.quic
        for address in place.served
    ]


def nameserver_entries(certificates: Certificates, filtered: Path) -> list[dict[str, object]]:
    """The public resolvers, also over DoT and DoH: true answers, and one that filters the names in a file."""
    honest = [{"address": a, "certificate": str(certificates.file(a))} for a in (PUBLIC_RESOLVER, TRUSTED_SIX)]
    filtering = {"address": FILTERING, "certificate": str(certificates.file(FILTERING)), "lies": str(filtered)}
    return [*honest, filtering]


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address
