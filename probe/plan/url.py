"""The plan of URLs and domains: resolve each name once, fetch each URL, and follow redirects.

Every URL of a chain is a hop and gets the same steps. A domain has two chains, 0 for https and 1 for http, that share
their lookups. A chain that is redirected to a URL of the other chain ends there, so that no server is asked twice; the
judge reads the evidence of the other chain.
"""

from __future__ import annotations

from probe.errors import TargetError
from probe.model.address import is_bogon, parse_address
from probe.model.hop import StepPosition, Subject
from probe.model.observation import Exchange
from probe.model.target import DomainTarget, UrlTarget, parse
from probe.plan.address_check import PrivateAddressCheck
from probe.plan.context import PlanContext
from probe.plan.hop import PlanHop
from probe.plan.lookup import Lookup, choose_addresses
from probe.plan.plan import Plan


class UrlPlan(Plan):
    """The plan of some URLs, one chain each.

    Args:
        urls: the first URL of each chain.
        context: resolvers, limits and control facts.
    """

    def __init__(self, urls: tuple[UrlTarget, ...], context: PlanContext) -> None:
        super().__init__()
        self._context = context
        self._lookups: dict[str, Lookup] = {}
        self._waiting: list[tuple[str, PlanHop]] = []
        self._hops: dict[str, list[PlanHop]] = {}
        self._private: dict[str, list[PrivateAddressCheck]] = {}
        """Host -> the checks of its private addresses; all of them start together, once."""
        self._visited: dict[str, tuple[int, int]] = {}
        """URL -> the chain that asked for it last, and the cookie-setting redirects before that."""
        for chain, url in enumerate(urls):
            self._hop(url, StepPosition(chain=chain))

    @classmethod
    def of_domain(cls, target: DomainTarget, context: PlanContext) -> UrlPlan:
        """Create the plan of a domain: one chain for https and one for http."""
        return cls((UrlTarget("https", target.host, 443), UrlTarget("http", target.host, 80)), context)

    def _hop(self, url: UrlTarget, position: StepPosition, cookies: int = 0) -> None:
        """Start a hop for a URL, unless this plan already has one.

        The chain that asked for a URL asks again where a redirect has set a cookie since: sites that want one back
        redirect to themselves.
        """
        chain, before = self._visited.get(str(url), (position.chain, -1))
        if chain != position.chain or before == cookies or position.hop > self._context.limits.redirects:
            return
        self._visited[str(url)] = (chain, cookies)
        hop = PlanHop(
            Subject(url.scheme, url.host, url.port, str(url)),
            self._context,
            self.queue,
            position,
            lambda page: self._served(position, page, cookies),
        )
        if parse_address(url.host) is not None:
            if position.hop and is_bogon(url.host):
                return  # a redirect must not make this host connect to machines of the volunteer's own network
            hop.start((url.host,), (url.host,), frozenset())
            return
        self._hops.setdefault(url.host, []).append(hop)
        self._private.setdefault(url.host, []).append(
            PrivateAddressCheck(
                hop.subject, self._context, self.queue, position, lambda page: self._served(position, page, cookies)
            )
        )
        self._waiting.append((url.host, hop))
        if url.host not in self._lookups:
            self._lookups[url.host] = Lookup(
                url.host, self._context, self.queue, position, lambda: self._changed(url.host)
            )
        if url.scheme == "http":
            self._lookups[url.host].ask_spared()
        self._changed(url.host)

    def _changed(self, host: str) -> None:
        """Start the hops that wait for the name; pass late addresses to those that have started."""
        lookup = self._lookups[host]
        if not lookup.ready:
            return
        for check in self._private.pop(host, ()):
            check.start(lookup.local, lookup.unconfirmed)
        for hop in self._hops[host]:
            if (host, hop) in self._waiting:
                addresses = choose_addresses(lookup.sources, self._context)
                if addresses:
                    self._waiting.remove((host, hop))
                    hop.start(addresses, lookup.used, lookup.unconfirmed)
            else:
                hop.add(lookup.late, lookup.unconfirmed)

    def _served(self, position: StepPosition, page: Exchange, cookies: int) -> None:
        """Follow the redirect of a page, if it has one."""
        if not page.redirects or not page.location:
            return
        try:
            url = parse(page.location)
        except TargetError:
            return
        if isinstance(url, UrlTarget):
            following = StepPosition(chain=position.chain, hop=position.hop + 1)
            self._hop(url, following, cookies + page.sets_cookie)
