"""One OONI measurement, read and judged: the verdict this program would have given on what OONI saw."""

from __future__ import annotations

import msgspec

from probe.formats.ooni.apps import APPS, parts_of
from probe.formats.ooni.contents import ContentReader
from probe.formats.ooni.failure_words import is_known
from probe.formats.ooni.helper import control_facts, without_helpers_success
from probe.formats.ooni.inputs import target_of
from probe.formats.ooni.measurement_header import OoniMeasurement, SetAside, read_header, read_keys
from probe.formats.ooni.observations import OoniObservations
from probe.formats.ooni.records import OoniTestKeys, TestHelper
from probe.judge import verdict
from probe.model.evidence_source import EvidenceSource
from probe.model.hop import subjects_of
from probe.model.target import Target
from probe.model.verdict import AnchorKind, AnchorLook, Evidence, Vantage, VantageState, Verdict
from probe.ooni.content_reader import MeasuredContent

_URL_TESTS = frozenset({"web_connectivity", "urlgetter"})
_helpers = msgspec.json.Decoder(dict[str, TestHelper | str | None])


class JudgedMeasurement(msgspec.Struct, frozen=True):
    """A measurement with its verdict, and what joining it with others needs.

    Attributes:
        verdict: judged by this measurement alone.
        report: id of the report: one run of one client.
        test: name of the experiment.
        conclusion: OONI's own: the value of `blocking`, `accessible`, or empty where it has none.
        helper_answered: OONI's helper was reached.
        odd: what of it could not be read.
    """

    verdict: Verdict
    report: str
    test: str
    conclusion: str = ""
    helper_answered: bool = False
    odd: tuple[str, ...] = ()


class OoniReader:
    """Reads measurements one by one, whatever came before.

    Args:
        content: reads pages and certificates.
    """

    def __init__(self, content: ContentReader | None = None) -> None:
        self._content = content if content is not None else MeasuredContent()

    def read(self, line: bytes, file: str, number: int) -> list[JudgedMeasurement] | SetAside:
        """Judge a measurement: one verdict for a URL, one for each endpoint of an app.

        Args:
            line: the measurement's JSON.
            file: name of the file, without its folder.
            number: of the line.
        """
        found = read_header(line)
        if isinstance(found, SetAside):
            return found
        source = EvidenceSource(ooni=found.uid, file=file, line=number)
        name = found.header.test_name
        if name not in _URL_TESTS | APPS:
            return SetAside("another experiment", name[:60])
        read = read_keys(found.header.test_keys)
        if isinstance(read, SetAside):
            return read
        keys, odd = read
        if name in APPS:
            parts = parts_of(name, keys)
        else:
            target = target_of(found.text, keys)
            if target is None:
                return SetAside("its input is no URL", found.text[:120])
            parts = [(target, keys)]
        judged = [self._judged(found, *part, source) for part in parts]
        result = [msgspec.structs.replace(one, odd=(*found.odd, *odd)) for one in judged if one is not None]
        return result or SetAside("nothing was measured", found.text[:120])

    def _judged(
        self, found: OoniMeasurement, target: Target, keys: OoniTestKeys, source: EvidenceSource
    ) -> JudgedMeasurement | None:
        """The verdict on one target; None where nothing was measured."""
        observations = OoniObservations(target, keys, found.time, self._content, verifies=found.verifies).read()
        if not observations:
            return None
        subject = subjects_of(target)[0]
        evidence = Evidence(
            observations=without_helpers_success(subject, observations),
            control=control_facts(subject, keys, found.time, self._content),
            error=_failure_of_client(keys),
            source=source,
        )
        return JudgedMeasurement(
            verdict=verdict(
                time=found.time,
                text=str(target),
                target=target,
                evidence=evidence,
                vantage=vantage_of(found, keys),
            ),
            report=(found.header.report_id or "")[:120],
            test=found.header.test_name,
            conclusion=conclusion_of(keys) if found.header.test_name in _URL_TESTS else "",
            helper_answered=_helper_answered(keys),
        )


def vantage_of(found: OoniMeasurement, keys: OoniTestKeys) -> Vantage:
    """The vantage of a measurement: online where OONI's helper answered it, and online for want of anchors else."""
    looks: tuple[AnchorLook, ...] = ()
    if _helper_answered(keys):
        looks = (AnchorLook(url=_helper_url(found), kind=AnchorKind.FOREIGN, at=found.time),)
    return Vantage(state=VantageState.ONLINE, asn=found.asn, country=found.country, anchors=looks)


def conclusion_of(keys: OoniTestKeys) -> str:
    """OONI's own conclusion in one word: what blocks, `accessible`, `down`; empty where it has none."""
    if isinstance(keys.blocking, str):
        return keys.blocking[:40]
    if keys.blocking is None and keys.accessible is None:
        return ""
    return "accessible" if keys.accessible else "down"


def _failure_of_client(keys: OoniTestKeys) -> str:
    """Why the measurement itself failed: the client has no word for what happened, and recorded no request."""
    failed = keys.http_experiment_failure
    if keys.requests or is_known(failed) or (keys.dns_experiment_failure and is_known(keys.dns_experiment_failure)):
        return ""
    return "OONI's client failed in a way that it has no word for"


def _helper_answered(keys: OoniTestKeys) -> bool:
    return keys.control is not None and not keys.control_failure and keys.control.http_request is not None


def _helper_url(found: OoniMeasurement) -> str:
    try:
        address = _helpers.decode(found.header.test_helpers).get("backend")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        address = None
    url = address.address if isinstance(address, TestHelper) else (address or "")
    return f"{url[:120].rstrip('/')}/" if url.startswith("https://") else "https://th.ooni.org/"
