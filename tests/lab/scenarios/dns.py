"""Interference with name resolution: forged answers of the ISP's resolver, or injected ones."""

from __future__ import annotations

from tests.lab.checks import RESET, answers, dig, get, hello, neutral, works
from tests.lab.records import Act, Control, Expect, Interference, Lie, Scenario, Site

F = "dns"
URL = "https://{host}/"
POISON = ("8.7.198.45", "59.24.3.173", "46.82.174.68")
"""Addresses in forged answers of the GFW; no host of the lab has them."""


def _lie(name: str, lie: Lie, cause: str, seen: str, target: str = URL) -> Scenario:
    """The ISP's resolver gives this answer; the control's resolver and the site work."""
    expect = Expect(status="blocked", causes=(cause,))
    control = dig("{a}", where="control") if target.startswith("dns:") else works()
    return Scenario(name=name, family=F, target=target, expect=expect, lie=lie, checks=(dig(seen), control))


def _injected(name: str, forged: tuple[str, ...], true: str, **more: object) -> Scenario:
    """Forged answers arrive before the resolver's."""
    fields: dict[str, object] = {
        "target": URL,
        "expect": Expect(status="blocked", causes=("dns.injected", ...)),  # type: ignore[arg-type]
        "middlebox": (Interference(act=Act.DNS_INJECT, name="{host}", answers=forged),),
        "checks": (answers(*(address or "NXDOMAIN" for address in forged), true),),
    }
    return Scenario(name=name, family=F, **{**fields, **more})  # type: ignore[arg-type]


_BOGON = {"private": "10.10.34.35", "loopback": "127.0.0.1", "cgnat": "100.64.7.7", "zero": "0.0.0.0"}

LIES = (
    _lie("isp-nxdomain", Lie(rcode="NXDOMAIN"), "dns.nxdomain", "status: NXDOMAIN"),
    _lie("isp-nxdomain-domain", Lie(rcode="NXDOMAIN"), "dns.nxdomain", "status: NXDOMAIN", "{host}"),
    _lie("isp-nxdomain-dns", Lie(rcode="NXDOMAIN"), "dns.nxdomain", "status: NXDOMAIN", "dns://{host}"),
    _lie("isp-refused", Lie(rcode="REFUSED"), "dns.refused", "status: REFUSED"),
    _lie("isp-servfail", Lie(rcode="SERVFAIL"), "dns.servfail", "status: SERVFAIL"),
    _lie("isp-nodata", Lie(rcode="NODATA"), "dns.nodata", "NOERROR.*ANSWER: 0"),
    _lie("isp-silence", Lie(rcode="SILENCE"), "dns.timeout", "timed out"),
    *(
        _lie(f"isp-bogon-{kind}", Lie(answers=(address,)), "dns.bogon", f"IN\\s+A\\s+{address}")
        for kind, address in _BOGON.items()
    ),
    _lie("isp-bogon-dns", Lie(answers=("192.168.1.1",)), "dns.bogon", "192.168.1.1", "dns://{host}"),
    Scenario(
        name="isp-nxdomain-no-trusted",
        family=F,
        target=URL,
        vantage="untrusting",
        expect=Expect(status="blocked", causes=("dns.nxdomain",)),
        lie=Lie(rcode="NXDOMAIN"),
        checks=(dig("status: NXDOMAIN"), works()),
    ),
    Scenario(
        name="isp-nxdomain-nothing-known",
        family=F,
        target=URL,
        vantage="untrusting",
        control=Control.NONE,
        expect=Expect(status="unreachable", causes=("dns.nxdomain",)),
        lie=Lie(rcode="NXDOMAIN"),
        checks=(dig("status: NXDOMAIN"), works()),
    ),
)

_SPOOFED = Expect(status="blocked", causes=("dns.spoofed", ...))  # type: ignore[arg-type]
SPOOFS = (
    Scenario(
        name="spoof-to-stub",
        family=F,
        target=URL,
        expect=_SPOOFED,
        lie=Lie(answers=("{stub}",)),
        checks=(dig("IN\\s+A\\s+{stub}"), get("exit=7", at=""), works()),
    ),
    Scenario(
        name="spoof-to-stub-http",
        family=F,
        target="http://{host}/",
        expect=_SPOOFED,
        lie=Lie(answers=("{stub}",)),
        checks=(dig("IN\\s+A\\s+{stub}"), get("ip={stub}", "http://{host}/", at=""), works("http://{host}/")),
    ),
    Scenario(
        name="spoof-to-stub-domain",
        family=F,
        target="{host}",
        expect=_SPOOFED,
        lie=Lie(answers=("{stub}",)),
        checks=(dig("IN\\s+A\\s+{stub}"), works(), works("http://{host}/")),
    ),
    Scenario(
        name="spoof-to-liar",
        family=F,
        target=URL,
        sites=(Site(), Site(label="liar", certificate="self-signed", title="Blocked")),
        expect=_SPOOFED,
        lie=Lie(answers=("{liar_a}",)),
        checks=(dig("{liar_a}"), get("exit=60", at=""), works()),
    ),
    Scenario(
        name="spoof-to-nowhere",
        family=F,
        target=URL,
        sites=(Site(), Site(label="hole", four=0, dead=1)),
        expect=_SPOOFED,
        lie=Lie(answers=("{hole_a}",)),
        checks=(dig("{hole_a}"), get("exit=28", at=""), works()),
    ),
    Scenario(
        name="spoof-dns-only",
        family=F,
        target="dns://{host}",
        expect=_SPOOFED,
        lie=Lie(answers=("{stub}",)),
        checks=(dig("{stub}"), dig("{a}", where="control")),
    ),
)

_GHOST = (Site(four=0, exists=False),)
INJECTIONS = (
    _injected("inject-one", POISON[:1], "{a}"),
    _injected("inject-three", POISON, "{a}"),
    _injected("inject-bogon", ("127.0.0.1",), "{a}"),
    _injected("inject-nxdomain", ("",), "{a}"),
    _injected("inject-dns-target", POISON[:2], "{a}", target="dns://{host}"),
    _injected("inject-domain-target", POISON[:1], "{a}", target="{host}"),
    _injected("inject-no-control", POISON[:1], "{a}", control=Control.NONE),
    _injected("inject-no-entry", POISON[:1], "{a}", control=Control.NO_ENTRY),
    _injected("inject-nothing-known", POISON[:2], "{a}", control=Control.NONE, vantage="untrusting"),
    _injected("inject-ghost", POISON[:1], "NXDOMAIN", sites=_GHOST),
    _injected("inject-isp-b", POISON[:1], "{a}", vantage="b1"),
    Scenario(
        name="ghost-spoofed",
        family=F,
        target=URL,
        sites=_GHOST,
        expect=Expect(status="blocked", causes=("dns.spoofed",)),
        lie=Lie(answers=("{stub}",)),
        checks=(dig("{stub}"), dig("status: NXDOMAIN", where="control")),
    ),
    Scenario(
        name="ghost-bogon",
        family=F,
        target=URL,
        sites=_GHOST,
        expect=Expect(status="blocked", causes=("dns.bogon",)),
        lie=Lie(answers=("10.0.0.9",)),
        checks=(dig("10.0.0.9"), dig("status: NXDOMAIN", where="control")),
    ),
)

_BOTH = Expect(status="blocked", causes=("dns.nxdomain", "tls.reset", "tls.sni"))
TOGETHER = (
    Scenario(
        name="nxdomain-and-sni",
        family=F,
        target=URL,
        expect=_BOTH,
        lie=Lie(rcode="NXDOMAIN"),
        middlebox=(Interference(act=Act.HELLO_RST, name="{host}"),),
        checks=(dig("status: NXDOMAIN"), hello("errno=104"), neutral(), works()),
    ),
    Scenario(
        name="inject-and-sni",
        family=F,
        target=URL,
        expect=Expect(status="blocked", causes=("dns.injected", ...)),  # type: ignore[arg-type]
        middlebox=(
            Interference(act=Act.DNS_INJECT, name="{host}", answers=POISON[:1]),
            Interference(act=Act.HELLO_RST3, name="{host}"),
        ),
        checks=(answers(POISON[0], "{a}"), get(RESET), neutral(), works()),
    ),
)

SCENARIOS = (*LIES, *SPOOFS, *INJECTIONS, *TOGETHER)
