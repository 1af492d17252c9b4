"""The plan of URLs and domains: each name is resolved once, and every redirect is a hop tried like the first.

A domain has two chains, 0 for https and 1 for http, that share their lookups. A chain that is redirected to a URL that
the other has tried ends there: the judge reads the other's evidence, and no server is asked twice.
"""

from __future__ import annotations

from probe.errors import TargetError
from probe.model.address import is_bogon, parse_address
from probe.model.hop import StepPosition, Subject
from probe.model.observation import Exchange
from probe.model.target import DomainTarget, UrlTarget, parse
from probe.plan.context import PlanContext
from probe.plan.hop import PlanHop
from probe.plan.lookup import Lookup, choose
from probe.plan.plan import Plan


class UrlPlan(Plan):
    """One chain for each URL."""

    def __init__(self, urls: tuple[UrlTarget, ...], context: PlanContext) -> None:
        super().__init__()
        self._context = context
        self._lookups: dict[str, Lookup] = {}
        self._waiting: list[tuple[str, PlanHop]] = []
        self._hops: dict[str, list[PlanHop]] = {}
        self._visited: set[str] = set()
        for chain, url in enumerate(urls):
            self._hop(url, StepPosition(chain=chain))

    @classmethod
    def of_domain(cls, target: DomainTarget, context: PlanContext) -> UrlPlan:
        """The two chains of a domain."""
        return cls((UrlTarget("https", target.host, 443), UrlTarget("http", target.host, 80)), context)

    def _hop(self, url: UrlTarget, position: StepPosition) -> None:
        """Try a URL, unless this plan has done so."""
        if str(url) in self._visited or position.hop > self._context.limits.redirects:
            return
        self._visited.add(str(url))
        hop = PlanHop(
            Subject(url.scheme, url.host, url.port, str(url)),
            self._context,
            self.queue,
            position,
            lambda page: self._served(position, page),
        )
        if parse_address(url.host) is not None:
            if position.hop and is_bogon(url.host):
                return  # a redirect must not make this host connect to the volunteer's own machines
            hop.start((url.host,), (url.host,), frozenset())
            return
        self._hops.setdefault(url.host, []).append(hop)
        self._waiting.append((url.host, hop))
        if url.host not in self._lookups:
            self._lookups[url.host] = Lookup(
                url.host, self._context, self.queue, position, lambda: self._changed(url.host)
            )
        self._changed(url.host)

    def _changed(self, host: str) -> None:
        """Begin the hops that waited for the name; pass late addresses to those that have begun."""
        lookup = self._lookups[host]
        if not lookup.ready:
            return
        for hop in self._hops[host]:
            if (host, hop) in self._waiting:
                addresses = choose(lookup.sources, self._context)
                if addresses:
                    self._waiting.remove((host, hop))
                    hop.start(addresses, lookup.local, lookup.odd)
            else:
                hop.add(lookup.late, lookup.odd)

    def _served(self, position: StepPosition, page: Exchange) -> None:
        """Follow a redirect."""
        if not page.redirects or not page.location:
            return
        try:
            url = parse(page.location)
        except TargetError:
            return
        if isinstance(url, UrlTarget):
            self._hop(url, StepPosition(chain=position.chain, hop=position.hop + 1))
