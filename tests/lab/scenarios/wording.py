"""Expectations that many families share."""

from __future__ import annotations

from typing import Any

from tests.lab.records import Act, Expect, Interference, Scenario

URL, PLAIN = "https://{host}/", "http://{host}/"
ANY: Any = ...
REACHABLE, DOWN, UNREACHABLE = Expect(status="reachable"), Expect(status="down"), Expect(status="unreachable")
NOT_BLOCKED = Expect(
    status="reachable|down|unreachable|unknown", causes=(ANY,), state="online|portal|offline|allowlist"
)
"""Nothing may be said against the network."""
NEVER_FINE = Expect(status="blocked|unreachable", causes=(ANY,))
"""A block that little is known about: no proof is asked for, but it may not be called reachable."""
SNI_RESET = Expect(status="blocked", causes=("tls.reset", "tls.sni"))
SNI_SILENT = Expect(status="blocked", causes=("tls.timeout", "tls.sni"))
BYSTANDER = Expect(status="reachable|unknown", causes=(ANY,), state="online|offline")
"""Healthy, where a filter punishes this client for another name."""
BLOCK_PAGE = Expect(status="blocked", causes=("http.blockpage",))
SLOWED = Expect(status="throttled", causes=("throttle.rate",))
FROZEN = Expect(status="throttled", causes=("throttle.freeze",))


def blocked(first: str, *more: Any) -> Expect:
    """A block with these causes, and any more unless some are named."""
    return Expect(status="blocked", causes=(first, *(more or (ANY,))))


def family(name: str) -> Any:
    """A maker of scenarios of one family; `does` is what the middlebox does."""

    def case(scenario: str, expect: Expect, *checks: Any, **more: Any) -> Scenario:
        does = more.pop("does", ())
        middlebox = (does,) if isinstance(does, Interference) else does
        fields: dict[str, Any] = {"target": URL, "middlebox": middlebox, **more}
        return Scenario(name=scenario, family=name, expect=expect, checks=checks, **fields)

    return case


def name_rst(**more: Any) -> Interference:
    """RST in place of the target's ClientHello."""
    return Interference(act=Act.HELLO_RST, name="{host}", **more)


def name_drop(**more: Any) -> Interference:
    """The target's ClientHello vanishes."""
    return Interference(act=Act.HELLO_DROP, name="{host}", **more)


def host_page(page: str, act: Act = Act.HOST_PAGE) -> Interference:
    """This HTTP answer in place of the target's."""
    return Interference(act=act, name="{host}", page=page)


def turned(label: str, port: int, **more: Any) -> Interference:
    """Connections to the target's port end at another site of the scenario."""
    return Interference(act=Act.PROXY, address="{a}", port=port, to=f"{{{label}_a}}", **more)


def cut(address: str = "{a}", **more: Any) -> Interference:
    """Packets to an address vanish."""
    return Interference(act=Act.DROP, address=address, **more)
