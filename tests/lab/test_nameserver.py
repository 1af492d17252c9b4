"""The name server's personalities answer as the networks that they stand for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import pytest

from tests.lab.nameserver import Lies, Personality

ZONE = {"www.a.net": ["151.1.80.1"], "many.a.net": [f"151.1.80.{n}" for n in range(1, 42)]}


def ask(entry: dict[str, Any], name: str = "www.a.net", rrtype: str = "A", **more: Any) -> dns.message.Message | None:
    """One question to a resolver with this entry; `stream` over TCP."""
    stream = more.pop("stream", False)
    personality = more.pop("personality", None) or Personality(ZONE, Lies(None), entry)
    answer = personality.answer(dns.message.make_query(name, rrtype, **more).to_wire(), stream=stream)
    return None if answer is None else dns.message.from_wire(answer)


def texts(message: dns.message.Message | None) -> list[str]:
    """The records of an answer."""
    assert message is not None
    return [record.to_text() for rrset in message.answer for record in rrset]


@pytest.mark.parametrize(("payload", "whole"), [(None, False), (512, False), (1232, True)])
def test_an_answer_is_truncated_to_what_the_query_offers(payload: int | None, whole: bool) -> None:
    """Without EDNS 512 octets hold 29 of 41 addresses (RFC 1035, 4.2.1); over TCP all come."""
    more = {} if payload is None else {"use_edns": 0, "payload": payload}
    found = ask({}, "many.a.net", **more)

    assert found is not None
    assert bool(found.flags & dns.flags.TC) is not whole
    assert (len(texts(found)) == 41) is whole
    assert len(texts(found)) >= 28
    assert len(texts(ask({}, "many.a.net", stream=True))) == 41


def test_addresses_are_synthesised_where_a_name_has_none_of_its_own() -> None:
    """DNS64 (RFC 6147), and the name by which a host finds the prefix (RFC 7050)."""
    entry = {"synthesis": "64:ff9b::"}

    assert texts(ask(entry, rrtype="AAAA")) == ["64:ff9b::9701:5001"]
    assert texts(ask(entry)) == ["151.1.80.1"]
    assert texts(ask(entry, "ipv4only.arpa", "AAAA")) == ["64:ff9b::c000:aa"]
    assert ask(entry, "gone.a.net", "AAAA").rcode() == dns.rcode.NXDOMAIN  # type: ignore[union-attr]


def test_forwarders_have_their_faults() -> None:
    """AAAA is refused or ignored, EDNS is refused or ignored, the case is lost, everything is truncated."""
    assert ask({"aaaa": "SERVFAIL"}, rrtype="AAAA").rcode() == dns.rcode.SERVFAIL  # type: ignore[union-attr]
    assert ask({"aaaa": "SILENCE"}, rrtype="AAAA") is None
    assert ask({"edns": "silence"}, use_edns=0) is None
    assert ask({"edns": "formerr"}, use_edns=0).rcode() == dns.rcode.FORMERR  # type: ignore[union-attr]
    assert ask({"lower": True}, "WWW.a.NET").question[0].name.to_text() == "www.a.net."  # type: ignore[union-attr]
    assert ask({"truncates": True}).flags & dns.flags.TC  # type: ignore[union-attr]


def test_a_forwarder_may_keep_a_denial_for_every_type() -> None:
    """NXDOMAIN for AAAA makes the name's A vanish, too."""
    personality = Personality(ZONE, Lies(None), {"aaaa": "NXDOMAIN-KEPT"})

    assert texts(ask({}, personality=personality)) == ["151.1.80.1"]
    assert ask({}, rrtype="AAAA", personality=personality).rcode() == dns.rcode.NXDOMAIN  # type: ignore[union-attr]
    assert ask({}, personality=personality).rcode() == dns.rcode.NXDOMAIN  # type: ignore[union-attr]


def test_a_lie_may_explain_itself_and_deny_recursion(tmp_path: Path) -> None:
    """Extended DNS errors (RFC 8914) and the flag RA."""
    file = tmp_path / "lies.json"
    lie = {"rcode": "NXDOMAIN", "answers": [], "ede": 15, "denies_recursion": True}
    file.write_text(json.dumps({"www.a.net": lie}))

    found = ask({}, personality=Personality(ZONE, Lies(file), {}), use_edns=0)

    assert found is not None
    assert not found.flags & dns.flags.RA
    assert [option.code for option in found.options if isinstance(option, dns.edns.EDEOption)] == [15]
