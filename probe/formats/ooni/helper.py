"""The control of a Web Connectivity measurement: what OONI's test helper saw of the same URL at the same time.

The helper follows redirects and tells the last page without its URL. So its page is compared with ours only where the
target itself answered with a page. Its addresses, and those at which it completed TLS for the name, are the target's.

OONI's probe tries the addresses that its helper knows, too, and may fetch the page there. Where the client's own
resolver gave addresses and all of them failed, that success is no user's (`without_helpers_success`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from probe.formats.ooni.chain import endpoint_of, parsed_url
from probe.formats.ooni.contents import ContentReader, ReceivedPage
from probe.formats.ooni.failure_words import failure_of
from probe.formats.ooni.records import HelperPage, OoniControl, OoniTestKeys, OoniTransaction, octets_of
from probe.formats.ooni.transactions import has_body
from probe.model.address import is_bogon, parse_address
from probe.model.failure import OWN_FAULTS, Failure
from probe.model.hop import Layer, Subject
from probe.model.observation import Exchange, Observation, Resolution
from probe.model.resolver import Trust
from probe.model.verdict import ControlFacts, ControlPage, Status

FLAG_VALID: Final = 8
"""Flag of an address in `ip_info`: the helper completed a TLS handshake for the name there."""
MAX_ADDRESSES: Final = 64
_UNKNOWN: Final = "unknown_error"
"""The helper's word for whatever it has no other word for, a certificate that does not verify among it."""


def control_facts(target: Subject, keys: OoniTestKeys, time: datetime, reader: ContentReader) -> ControlFacts | None:
    """The helper's facts about the target; None where it was not reached or was asked for something else.

    Args:
        target: what was tried at the first hop.
        keys: the test keys.
        time: of the measurement, which is the helper's, too.
        reader: reads pages.
    """
    control = keys.control
    if control is None or keys.control_failure or _is_of_another(target, keys):
        return None
    failure = _failure(target, control)
    page = control.http_request
    served = page is not None and not page.failure and (page.status_code or 0) > 0
    if not served and failure is None:
        return None
    return ControlFacts(
        time=time,
        statuses=(Status.REACHABLE,) if served else (Status.DOWN,),
        addresses={target.host: addresses} if (addresses := _addresses(target, control)) else {},
        pages=_pages(target, keys, reader) if served else (),
        failures=() if served or failure is None else (failure,),
        failing=_failing(control) if served else (),
    )


def _is_of_another(target: Subject, keys: OoniTestKeys) -> bool:
    """Whether the helper was asked for a URL of another host, or for a text that is none."""
    if keys.x_control_request is None or not keys.x_control_request.http_request:
        return False
    asked = parsed_url(keys.x_control_request.http_request)
    return asked is None or asked.host != target.host


def _failure(target: Subject, control: OoniControl) -> str | None:
    """How the helper failed at the target, as `ControlFacts.failures` has it; None where that is not known."""
    dns = failure_of(control.dns.failure) if control.dns is not None else None
    if dns is Failure.NXDOMAIN:
        return f"dns.{dns}"
    page = control.http_request
    if page is None or not page.failure:
        return None
    if control.dns is not None and not _addresses(target, control) and (dns in {None, Failure.NODATA}):
        return f"dns.{Failure.NODATA}"
    if target.scheme == "https":
        for endpoint in (control.tls_handshake or {}).values():
            failed = failure_of(endpoint.failure if isinstance(endpoint.failure, str) else None)
            if failed is not None and failed not in OWN_FAULTS:
                return f"{Layer.TLS}.{failed}"
    failed = failure_of(page.failure)
    if page.failure == _UNKNOWN or failed in OWN_FAULTS or failed is None:
        return _connect_failure(control)
    if page.failure.startswith("dns_"):
        return f"dns.{failed}"
    return f"{Layer.HTTP}.{failed}"


def _connect_failure(control: OoniControl) -> str | None:
    """How the helper failed at every address it connected to; None where one accepted, or none was tried."""
    failures = [one.failure for one in (control.tcp_connect or {}).values() if not one.status]
    if not failures or len(failures) != len(control.tcp_connect or {}):
        return None
    first = failure_of(failures[0] if isinstance(failures[0], str) else None)
    return None if first is None or first in OWN_FAULTS else f"{Layer.TCP}.{first}"


def _addresses(target: Subject, control: OoniControl) -> tuple[str, ...]:
    """The addresses that are the target's as the helper knows: those of its resolver, and those that showed TLS."""
    given = (control.dns.addrs if control.dns is not None else None) or []
    valid = [text for text, one in (control.ip_info or {}).items() if one.flags & FLAG_VALID]
    for text, endpoint in (control.tls_handshake or {}).items():
        at = endpoint_of(text)
        if at is not None and endpoint.status and endpoint.server_name.lower() == target.host:
            valid.append(at[0])
    parsed = (parse_address(text[:60]) for text in (*given, *valid))
    return tuple(dict.fromkeys(str(one) for one in parsed if one is not None))[:MAX_ADDRESSES]


def _failing(control: OoniControl) -> tuple[str, ...]:
    """The addresses that the helper could not connect to, where it connected to others."""
    works: dict[str, bool] = {}
    for text, one in (control.tcp_connect or {}).items():
        at = endpoint_of(text)
        if at is not None:
            works[at[0]] = works.get(at[0], False) or bool(one.status)
    if not any(works.values()):
        return ()
    return tuple(sorted(address for address, well in works.items() if not well and not is_bogon(address)))


def _pages(target: Subject, keys: OoniTestKeys, reader: ContentReader) -> tuple[ControlPage, ...]:
    """The helper's page, where the target answered with a page here, and the two can be compared."""
    page = keys.control.http_request if keys.control is not None else None
    first = next((one for one in reversed(keys.requests or ()) if _is_first(one, target)), None)
    if page is None or first is None or first.response is None:
        return ()
    if 300 <= (first.response.code or 0) < 400 or not _is_comparable(first, keys):
        return ()
    return (control_page(target.url, page, reader),)


def _is_first(one: OoniTransaction, target: Subject) -> bool:
    url = parsed_url(one.request.url)
    return url is not None and (url.scheme, url.host, url.port) == (target.scheme, target.host, target.port)


def _is_comparable(one: OoniTransaction, keys: OoniTestKeys) -> bool:
    """Whether the body was kept, or OONI compared it."""
    return has_body(one) or keys.title_match is not None or keys.body_proportion not in {None, 0}


def control_page(url: str, page: HelperPage, reader: ContentReader) -> ControlPage:
    """A page of the helper as the control's."""
    headers = [(name, octets_of(value)) for name, value in (page.headers or {}).items()]
    features = reader.page(ReceivedPage(url, page.status_code or 0, headers, b"", secure=False))
    return ControlPage(
        url=url,
        status=page.status_code or 0,
        title=" ".join((page.title or "").split())[:120],
        headers=features.headers,
        length=max(0, page.body_length or 0),
    )


def without_helpers_success(target: Subject, observations: Sequence[Observation]) -> tuple[Observation, ...]:
    """The observations without exchanges at addresses of the target that its client's resolver did not give.

    The handshakes there stay: a certificate that verifies shows whose address it is, whoever gave it.
    """
    if not target.is_name:
        return tuple(observations)
    given = {
        address
        for one in observations
        if isinstance(one, Resolution) and one.trust is Trust.SYSTEM and one.name == target.host
        for address in one.addresses
    }
    if not given:
        return tuple(observations)
    return tuple(one for one in observations if not isinstance(one, Exchange) or one.hop > 0 or one.address in given)
