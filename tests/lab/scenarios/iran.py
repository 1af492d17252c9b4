"""Iran: injected private addresses, a page in a frame, names in the ClientHello, a filter that knows protocols.

Sources: Aryan, Aryan, Halderman: Internet Censorship in Iran (FOCI 2013); Bock et al.: Iran's protocol whitelister
(FOCI 2020); Tai et al.: IRBlock (USENIX Security 2025); OONI: reports of September 2022 and 2023; net4people/bbs#125,
#153.
"""

from __future__ import annotations

from tests.lab import notices
from tests.lab.checks import RESET, SILENCE, answers, dig, get, hello, neutral, quic, tcp, works
from tests.lab.records import Act, Control, Expect, Interference, Lie, Site
from tests.lab.scenarios.wording import (
    BLOCK_PAGE,
    NEVER_FINE,
    PLAIN,
    REACHABLE,
    SNI_RESET,
    SNI_SILENT,
    blocked,
    cut,
    family,
    host_page,
    name_drop,
    name_rst,
)

_case = family("iran")
_PAGE = host_page(notices.answer(notices.IRAN, "403 Forbidden"))
_INJECTED = Interference(act=Act.DNS_INJECT, name="{host}", answers=("10.10.34.35",))
_FRAME = get("http=403", PLAIN)
SCENARIOS = (
    _case(
        "iran-resolver-lies", blocked("dns.bogon"), dig("10[.]10[.]34[.]36"), works(), lie=Lie(answers=("10.10.34.36",))
    ),
    _case(
        "iran-resolver-lies-dns",
        blocked("dns.bogon"),
        dig("10[.]10[.]34[.]34"),
        works(),
        lie=Lie(answers=("10.10.34.34",)),
        target="dns://{host}",
    ),
    _case("iran-dns-injected", blocked("dns.injected"), answers("10.10.34.35", "{a}"), works(), does=_INJECTED),
    _case(
        "iran-dns-injected-alone",
        blocked("dns.injected"),
        answers("10.10.34.35", "{a}"),
        works(),
        does=_INJECTED,
        control=Control.NONE,
    ),
    _case("iran-host-page", BLOCK_PAGE, _FRAME, works(PLAIN), does=_PAGE, target=PLAIN),
    _case(
        "iran-host-page-domain", BLOCK_PAGE, _FRAME, works(where="vantage"), works(PLAIN), does=_PAGE, target="{host}"
    ),
    _case("iran-host-page-alone", NEVER_FINE, _FRAME, works(PLAIN), does=_PAGE, target=PLAIN, control=Control.NONE),
    _case("iran-name-reset", SNI_RESET, hello("errno=104"), neutral(), works(), does=name_rst()),
    _case("iran-name-dropped", SNI_SILENT, hello("exit=124"), neutral(), works(), does=name_drop()),
    _case(
        "iran-name-dropped-alone",
        SNI_SILENT,
        hello("exit=124"),
        neutral(),
        works(),
        does=name_drop(),
        control=Control.NONE,
    ),
    _case(
        "iran-dns-and-name",
        blocked("dns.bogon", "tls.timeout", "tls.sni"),
        dig("10[.]10[.]34[.]36"),
        hello("exit=124"),
        works(),
        lie=Lie(answers=("10.10.34.36",)),
        does=name_drop(),
    ),
    _case(
        "iran-protocols",
        REACHABLE,
        works(where="vantage"),
        works(PLAIN, where="vantage"),
        tcp("open"),
        does=Interference(act=Act.WHITELIST, address="{a}"),
        target="{host}",
    ),
    _case(
        "iran-quic",
        blocked("quic.timeout"),
        quic("silent"),
        hello("ESTABLISHED"),
        quic("answered", where="control"),
        sites=(Site(quic=True),),
        does=Interference(act=Act.QUIC_DROP, address="{a}"),
        target="quic://{host}:443",
    ),
    _case("iran-address", blocked("tcp.timeout"), tcp("exit=124"), tcp("exit=124", port=80), works(), does=cut()),
    _case(
        "iran-host-reset",
        Expect(status="blocked", causes=("http.reset",)),
        get(RESET, PLAIN),
        works(PLAIN),
        does=Interference(act=Act.HOST_RST, name="{host}"),
        target=PLAIN,
    ),
    _case(
        "iran-host-dropped",
        blocked("http.timeout"),
        get(SILENCE, PLAIN),
        works(PLAIN),
        does=Interference(act=Act.HOST_DROP, name="{host}"),
        target=PLAIN,
    ),
)
