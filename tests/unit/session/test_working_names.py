"""Names that work here come from anchors and targets, never from another country."""

from __future__ import annotations

from datetime import UTC, datetime

from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.observation import Resolution
from probe.model.resolver import Trust
from probe.model.verdict import AnchorKind, AnchorLook, Evidence, Status, Vantage, VantageState, Verdict
from probe.plan.context import FALLBACK_NAME
from probe.session.working_names import MAX_REMEMBERED_NAMES, WorkingNames

NOW = datetime(2026, 11, 30, tzinfo=UTC)
HOME = AnchorLook(url="https://home.example/", kind=AnchorKind.DOMESTIC, at=NOW)


def foreign(name: str, failure: Failure | None = None, *, foreign_content: bool = False) -> AnchorLook:
    """Return a look at a foreign anchor."""
    return AnchorLook(
        url=f"https://{name}/", kind=AnchorKind.FOREIGN, at=NOW, failure=failure, foreign_content=foreign_content
    )


def verdict(
    name: str,
    status: Status = Status.REACHABLE,
    *,
    trust: Trust = Trust.NETWORK,
    purpose: Purpose = Purpose.SUBJECT,
    addresses: tuple[str, ...] = ("192.0.2.1",),
) -> Verdict:
    """Return the verdict on a target whose name a resolver answered."""
    seen = Resolution(name=name, rrtype="A", resolver="network", trust=trust, addresses=addresses, purpose=purpose)
    return Verdict(
        time=NOW,
        target=f"https://{name}/",
        status=status,
        causes=(),
        rule="served",
        evidence=Evidence(observations=(seen,)),
        vantage=Vantage(state=VantageState.ONLINE),
    )


def test_working_anchors_and_targets_are_names_to_compare_with() -> None:
    """In turns, the newest target first; domestic anchors last: they resolve where the line abroad is broken."""
    names = WorkingNames()
    for host in ("a.example", "b.example"):
        names.add(verdict(host))
    looks = (HOME, foreign("one.example"), foreign("two.example"))

    assert names.to_compare(looks) == ("one.example", "b.example", "two.example", "a.example", "home.example")


def test_what_does_not_work_here_is_no_name_to_compare_with() -> None:
    """A failing anchor, a portal's answer, a blocked target, another resolver's answer, an address for a name."""
    names = WorkingNames()
    names.add(verdict("blocked.example", Status.BLOCKED))
    names.add(verdict("trusted.example", trust=Trust.TRUSTED))
    names.add(verdict("ghost.example", purpose=Purpose.GHOST))
    names.add(verdict("empty.example", addresses=()))
    looks = (
        foreign("dead.example", Failure.TIMEOUT),
        foreign("portal.example", foreign_content=True),
        foreign("192.0.2.1"),
    )

    assert names.to_compare(looks) == ()
    assert names.allowed(looks) == FALLBACK_NAME


def test_the_number_of_remembered_names_is_bounded() -> None:
    """The newest stay; one that comes again is new again."""
    names = WorkingNames()
    for number in range(3 * MAX_REMEMBERED_NAMES):
        names.add(verdict(f"n{number}.example"))
        names.add(verdict("again.example"))

    kept = names.to_compare(())
    assert len(kept) == MAX_REMEMBERED_NAMES
    assert kept[:2] == ("again.example", f"n{3 * MAX_REMEMBERED_NAMES - 1}.example")


def test_the_allowed_name_is_the_settings_else_domestic_else_of_the_country_else_one_that_works() -> None:
    """Without any, a neutral one."""
    home, country = ("https://home.example/",), ("portal.example",)
    looks = (foreign("one.example"),)

    assert WorkingNames(home, country, "own.example").allowed(looks) == "own.example"
    assert WorkingNames(home, country).allowed(looks) == "home.example"
    assert WorkingNames((), country).allowed(looks) == "portal.example"
    assert WorkingNames().allowed(looks) == "one.example"
    assert WorkingNames().allowed(()) == FALLBACK_NAME


def test_of_the_anchors_only_those_over_https_have_names_for_a_hello() -> None:
    """A portal check in clear text may have no TLS at all; resolvers are asked for it all the same."""
    check = AnchorLook(url="http://check.example/success.txt", kind=AnchorKind.FOREIGN, at=NOW)
    names = WorkingNames()

    assert names.to_compare((check, foreign("one.example"))) == ("one.example", "check.example")
    assert names.allowed((check, foreign("one.example"))) == "one.example"
    assert names.allowed((check,)) == FALLBACK_NAME
