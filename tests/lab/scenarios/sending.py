"""Uploads that freeze, or only seem to. They have a lab of their own, because they send much to every target."""

from __future__ import annotations

from tests.lab.checks import works
from tests.lab.records import Act, Check, Expect, Interference, Scenario, Site, Vantage

URL = "https://{host}/"
LOSSY = "sender5"
PROFILES = (
    Vantage(name="sender"),
    Vantage(name=LOSSY, interference=(Interference(act=Act.LOSS, source="{vantage}", percent=5),), timeout=10),
)
_PADDED = (
    "curl -sSkI --http1.1 --fail-early --max-time 4 -o /dev/null -w 'http=%{{http_code}} new=%{{num_connects}}\\n' "
    "-H \"X-Padding: $(printf '%4096s' | tr ' ' a)\""
)
"""HEAD with a field of 4 KiB; with many URLs of one host over one connection, one after another, until one fails."""
WHOLE = "exit=0.* 15 http=200 new=0"
STOPS = "exit=28.* [2-9] http=200 new=0"


def padded(finds: str, url: str = "https://{host}/", *, where: str = "vantage") -> Check:
    """Send sixteen such requests by curl; the output counts results and new connections."""
    fixed = f"-H 'Host: {{host}}' --connect-to '::{{a}}:' '{url}?[1-16]'"
    return Check(command=f"{{{{ {_PADDED} {fixed}; echo exit=$?; }}}} | sort | uniq -c", finds=finds, where=where)


def other(finds: str) -> Check:
    """The same at the same address under another server name, with the Host header of the target."""
    return padded(finds, "https://q7ztw4mkd2.com/")


def _case(name: str, status: str, *checks: Check, does: Interference | None = None, **more: object) -> Scenario:
    causes = ("throttle.freeze",) if status == "throttled" else ()
    fields: dict[str, object] = {"target": URL, "vantage": "sender", **more}
    return Scenario(
        name=name,
        family="sending",
        expect=Expect(status=status, causes=causes),
        checks=(*checks, works()),
        middlebox=(does,) if does else (),
        **fields,  # type: ignore[arg-type]
    )


def _by_name(after: int) -> Interference:
    return Interference(act=Act.HELLO_FREEZE, name="{host}", after=after)


_BY_ADDRESS = Interference(act=Act.FREEZE, address="{a}", after=22_000)
FREEZES = (
    _case("send-freeze", "throttled", padded(STOPS), other(WHOLE), works(where="vantage"), does=_by_name(22_000)),
    _case("send-freeze-late", "throttled", padded(STOPS), other(WHOLE), does=_by_name(34_000)),
    _case("send-freeze-domain", "throttled", padded(STOPS), other(WHOLE), does=_by_name(22_000), target="{host}"),
)
BENIGN = (
    _case("send-address", "reachable", padded(STOPS), other(STOPS), does=_BY_ADDRESS),
    _case("send-well", "reachable", padded(WHOLE), other(WHOLE)),
    _case("send-minded", "reachable", padded("exit=0.* 16 http=4[03][0-9] new=1"), sites=(Site(https="short"),)),
    _case("send-closed", "reachable", padded("exit=0.* 12 .*new=0.* 4 .*new=1"), sites=(Site(https="brief"),)),
    *(
        _case(f"send-lossy-{number}", "reachable", padded(WHOLE, where="control"), vantage=LOSSY)
        for number in range(1, 9)
    ),
)
SCENARIOS = (*FREEZES, *BENIGN)
