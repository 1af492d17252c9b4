"""Modules that are imported at the first use of one of their names.

An agent on a small host is started for every round by cron, and Python spends most of such a round on imports. A module
that few rounds need is named like this, so that type checkers and the linter of imports see it, and nothing is loaded::

    if TYPE_CHECKING:
        from probe.measure import trace
    else:
        trace = lazy("probe.measure.trace")

Only names that functions use can be lazy; what a module reads while it is imported, such as a base class, cannot.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any


class _LazyModule:
    """Stands for a module, and takes over its names at the first use of one of them."""

    def __init__(self, name: str) -> None:
        self.__dict__["__name__"] = name

    def __getattr__(self, attribute: str) -> object:
        module = import_module(self.__dict__["__name__"])
        # Shared, not copied: names are read as fast as the module's own, and a test that replaces one is seen.
        self.__dict__ = vars(module)
        return getattr(module, attribute)


class LateFunction:
    """Stands for a function of a module that is imported when the function is first called.

    Args:
        module: dotted name.
        name: of the function.
    """

    __slots__ = ("_found", "_module", "_name")

    def __init__(self, module: str, name: str) -> None:
        self._module = module
        self._name = name
        self._found: Any = None

    def __call__(self, *arguments: Any) -> Any:
        """Call the function."""
        if self._found is None:
            self._found = getattr(import_module(self._module), self._name)
        return self._found(*arguments)


def lazy(name: str) -> object:
    """The module of this name: itself where it is already imported, else one that imports it at its first use."""
    return sys.modules.get(name) or _LazyModule(name)
