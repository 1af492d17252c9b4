"""Write a control's facts as the answer of OONI's test helper."""

from __future__ import annotations

from typing import Any

from probe.formats.ooni.failure_words import word_of
from probe.model.failure import Failure
from probe.model.hop import Layer, Subject
from probe.model.target import bracketed
from probe.model.verdict import ControlFacts, ControlPage, Status

NO_CONTROL = "unknown_failure: no control"
_SERVED = frozenset({Status.REACHABLE, Status.THROTTLED})


def helper_answer(control: ControlFacts | None, subject: Subject) -> tuple[dict[str, Any], str | None]:
    """The `control` block of the test keys, and `control_failure`.

    A control that disagrees with itself has no place in the format: it is written as none.

    Args:
        control: the facts; None without a control.
        subject: of the chain.
    """
    if control is None or len(control.statuses) != 1 or control.statuses[0] is Status.UNKNOWN:
        return _block((), {}, _page(None, "unknown_error"), None), NO_CONTROL
    addresses = control.addresses.get(subject.host, ())
    served = control.statuses[0] in _SERVED
    failed = _failures(control)
    names = failed.get(Layer.DNS)
    endpoints = {
        f"{bracketed(address)}:{subject.port}": (served and address not in control.failing) for address in addresses
    }
    if served:
        return _block(addresses, endpoints, _page(_page_of(control, subject), None), None), None
    layer = next((one for one in (Layer.TLS, Layer.TCP, Layer.HTTP, Layer.DNS) if one in failed), None)
    word = word_of(failed[layer], layer) if layer is not None else "unknown_error"
    return _block(addresses, endpoints, _page(None, word), word_of(names, Layer.DNS) if names else None), None


def _failures(control: ControlFacts) -> dict[Layer, Failure]:
    """The control's failures by layer."""
    found: dict[Layer, Failure] = {}
    for text in control.failures:
        layer, _, failure = text.partition(".")
        if layer in set(Layer) and failure in set(Failure):
            found.setdefault(Layer(layer), Failure(failure))
    return found


def _page_of(control: ControlFacts, subject: Subject) -> ControlPage:
    """The control's page for the target, or its last; a page with nothing but a status where it kept none."""
    pages = [page for page in control.pages if page.url == subject.url] or list(control.pages)
    return pages[-1] if pages else ControlPage(url=subject.url, status=200)


def _page(page: ControlPage | None, failure: str | None) -> dict[str, Any]:
    return {
        "body_length": -1 if page is None else page.length,
        "failure": failure,
        "headers": {} if page is None else dict.fromkeys(page.headers, ""),
        "status_code": -1 if page is None else page.status or 200,
        "title": "" if page is None else page.title,
    }


def _block(
    addresses: tuple[str, ...], endpoints: dict[str, bool], page: dict[str, Any], dns_failure: str | None
) -> dict[str, Any]:
    status = {
        endpoint: {"status": works, "failure": None if works else "generic_timeout_error"}
        for endpoint, works in endpoints.items()
    }
    return {
        "dns": {"addrs": list(addresses), "failure": dns_failure},
        "http_request": page,
        "tcp_connect": status,
        "tls_handshake": {},
        "ip_info": {},
    }
