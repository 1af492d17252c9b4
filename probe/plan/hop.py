"""One hop of a target: its subject tried at every candidate address, then what a failure or an odd page calls for.

The rounds of a hop, each begun when the one before is over and only if nobody has served the subject yet::

    first     https: the page from one address, a handshake with each other; http: the page from each; else one act each
    page      https: the page from another address whose handshake stood (at most `HopLimits.fetches` in all)
    follow    the follow-ups of `probe.plan.followup`, for at most `HopLimits.followed` addresses
    insist    more tries where silence decides, until it was heard often enough to be believed
    done

Two questions are asked beside the rounds, because a page in clear text can be anybody's: an address that only the
network's resolver gave shows its certificate at 443, and a page that is not what control saw is fetched
twice in clear and once over TLS.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import zip_longest

from probe.model.address import parse_address
from probe.model.failure import OWN_FAULTS, Failure
from probe.model.hop import CUT_FAILURES, Layer, LayerFailure, Purpose, StepPosition, Subject
from probe.model.observation import Exchange, Observation
from probe.model.resolver import Trust
from probe.model.step import Fetch, Handshake, QuicHandshake, Resolve, Step
from probe.plan import followup, transfer
from probe.plan.candidates import fit
from probe.plan.context import PlanContext
from probe.plan.page_check import doubtful
from probe.plan.plan import NoListener, StepQueue


class PlanHop:
    """A hop being tried.

    Args:
        subject: what to try.
        context: caps and names.
        queue: where to ask.
        position: chain and hop.
        served: called once, with the first page that came.
    """

    def __init__(
        self,
        subject: Subject,
        context: PlanContext,
        queue: StepQueue,
        position: StepPosition,
        served: Callable[[Exchange], None] | None = None,
    ) -> None:
        self.subject = subject
        self.addresses: tuple[str, ...] = ()
        self._context = context
        self._queue = queue
        self._position = position
        self._served = served
        self._odd: frozenset[str] = frozenset()
        self._local: tuple[str, ...] = ()
        self._tries: dict[str, int] = {}
        self._coming: dict[str, list[Step]] = {}
        self._under_way: set[Step] = set()
        self._last: dict[str, tuple[Observation, ...]] = {}
        self._aside: dict[tuple[str, Purpose], tuple[Observation, ...]] = {}
        self._stood: set[str] = set()
        self._fetched: list[str] = []
        self._followed: list[str] = []
        self._ends: list[tuple[str, LayerFailure]] = []
        self._insisted = 0
        self._small = False
        self._works: set[str] = set()
        self._page: Exchange | None = None

    def start(self, addresses: tuple[str, ...], local: tuple[str, ...], odd: frozenset[str]) -> None:
        """Begin the first round.

        Args:
            addresses: the candidates, in order.
            local: the addresses that the network's own resolvers gave, in order.
            odd: those of them that whoever should know does not give for the name.
        """
        self._local = local
        self._odd = odd
        first = next((a for a in local if a in addresses), addresses[0] if addresses else "")
        for address in addresses:
            self._begin(address, page=address == first)

    def add(self, addresses: tuple[str, ...], odd: frozenset[str]) -> None:
        """Try further addresses, which came in late answers."""
        self._odd = odd
        for address in fit(self.addresses, addresses, self._context, beyond=self._context.limits.late):
            self._begin(address, page=False)

    def observed(self, step: Step, seen: Observation) -> None:
        """A page is passed on as soon as it is there."""
        if isinstance(seen, Exchange) and isinstance(step, Fetch) and self._is_subject(step):
            if not seen.answered:
                return
            self._check(step, seen)
            self._compare(step, seen)
            self._works.add(step.address)
            if self._page is None and self._served is not None:
                self._page = seen
                self._served(seen)

    def finished(self, step: Step, seen: tuple[Observation, ...]) -> None:
        """Go on with the address, or with the hop when no address has anything under way."""
        self._under_way.discard(step)
        assert not isinstance(step, Resolve)  # noqa: S101 - a leg asks for no name
        address = step.address
        if self._is_subject(step):
            self._last[address] = seen
            end = followup.failure_of(seen)
            if end is not None:
                self._ends.append((address, _pooled(end)))
            if followup.answered(seen):
                self._stood.add(address)
                if not self.subject.url:
                    self._works.add(address)
        else:
            self._aside[address, step.position.purpose] = seen
        self._next(address)
        if not self._under_way:
            self._advance()

    def _is_subject(self, step: Step) -> bool:
        if step.position.purpose is not Purpose.SUBJECT:
            return False
        if isinstance(step, Fetch):
            return step.url == self.subject.url
        if self.subject.scheme == "quic":
            return isinstance(step, QuicHandshake)
        return isinstance(step, Handshake) is self.subject.encrypted

    def _begin(self, address: str, *, page: bool) -> None:
        self.addresses += (address,)
        subject = followup.subject_step(self.subject, address, self._number(address), page=page)
        self._note_fetch(subject)
        if self._context.suspected and self.subject.encrypted:
            neutral = followup.neutral_first(self.subject, address, self._context, self._position)
            self._run(address, [neutral, subject])
        else:
            self._run(address, [subject])
        if self.subject.scheme == "http" and address in self._odd:
            self.ask(Handshake(address=address, port=443, sni=self.subject.host, position=self._position))

    def _advance(self) -> None:
        """The round is over: choose the next, if the verdict can still change."""
        if self._works and not self._lie_unproven():
            return
        if not self._works and self.subject.scheme == "https":
            fresh = [a for a in self.addresses if a in self._stood and a not in self._fetched]
            if fresh and len(self._fetched) < self._context.limits.fetches:
                subject = followup.subject_step(self.subject, fresh[0], self._number(fresh[0]))
                self._note_fetch(subject)
                self._run(fresh[0], [subject])
                return
        if self._follow():
            return
        if self._works:
            self._insist_on_lies()
            return
        self._try_allowed()
        self._insist()

    def _lie_unproven(self) -> bool:
        """Whether all the network's own addresses failed while others serve: once might be loss, often is a lie."""
        mine = [a for a in self._local if a in self.addresses]
        return bool(mine) and all(a in self._odd and a not in self._works | self._stood for a in mine)

    def _follow(self) -> bool:
        """Ask the follow-ups of the failed addresses; False when there are none left to ask."""
        failed = [a for a in self.addresses if self._failed(a) and a not in self._followed]
        if self._works:
            failed = [a for a in failed if a in self._odd]
        # One of the true addresses and one that only the network's resolver gave: each may say what the other cannot.
        true, odd = ([a for a in failed if (a in self._odd) is side] for side in (False, True))
        turns = [a for pair in zip_longest(true, odd) for a in pair if a is not None]
        for address in turns[: self._context.limits.followed - len(self._followed)]:
            self._followed.append(address)
            self._ask_for_ech(address)
            steps = followup.after(self.subject, address, self._last[address], self._context, self._number(address))
            self._run(address, list(steps))
        if not self._works:
            self._insist_at_once()
        return bool(self._under_way)

    def _ask_for_ech(self, address: str) -> None:
        """Of a name after whose hello nothing good came: would a browser's hello have hidden it?

        One question to one trusted resolver, whose connection stands, and only after a failure: asked of every healthy
        target each round it would add a third to the questions, for an answer that changes about once a year.
        """
        failed = followup.failure_of(self._last[address])
        named = self.subject.encrypted and parse_address(self.subject.host) is None
        if failed is None or failed.layer is Layer.TCP or not named or not self._context.trusted_resolvers:
            return
        position = StepPosition(chain=self._position.chain, hop=self._position.hop, purpose=Purpose.ECH)
        resolver = self._context.trusted_resolvers[0]
        step = Resolve(
            name=self.subject.host, rrtype="HTTPS", resolver=resolver, trust=Trust.TRUSTED, position=position
        )
        self._queue.add(step, NoListener())

    def _insist_at_once(self) -> None:
        """Of SYNs that nobody answers, ask for all tries together: how close they come is the pace's to say.

        Nothing else was said to the address that one try could spoil for the next.
        """
        silent = [address for address, end in self._ends if end == LayerFailure(Layer.TCP, Failure.TIMEOUT)]
        if not silent or len(silent) < len(self._ends) or self._insisted:
            return
        coming = len(silent) + len(self._followed)
        self._ask_at_once(silent[0], self._wanted(silent[0]) - coming)

    def _insist_on_lies(self) -> None:
        """The same of SYNs and hellos to addresses that only the network's resolver gave, while others serve."""
        silent = [(address, end) for address, end in self._ends if address in self._odd]
        if not silent or self._insisted or any(end.failure is not Failure.TIMEOUT for _, end in silent):
            return
        self._ask_at_once(silent[0][0], self._context.limits.proof - len(silent))

    def _ask_at_once(self, address: str, count: int) -> None:
        for _ in range(count):
            self._insisted += 1
            self.ask(followup.subject_step(self.subject, address, self._number(address)))

    def _wanted(self, address: str) -> int:
        """How often silence at an address is to be heard: as often as a judge asks, where it could be called a block.

        Of a page that stopped it never is more often: each try takes long, and brings much.
        """
        limits = self._context.limits
        last = self._last.get(address, ())
        neutral = self._aside.get((address, Purpose.NEUTRAL), ())
        failed = followup.failure_of(neutral)
        heard = bool(neutral) and (failed is None or failed.failure not in CUT_FAILURES)
        if last and isinstance(last[-1], Exchange) and last[-1].begun:
            return limits.silences
        return limits.proof if self._context.served_elsewhere or heard else limits.silences

    def _try_allowed(self) -> None:
        """Where the neutral name failed as the subject did, ask the allowed one: is anything let through?"""
        for address in self._followed:
            neutral = self._aside.get((address, Purpose.NEUTRAL), ())
            failed = followup.failure_of(neutral)
            if (
                failed is not None
                and failed.layer not in {Layer.TCP, Layer.QUIC}
                and failed.failure in CUT_FAILURES
                and self._failed(address)
            ):
                self.ask(followup.allowed(self.subject, address, self._context, self._position))

    def _insist(self) -> None:
        """Where silence decides, hear it often: on a bad line two lost handshakes are no rarity.

        Before silence after a hello or a request could be called a block, the server is asked to speak in small packets
        once: a path that loses the large ones is silent in just this way, here alone and under any name.
        """
        deepest = max((end for _, end in self._ends), key=lambda end: end.layer.depth, default=None)
        alike = [address for address, end in self._ends if end == deepest]
        if deepest is None or deepest.failure is not Failure.TIMEOUT:
            return
        beside = sum(
            end is not None and _pooled(end) == deepest for end in map(followup.failure_of, self._aside.values())
        )
        wanted = self._wanted(alike[0])
        few = len(alike) < self._context.limits.silences or len(alike) + beside < wanted
        nearly = len(alike) + beside >= wanted - 1
        if (
            nearly
            and wanted == self._context.limits.proof
            and deepest.layer in {Layer.TLS, Layer.HTTP}
            and not self._small
        ):
            self._small = True
            self._run(alike[0], [followup.small(followup.subject_step(self.subject, alike[0], self._number(alike[0])))])
        elif few and self._insisted < wanted:
            self._insisted += 1
            self._run(alike[0], [followup.subject_step(self.subject, alike[0], self._number(alike[0]))])

    def _failed(self, address: str) -> bool:
        failed = followup.failure_of(self._last.get(address, ()))
        return failed is not None and failed.failure not in OWN_FAULTS

    def _is_doubtful(self, page: Exchange) -> bool:
        return doubtful(page, self._context.control, fingerprinted=self._context.has_fingerprint(page))

    def _check(self, step: Fetch, page: Exchange) -> None:
        """Ask twice, and over TLS, about a page that is not what control saw."""
        if self.subject.scheme != "http" or not self._is_doubtful(page):
            return
        if step.position.attempt == 0:
            self._coming.setdefault(step.address, []).append(
                followup.subject_step(self.subject, step.address, self._number(step.address))
            )
            if self.subject.port == 80:
                self.ask(
                    Fetch(
                        url="https" + self.subject.url.removeprefix("http"),
                        address=step.address,
                        position=self._position,
                    )
                )

    def _compare(self, step: Fetch, page: Exchange) -> None:
        """Of a page that crawls: the same under the neutral name and its own, in turns."""
        if step.position.attempt == 0 and transfer.slow(page):
            numbers = [self._number(step.address) for _ in range(self._context.limits.silences - 1)]
            again = [followup.subject_step(self.subject, step.address, number) for number in numbers]
            steps = transfer.comparison(
                self.subject.url, step.address, self._context.random_name, self._position, again
            )
            self._coming.setdefault(step.address, []).extend(steps)

    def _number(self, address: str) -> StepPosition:
        """The place of the next try at an address."""
        attempt = self._tries.get(address, 0)
        self._tries[address] = attempt + 1
        return StepPosition(chain=self._position.chain, hop=self._position.hop, attempt=attempt)

    def _note_fetch(self, step: Step) -> None:
        if isinstance(step, Fetch):
            self._fetched.append(step.address)

    def _run(self, address: str, steps: list[Step]) -> None:
        self._coming.setdefault(address, []).extend(steps)
        self._next(address)

    def _next(self, address: str) -> None:
        """Ask for the next step at an address: one after another, so that their order is what the plan says."""
        coming = self._coming.get(address, [])
        while coming:
            if self.ask(coming.pop(0)):
                return

    def ask(self, step: Step) -> bool:
        """Ask for a step on behalf of this hop; False when it was asked for before."""
        if not self._queue.add(step, self):
            return False
        self._under_way.add(step)
        return True


def _pooled(end: LayerFailure) -> LayerFailure:
    """The failure as it is counted: a page that stopped is one more exchange that fell silent."""
    return LayerFailure(Layer.HTTP, end.failure) if end.layer is Layer.BODY else end
