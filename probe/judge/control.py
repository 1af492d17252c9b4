"""The control: what an uncensored place says of the same target, and what of it may be believed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from probe.errors import TargetError
from probe.judge.hits import hits, misses
from probe.judge.hops import chains
from probe.model.hop import Subject, subject_of_url
from probe.model.observation import Exchange, Resolution, TlsHandshake
from probe.model.step import Purpose
from probe.model.target import RangeTarget, parse
from probe.model.verdict import ControlFacts, ControlPage, Status, Verdict

STALE = timedelta(days=7)
"""A control older than this is none: a site may have died or moved since. Control agents renew theirs hourly, and
people who keep a control file by hand renew it by the week."""


class Word(StrEnum):
    """What the control says of one hop."""

    NONE = "none"
    """Nothing that helps: no control, no entry, too old, or its own vantage was at fault."""
    SERVED = "served"
    """It was served there."""
    FAILED = "failed"
    """The target fails there too."""
    DISAGREES = "disagrees"
    """Two lines, two statuses."""


def facts(verdicts: Iterable[Verdict]) -> dict[str, ControlFacts]:
    """Read a control: verdicts of the same targets, taken where nobody interferes, by target text.

    A later line is newer news, except that two lines of different status are both remembered. Lines that say `unknown`
    say nothing. A target is found under the text it was given as and under its canonical form.
    """
    found: dict[str, ControlFacts] = {}
    for verdict in verdicts:
        if verdict.status is Status.UNKNOWN:
            continue
        names = {verdict.target, _canonical(verdict.target)}
        before = next((found[name] for name in sorted(names) if name in found), None)
        news = _facts_of(verdict, before)
        for name in names:
            found[name] = news
    return found


def word(control: ControlFacts | None, subject: Subject, *, first: bool, time: datetime | None) -> Word:
    """What the control says of one hop.

    Args:
        control: the facts, if there are any.
        subject: the hop's.
        first: whether it is the target itself rather than where a redirect led.
        time: when our measurement began; None when that is not known.
    """
    if control is None or not control.statuses or control.statuses == (Status.UNKNOWN,):
        return Word.NONE
    if time is not None and time - control.time > STALE:
        return Word.NONE
    if len(control.statuses) > 1:
        return Word.DISAGREES
    if control.statuses[0] not in {Status.REACHABLE, Status.THROTTLED}:
        return Word.FAILED
    if not subject.url or not control.pages:
        return Word.SERVED if first else Word.NONE
    if any(_same_origin(page.url, subject) for page in control.pages):
        return Word.SERVED
    # Of a domain's two chains one may fail everywhere; of a redirect that control did not meet it knows nothing.
    return Word.FAILED if first else Word.NONE


def page_of(control: ControlFacts | None, url: str) -> ControlPage | None:
    """The page that the control got for a URL."""
    return next((page for page in control.pages if page.url == url), None) if control is not None else None


def _same_origin(url: str, subject: Subject) -> bool:
    other = subject_of_url(url)
    return other is not None and (other.scheme, other.host, other.port) == (subject.scheme, subject.host, subject.port)


def _canonical(text: str) -> str:
    try:
        return str(parse(text))
    except TargetError:
        return text


def _is_range(text: str) -> bool:
    try:
        return isinstance(parse(text), RangeTarget)
    except TargetError:
        return False


def _facts_of(verdict: Verdict, before: ControlFacts | None) -> ControlFacts:
    observations = verdict.evidence.observations
    found = hits(observations) if _is_range(verdict.target) else {}
    silent = misses(observations) if _is_range(verdict.target) else ()
    addresses: dict[str, dict[str, None]] = {}
    certificates: dict[str, dict[str, None]] = {}
    for one in observations:
        if isinstance(one, Resolution) and one.purpose is Purpose.SUBJECT and one.addresses:
            addresses.setdefault(one.name, {}).update(dict.fromkeys(one.addresses))
        if isinstance(one, TlsHandshake) and one.verified and one.certificate is not None and one.certificate.sha256:
            certificates.setdefault(one.sni, {})[one.certificate.sha256] = None
    if before is not None:  # a pool that rotates shows more of itself with every line
        for name, known in before.addresses.items():
            addresses.setdefault(name, {}).update(dict.fromkeys(known))
        for name, known in before.certificates.items():
            certificates.setdefault(name, {}).update(dict.fromkeys(known))
        found = {**before.hits, **found}
        silent = tuple(sorted({*before.misses, *silent} - set(found)))
    return ControlFacts(
        time=verdict.time,
        statuses=tuple(sorted({verdict.status, *(before.statuses if before is not None else ())})),
        causes=verdict.causes,
        addresses={name: tuple(known) for name, known in sorted(addresses.items())},
        certificates={name: tuple(known) for name, known in sorted(certificates.items())},
        pages=_pages(verdict),
        failures=_failures(verdict),
        hits=dict(sorted(found.items())),
        misses=silent,
    )


def _pages(verdict: Verdict) -> tuple[ControlPage, ...]:
    """The pages of the chains, one a URL, those of an address that served in full first."""
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
                length=one.length,
                sha256=one.sha256,
            ),
        )
    return tuple(pages.values())


def _failures(verdict: Verdict) -> tuple[str, ...]:
    """What failed at the hops where nothing was served, in words like `tcp.timeout` and `dns.nxdomain`."""
    try:
        target = parse(verdict.target)
    except TargetError:
        return ()
    words: set[str] = set()
    for chain in chains(target, verdict.evidence.observations):
        for hop in chain:
            if any(site.serves for site in hop.sites):
                continue
            words.update(str(site.failed) for site in hop.sites if site.failed is not None)
            answers = [
                one
                for one in verdict.evidence.observations
                if isinstance(one, Resolution) and one.name == hop.subject.host and one.purpose is Purpose.SUBJECT
            ]
            if not any(one.addresses for one in answers):
                words.update(f"dns.{one.failure}" for one in answers if one.failure is not None)
    return tuple(sorted(words))
