"""The twelve public censors of Geneva (github.com/Kkevsterrr/geneva, `censors/`), by name in TLS and by Host.

To an honest client several of them look alike, because they differ in how they follow a connection: they drop (1, 4,
6 to 9) or reset (2, 3, 5, 8b, 10, 11), and all but 2, 3, 5 and 9 then punish the client for a while. The originals
punish it for ever and wherever it goes (`cut-line-*`); here for a limited time and at one server, as networks do.
"""

from __future__ import annotations

from tests.lab.checks import RESET, SILENCE, get, hello, works
from tests.lab.records import Act, Control, Expect, Interference, Scenario
from tests.lab.scenarios.china import elsewhere
from tests.lab.scenarios.wording import ANY, BYSTANDER, PLAIN, family

_case = family("geneva")
_CENSORS = {
    "1": ("drop drop", True, 60),
    "2": ("rst-client pass", False, 0),
    "3": ("rst pass", False, 0),
    "4": ("drop drop", True, 30),
    "5": ("rst-server pass", False, 0),
    "6": ("drop drop", True, 90),
    "7": ("drop drop", False, 60),
    "8": ("drop drop", False, 20),
    "8b": ("rst rst", True, 60),
    "9": ("drop pass", False, 0),
    "10": ("rst rst", False, 60),
    "11": ("rst rst", True, 20),
}
"""Number -> what it does first and then, whether to every port, and for how many seconds."""


def _censored(number: str, port: int, target: str, suffix: str, **more: object) -> Scenario:
    page, everywhere, after = _CENSORS[number]
    box = Interference(
        act=Act.CENSOR, name="{host}", address="{a}", port=0 if everywhere else port, after=after, page=page
    )
    kind = "reset" if "rst" in page else "timeout"
    layer = "tls" if port == 443 else "http"
    seen = (
        hello("errno=104" if kind == "reset" else "exit=124")
        if port == 443
        else get(RESET if kind == "reset" else SILENCE, PLAIN)
    )
    # Without a control nothing tells a remembered punishment from a server that has gone wrong meanwhile.
    status = "blocked|unreachable" if "control" in more and after else "blocked"
    expect = Expect(status=status, causes=(f"{layer}.{kind}", ANY))
    return _case(f"geneva-{number}-{suffix}", expect, *elsewhere(seen), does=box, target=target, **more)


SCENARIOS = (
    *(_censored(number, 443, "https://{host}/", "tls") for number in _CENSORS),
    *(_censored(number, 80, PLAIN, "http") for number in _CENSORS),
    *(_censored(number, 80, "{host}", "host-domain") for number in ("2", "7", "8", "10")),
    *(_censored(number, 443, "https://{host}/", "tls-alone", control=Control.NONE) for number in ("3", "7", "9", "10")),
    _case("cut-line-trigger", Expect(status="blocked", causes=("tls.timeout", ANY)), works(), vantage="cut-line"),
    _case("cut-line-bystander-one", BYSTANDER, works(), vantage="cut-line"),
    _case("cut-line-bystander-two", BYSTANDER, works(), vantage="cut-line"),
    _case(
        "cut-line-bystander-six",
        BYSTANDER,
        works(PLAIN),
        vantage="cut-line",
        target=PLAIN,
    ),
)
