"""Trusted resolvers over TLS and HTTPS: their connections are kept, and one that is down costs little."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence

import pytest
import trustme

from probe.errors import UsageError
from probe.measure import encrypted_resolver
from probe.measure.dns_wire import DnsAnswer, dns_question
from probe.measure.encrypted_resolver import EncryptedResolver, parse_resolver_url
from probe.measure.failures import OperationError, operation_error
from probe.measure.tools import Tools
from probe.model.failure import Failure
from tests.loopback.tiny_servers import reply_to, server_context, serving, silent

ASKED = dns_question("lab.example", "A")
ADDRESSES = ("198.51.100.7",)


class DotServer:
    """DNS over TLS. Counts connections and questions.

    Args:
        answers: answers per connection, then the connection is closed.

    Attributes:
        mute: reads questions and does not answer.
    """

    def __init__(self, answers: int = 1000) -> None:
        self.connections = 0
        self.questions = 0
        self.mute = False
        self._answers = answers

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer questions."""
        self.connections += 1
        for _ in range(self._answers):
            size = int.from_bytes(await reader.readexactly(2), "big")
            message = reply_to(await reader.readexactly(size), *ADDRESSES)
            self.questions += 1
            if not self.mute:
                writer.write(len(message).to_bytes(2, "big") + message)
                await writer.drain()


async def outcomes(resolver: EncryptedResolver, count: int) -> Counter[Failure | None]:
    """Ask so many questions at once and count how they end."""
    ends = await asyncio.gather(*(resolver.ask(ASKED) for _ in range(count)), return_exceptions=True)
    return Counter(failures(ends))


def failures(ends: Sequence[DnsAnswer | BaseException]) -> list[Failure | None]:
    """Return the failure of each end."""
    found: list[Failure | None] = []
    for end in ends:
        if isinstance(end, OperationError):
            found.append(end.info.failure)
        else:
            assert isinstance(end, DnsAnswer)
            found.append(end.failure)
    return found


async def failure_of(resolver: EncryptedResolver) -> tuple[Failure, str]:
    """Ask one question that fails."""
    with pytest.raises(OperationError) as raised:
        await resolver.ask(ASKED)
    return raised.value.info.failure, raised.value.info.detail


def age_outage(resolver: EncryptedResolver, seconds: float) -> None:
    """Let so many seconds pass on the resolver's clock."""
    before = resolver._now
    resolver._now = lambda: before() + seconds


async def test_questions_share_a_connection(tools: Tools, ca: trustme.CA) -> None:
    """Questions in turn need one connection, forty at once need at most four."""
    server = DotServer()
    async with serving(server.talk, server_context(ca, "127.0.0.1")) as port:
        resolver = tools.encrypted(f"tls://127.0.0.1:{port}")
        for _ in range(5):
            assert (await resolver.ask(ASKED)).addresses == ADDRESSES
        assert server.connections == 1
        await asyncio.gather(*(resolver.ask(ASKED) for _ in range(40)))
        assert server.connections <= 4


async def test_a_connection_closed_while_idle_is_opened_again(tools: Tools, ca: trustme.CA) -> None:
    """The server closes each one after one answer; that does not count as a failure."""
    server = DotServer(answers=1)
    async with serving(server.talk, server_context(ca, "127.0.0.1")) as port:
        resolver = tools.encrypted(f"tls://127.0.0.1:{port}")
        for _ in range(4):
            assert await outcomes(resolver, 4) == {None: 4}
    assert server.connections == 16


async def test_a_resolver_that_never_completes_a_handshake_is_tried_once_for_all_questions(tools: Tools) -> None:
    """Twenty questions end after one time-out and one connection."""
    connections = 0

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await silent(reader, writer)

    async with serving(accept) as port:
        resolver = tools.encrypted(f"tls://127.0.0.1:{port}")
        began = time.monotonic()
        assert await outcomes(resolver, 20) == {Failure.TIMEOUT: 20}
        assert time.monotonic() - began < 8  # twenty in series take ten seconds
        assert await failure_of(resolver) == (Failure.LOCAL, "not asked: the resolver failed before (timeout)")

    assert connections == 1


async def test_a_silent_resolver_costs_a_list_one_time_out_and_one_handshake(tools: Tools, ca: trustme.CA) -> None:
    """It completes the handshake and never answers. Further questions are not asked, and their failure says so."""
    server = DotServer()
    server.mute = True
    async with serving(server.talk, server_context(ca, "127.0.0.1")) as port:
        resolver = tools.encrypted(f"tls://127.0.0.1:{port}")
        began = time.monotonic()
        assert await outcomes(resolver, 40) == {Failure.TIMEOUT: 1, Failure.LOCAL: 39}
        for _ in range(40):
            assert await failure_of(resolver) == (Failure.LOCAL, "not asked: the resolver failed before (timeout)")
        assert time.monotonic() - began < 10  # eighty in series take forty seconds

    assert (server.connections, server.questions) == (1, 1)


async def test_a_resolver_that_falls_silent_is_given_up_after_two_failures(tools: Tools, ca: trustme.CA) -> None:
    """One question may be about a name that the resolver cannot resolve in time."""
    server = DotServer()
    async with serving(server.talk, server_context(ca, "127.0.0.1")) as port:
        resolver = tools.encrypted(f"tls://127.0.0.1:{port}")
        await resolver.ask(ASKED)
        server.mute = True
        assert (await failure_of(resolver))[0] is Failure.TIMEOUT
        server.mute = False
        await resolver.ask(ASKED)
        server.mute = True
        assert [(await failure_of(resolver))[0] for _ in range(4)] == [Failure.TIMEOUT] * 2 + [Failure.LOCAL] * 2


async def test_a_resolver_is_tried_again_after_the_retry_interval_by_one_question(tools: Tools, ca: trustme.CA) -> None:
    """Questions that come during the trial are not asked; after an answer all are."""
    server = DotServer()
    server.mute = True
    async with serving(server.talk, server_context(ca, "127.0.0.1")) as port:
        resolver = tools.encrypted(f"tls://127.0.0.1:{port}")
        await failure_of(resolver)
        age_outage(resolver, encrypted_resolver.RETRY_INTERVAL_SECONDS - 1)
        assert (await failure_of(resolver))[0] is Failure.LOCAL
        age_outage(resolver, 1)
        trial = asyncio.create_task(failure_of(resolver))
        await asyncio.sleep(0.1)
        assert (await failure_of(resolver))[0] is Failure.LOCAL
        assert (await trial)[0] is Failure.TIMEOUT
        assert server.questions == 2

        server.mute = False
        age_outage(resolver, encrypted_resolver.RETRY_INTERVAL_SECONDS)
        await resolver.ask(ASKED)
        assert await outcomes(resolver, 10) == {None: 10}


async def test_a_spent_budget_does_not_make_a_resolver_seem_down(tools: Tools, ca: trustme.CA) -> None:
    """The next round has a budget again."""
    server = DotServer()
    async with serving(server.talk, server_context(ca, "127.0.0.1")) as port:
        resolver = tools.encrypted(f"tls://127.0.0.1:{port}")
        tools.pace.budget.max_connections = 1
        tools.pace.budget.connections = 1
        assert (await failure_of(resolver))[0] is Failure.LOCAL
        tools.pace.budget.reset()
        assert (await resolver.ask(ASKED)).addresses == ADDRESSES


async def test_nothing_is_asked_where_the_certificate_does_not_verify(tools: Tools) -> None:
    """An impostor learns no name."""
    server = DotServer()
    async with serving(server.talk, server_context(trustme.CA(), "127.0.0.1")) as port:
        assert (await failure_of(tools.encrypted(f"tls://127.0.0.1:{port}")))[0] is Failure.CERTIFICATE
    assert server.questions == 0


async def test_a_resolvers_name_is_looked_up_and_its_certificate_verified_for_it(tools: Tools, ca: trustme.CA) -> None:
    """The system finds `localhost`."""
    async with serving(DotServer().talk, server_context(ca, "localhost")) as port:
        answer = await tools.encrypted(f"tls://localhost:{port}").ask(ASKED)

    assert answer.addresses == ADDRESSES


async def test_a_resolvers_name_that_is_not_found_is_no_answer_about_the_target(
    tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NXDOMAIN would look like the trusted resolver's own answer."""

    async def not_found(name: str, rrtype: str, seconds: float) -> tuple[str, ...]:
        raise operation_error(Failure.NXDOMAIN)

    monkeypatch.setattr(tools.lookups, "addresses", not_found)

    assert await failure_of(tools.encrypted("tls://dns.example")) == (
        Failure.LOCAL,
        "not asked: the resolver's own name was not found",
    )


async def test_an_idle_connection_is_not_used_after_ten_seconds(tools: Tools, ca: trustme.CA) -> None:
    """A NAT may have forgotten it."""
    server = DotServer()
    async with serving(server.talk, server_context(ca, "127.0.0.1")) as port:
        resolver = tools.encrypted(f"tls://127.0.0.1:{port}")
        await resolver.ask(ASKED)
        age_outage(resolver, encrypted_resolver.MAX_IDLE_SECONDS)
        await resolver.ask(ASKED)

    assert server.connections == 2


def test_a_resolvers_url_is_parsed_and_other_urls_are_refused() -> None:
    """The default ports and path are filled in."""
    assert (parse_resolver_url("tls://dns.example").port, parse_resolver_url("tls://dns.example").path) == (853, "")
    assert parse_resolver_url("https://[2001:db8::1]:8443").path == "/dns-query"
    assert parse_resolver_url("https://dns.example/q?a=b").path == "/q?a=b"
    for wrong in ("udp:1.1.1.1:53", "http://dns.example/", "tls://dns.example/x", "https://[broken"):
        with pytest.raises(UsageError):
            parse_resolver_url(wrong)


@pytest.mark.parametrize(("others_have_it", "recursion", "questions"), [(True, False, 3), (False, None, 3)])
async def test_a_missing_recursion_flag_counts_where_the_resolver_sets_it_otherwise(
    tools: Tools, ca: trustme.CA, others_have_it: bool, recursion: bool | None, questions: int
) -> None:
    """Filters leave it out (Quad9); so do simple servers, in every answer. One other name is asked for, once."""
    asked: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            query = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
            asked.append(query)
            filtered = not others_have_it or b"lab" in query
            message = bytearray(reply_to(query, rcode=3 if b"lab" in query else 0))
            message[3] &= 0x7F if filtered else 0xFF
            writer.write(len(message).to_bytes(2, "big") + message)
            await writer.drain()

    async with serving(talk, server_context(ca, "127.0.0.1")) as port:
        resolver = tools.encrypted(f"tls://127.0.0.1:{port}")
        answers = await asyncio.gather(resolver.ask(ASKED), resolver.ask(ASKED))

    assert [answer.recursion for answer in answers] == [recursion] * 2
    assert len(asked) == questions


@pytest.mark.parametrize(
    ("failure", "tried"),
    [
        (Failure.NO_ROUTE, ["192.0.2.9", "2001:db8:64::c000:209", "2001:db8:65::c000:209"]),
        (Failure.TIMEOUT, ["192.0.2.9"]),
    ],
)
async def test_a_resolver_with_an_ipv4_address_is_reached_through_nat64_where_there_is_no_ipv4(
    tools: Tools, monkeypatch: pytest.MonkeyPatch, failure: Failure, tried: list[str]
) -> None:
    """The default resolvers are given by IPv4 addresses. One that is silent is not asked by another way."""
    opened: list[str] = []

    async def open_tcp(address: str, *_: object) -> None:
        opened.append(address)
        raise operation_error(failure)

    monkeypatch.setattr(encrypted_resolver, "open_tcp", open_tcp)
    monkeypatch.setattr(
        type(tools.resolvers), "nat64_prefixes", property(lambda _: ("2001:db8:64::/96", "2001:db8:65::/96"))
    )
    assert (await failure_of(tools.encrypted("tls://192.0.2.9")))[0] is failure
    assert opened == tried
