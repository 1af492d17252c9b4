"""Conditions of rules in modules that are imported when a hop first concerns them.

A check of one address needs neither the conditions about names nor those about pages. The table of rules names them
all the same::

    dns = LatePredicates("probe.judge.dns", concerns=lambda hop: hop.subject.is_name)

    dns.absent                              a condition
    dns.interferes_by(Cause.DNS_BOGON)      a condition that is made of these arguments
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from probe.judge.evidence_hop import EvidenceHop

Concerns = Callable[[EvidenceHop], bool]
"""Whether any condition of a module can hold for a hop."""


class LatePredicates:
    """The conditions of one module.

    Args:
        module: its dotted name.
        concerns: no condition of the module holds for a hop of which this is not true. It must be exact.
    """

    def __init__(self, module: str, concerns: Concerns | None = None) -> None:
        self._module = module
        self._concerns = concerns

    def __getattr__(self, name: str) -> _LatePredicate:
        return _LatePredicate(self._module, name, self._concerns)


class _LatePredicate:
    """One condition: called with a hop, it decides; with anything else, it returns the condition made of that."""

    __slots__ = ("_arguments", "_concerns", "_found", "_module", "_name")

    def __init__(
        self, module: str, name: str, concerns: Concerns | None, arguments: tuple[object, ...] | None = None
    ) -> None:
        self._module = module
        self._name = name
        self._concerns = concerns
        self._arguments = arguments
        self._found: Any = None

    def __call__(self, *arguments: object) -> Any:
        hop = arguments[0]
        if not isinstance(hop, EvidenceHop):
            return _LatePredicate(self._module, self._name, self._concerns, arguments)
        if self._concerns is not None and not self._concerns(hop):
            return False
        found = self._found or self._import()
        return found(hop)

    def _import(self) -> Any:
        found = getattr(import_module(self._module), self._name)
        self._found = found if self._arguments is None else found(*self._arguments)
        return self._found
