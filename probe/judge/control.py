"""The control: facts about the same target from a network without interference, and when they count."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeGuard

import msgspec

from probe.errors import TargetError
from probe.judge.hops import chains
from probe.model.address import Family, parse_address
from probe.model.failure import OWN_FAULTS, Failure
from probe.model.hop import NO_ANSWER_FAILURES, Purpose, Subject, subject_of_url
from probe.model.observation import Connection, Exchange, Observation, Resolution, TlsHandshake
from probe.model.target import RangeTarget, Target, parse
from probe.model.verdict import ControlFacts, ControlPage, Evidence, Status, Verdict

MAX_CONTROL_AGE = timedelta(days=7)
"""Age up to which a control is used: a site may have died or moved since. Control agents renew theirs hourly, people
who keep a control file by hand renew it weekly."""


MAX_FAILING = 64
"""Bound of the failing addresses of a target that are kept."""


class ControlOutcome(StrEnum):
    """How the control fared at one hop."""

    NONE = "none"
    """Not known: no control, no entry, too old, or its own vantage was at fault."""
    SERVED = "served"
    FAILED = "failed"
    DISAGREES = "disagrees"
    """Its verdicts have different statuses."""


def facts(verdicts: Iterable[Verdict]) -> dict[str, ControlFacts]:
    """Build the control from verdicts of the same targets, taken where nobody interferes; by target text.

    A later verdict replaces an earlier one, except that different statuses are both kept. Verdicts `unknown` are left
    out. A target is found under the text it was given as and under its canonical form.
    """
    found: dict[str, ControlFacts] = {}
    for verdict in verdicts:
        if verdict.status is Status.UNKNOWN:
            continue
        texts = {verdict.target, canonical_text(verdict.target)}
        earlier = next((found[text] for text in sorted(texts) if text in found), None)
        updated = _facts_of(verdict, earlier)
        for text in texts:
            found[text] = updated
    return found


def outcome(control: ControlFacts | None, subject: Subject, *, first: bool, time: datetime | None) -> ControlOutcome:
    """How the control fared at one hop.

    Args:
        control: its facts, if there are any.
        subject: of the hop.
        first: the hop is the target itself, not where a redirect led.
        time: when our measurement began; None when unknown.
    """
    if control is None or not control.statuses or control.statuses == (Status.UNKNOWN,):
        return ControlOutcome.NONE
    if time is not None and time - control.time > MAX_CONTROL_AGE:
        return ControlOutcome.NONE
    if len(control.statuses) > 1:
        return ControlOutcome.DISAGREES
    if control.statuses[0] not in {Status.REACHABLE, Status.THROTTLED}:
        return ControlOutcome.FAILED
    if not subject.url or not control.pages:
        return ControlOutcome.SERVED if first else ControlOutcome.NONE
    if any(_has_same_origin(page.url, subject) for page in control.pages):
        return ControlOutcome.SERVED
    # One of a domain's two chains may fail everywhere; nothing is known of a redirect that the control did not meet.
    return ControlOutcome.FAILED if first else ControlOutcome.NONE


def page_of(control: ControlFacts | None, url: str) -> ControlPage | None:
    """The page that the control got for a URL."""
    return next((page for page in control.pages if page.url == url), None) if control is not None else None


def fails_there(control: ControlFacts | None, address: str) -> bool:
    """Whether an address, or its whole family, failed at the control, which was served by another one."""
    kind = Family.IPV6 if ":" in address else Family.IPV4
    return control is not None and not {address, kind.value}.isdisjoint(control.failing)


def answers_hello(one: TlsHandshake) -> bool:
    """Whether anything came back to a ClientHello: a certificate of any name, an alert, another protocol."""
    return one.failure not in OWN_FAULTS | NO_ANSWER_FAILURES


def hits(observations: Iterable[Observation]) -> dict[str, str]:
    """The addresses of a range that answered: address -> `tcp`, or `tls` where one answered a ClientHello; sorted."""
    seen = tuple(observations)
    found = {one.address: "tcp" for one in seen if _is_of_sample(one) and one.failure is None}
    for one in seen:
        if (
            isinstance(one, TlsHandshake)
            and one.purpose is Purpose.NEUTRAL
            and one.address in found
            and answers_hello(one)
        ):
            found[one.address] = "tls"
    return dict(sorted(found.items()))


def misses(observations: Iterable[Observation]) -> tuple[str, ...]:
    """The addresses of a range at which every SYN timed out, sorted."""
    seen: dict[str, bool] = {}
    for one in observations:
        if _is_of_sample(one):
            seen[one.address] = seen.get(one.address, True) and one.failure is Failure.TIMEOUT
    return tuple(sorted(address for address, silent in seen.items() if silent))


def used(target: Target, control: ControlFacts | None, observations: Sequence[Observation]) -> ControlFacts | None:
    """The control's facts without the addresses of a range that were not tried here: a wide range has a thousand."""
    if control is None or not isinstance(target, RangeTarget) or not (control.hits or control.misses):
        return control
    network = ipaddress.ip_network(target.network)
    tried = {
        one.address
        for one in observations
        if isinstance(one, Connection) and (address := parse_address(one.address)) is not None and address in network
    }
    return msgspec.structs.replace(
        control,
        hits={address: how for address, how in control.hits.items() if address in tried},
        misses=tuple(address for address in control.misses if address in tried),
    )


def _is_of_sample(one: Observation) -> TypeGuard[Connection]:
    """Whether an observation is a connection of the sample; a control file may hold anything in place of an address."""
    return isinstance(one, Connection) and one.purpose is Purpose.SUBJECT and parse_address(one.address) is not None


def _has_same_origin(url: str, subject: Subject) -> bool:
    other = subject_of_url(url)
    return other is not None and (other.scheme, other.host, other.port) == (subject.scheme, subject.host, subject.port)


def _parsed(text: str) -> Target | None:
    try:
        return parse(text)
    except TargetError:
        return None


def canonical_text(text: str) -> str:
    """The canonical form of a target; the text itself where it is none."""
    target = _parsed(text)
    return text if target is None else str(target)


def _facts_of(verdict: Verdict, earlier: ControlFacts | None) -> ControlFacts:
    """The facts of a verdict, together with the addresses and certificates of earlier ones."""
    observations = verdict.evidence.observations
    is_range = isinstance(_parsed(verdict.target), RangeTarget)
    found = hits(observations) if is_range else {}
    silent = misses(observations) if is_range else ()
    addresses: dict[str, dict[str, None]] = {}
    certificates: dict[str, dict[str, None]] = {}
    for one in observations:
        if isinstance(one, Resolution) and one.purpose is Purpose.SUBJECT and one.addresses:
            addresses.setdefault(one.name, {}).update(dict.fromkeys(one.addresses))
        if isinstance(one, TlsHandshake) and one.verified and one.certificate is not None and one.certificate.sha256:
            certificates.setdefault(one.sni, {})[one.certificate.sha256] = None
    if earlier is not None:  # a rotating pool of addresses shows more of itself with every verdict
        for name, known in earlier.addresses.items():
            addresses.setdefault(name, {}).update(dict.fromkeys(known))
        for name, known in earlier.certificates.items():
            certificates.setdefault(name, {}).update(dict.fromkeys(known))
        found = {**earlier.hits, **found}
        silent = tuple(sorted({*earlier.misses, *silent} - set(found)))
    return ControlFacts(
        time=verdict.time,
        statuses=tuple(sorted({verdict.status, *(earlier.statuses if earlier is not None else ())})),
        causes=verdict.causes,
        addresses={name: tuple(known) for name, known in sorted(addresses.items())},
        certificates={name: tuple(known) for name, known in sorted(certificates.items())},
        pages=_pages(verdict),
        failures=_failures(verdict),
        hits=dict(sorted(found.items())),
        misses=silent,
        failing=() if is_range else _failing(verdict.evidence),
    )


def _failing(evidence: Evidence) -> tuple[str, ...]:
    return tuple(sorted({*evidence.families, *evidence.failing})[:MAX_FAILING])


def _pages(verdict: Verdict) -> tuple[ControlPage, ...]:
    """The pages of the chains, one per URL; a complete page before a part of it."""
    answers = [
        one
        for one in verdict.evidence.observations
        if isinstance(one, Exchange) and one.answered and one.purpose is Purpose.SUBJECT
    ]
    pages: dict[str, ControlPage] = {}
    for one in sorted(answers, key=lambda one: (one.chain, one.hop, not one.complete)):
        pages.setdefault(
            one.url,
            ControlPage(
                url=one.url,
                status=one.status,
                location=one.location,
                title=one.title,
                headers=one.headers,
                head=one.head,
                server=one.server if one.head else "",
                sample="" if one.secure else one.sample,
                length=one.length,
                sha256=one.sha256,
                flow=one.flow,
            ),
        )
    return tuple(pages.values())


def _failures(verdict: Verdict) -> tuple[str, ...]:
    """What failed at the hops where nothing was served, as `tcp.timeout` or `dns.nxdomain`; sorted."""
    target = _parsed(verdict.target)
    if target is None:
        return ()
    failures: set[str] = set()
    for chain in chains(target, verdict.evidence.observations):
        for hop in chain:
            if any(endpoint.serves for endpoint in hop.endpoints):
                continue
            failures.update(str(one.main_failure) for one in hop.endpoints if one.main_failure is not None)
            answers = [
                one
                for one in verdict.evidence.observations
                if isinstance(one, Resolution) and one.name == hop.subject.host and one.purpose is Purpose.SUBJECT
            ]
            if not any(one.addresses for one in answers):
                failures.update(f"dns.{one.failure}" for one in answers if one.failure is not None)
    return tuple(sorted(failures))
