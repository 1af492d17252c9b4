"""The targets that an agent watches, as the settings choose them, and the service of each."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

from probe.errors import ListError, SettingsError
from probe.lists import testlist
from probe.lists.lines import BadRow, ListEntry, lines_with_faults
from probe.model.target import RangeTarget, Target, parse
from probe.settings import Settings, paths

if TYPE_CHECKING:
    from probe.lists.prefixes.prefix_table import PrefixTable
    from probe.lists.service import Service

log = logging.getLogger(__name__)

MAX_LOGGED_BAD_LINES = 20
"""Bad lines of a list that are logged one by one; the others are counted."""
DEFAULT_SERVICES = "default"
ALL_SERVICES = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Watchlist:
    """Targets in the order of the lists, each once.

    Attributes:
        targets: text and target.
        services: text -> name of its service, for targets that have one.
        samples: text of a range -> how many of its addresses are measured, where its service says so.
        excluded_prefixes: text of a range -> prefixes inside it that do not belong to it: what other ASes announce
            there, and narrower ranges of this list. No two ranges have an address in common.
    """

    targets: tuple[tuple[str, Target], ...] = ()
    services: dict[str, str] = field(default_factory=dict)
    samples: dict[str, int] = field(default_factory=dict)
    excluded_prefixes: dict[str, tuple[str, ...]] = field(default_factory=dict)


def load(settings: Settings) -> Watchlist:
    """The targets that the settings choose.

    Raises:
        SettingsError: a chosen service is not among the shipped ones, or the shipped services are missing.
        ListError: a list or a service file cannot be read, or a list has bad lines only.
    """
    services: dict[str, str] = {}
    samples: dict[str, int] = {}
    order: dict[str, None] = {}
    for service in _chosen(settings) if settings.targets.services else ():
        for target in service.targets():
            order[target] = None
            services.setdefault(target, service.name)
        samples.update(dict.fromkeys(service.range_targets(), service.sample))
    table = _table(settings)
    for text, name in _expanded(settings, table):
        order[text] = None
        if name:
            services.setdefault(text, name)
    for name in settings.targets.files:
        for entry in read_list(Path(name)):
            order[entry.target] = None
            if entry.service:
                services.setdefault(entry.target, entry.service)
    excluded = frozenset(settings.targets.exclude)
    kept = [target for target in order if target not in excluded]
    targets = tuple((target, parse(target)) for target in kept)
    return Watchlist(
        targets=targets,
        services={target: services[target] for target in kept if target in services},
        samples={target: samples[target] for target in kept if target in samples},
        excluded_prefixes=_excluded_prefixes(targets, table),
    )


def _excluded_prefixes(targets: Sequence[tuple[str, Target]], table: PrefixTable | None) -> dict[str, tuple[str, ...]]:
    """Text of a range -> the prefixes excluded from it: narrower targets, and what other ASes announce."""
    networks = {text: target.network for text, target in targets if isinstance(target, RangeTarget)}
    if not networks:
        return {}
    from probe.lists.prefixes.expand import more_specifics_of  # noqa: PLC0415 - most rounds have no ranges

    strangers = () if table is None else table.foreign_more_specifics(networks.values())
    inside = more_specifics_of({*networks.values(), *strangers})
    return {text: inside[network] for text, network in networks.items() if network in inside}


def _table(settings: Settings) -> PrefixTable | None:
    if not (settings.targets.networks or settings.targets.prefixes):
        return None
    from probe.agent import as_ranges  # noqa: PLC0415 - the readers of tables, where there are any

    return as_ranges.load_prefix_table(map(Path, settings.targets.prefixes))


def _expanded(settings: Settings, table: PrefixTable | None) -> Iterator[tuple[str, str]]:
    if table is None or not settings.targets.networks:
        return
    from probe.agent import as_ranges  # noqa: PLC0415 - see _table

    yield from as_ranges.ranges_of(settings.targets.networks, table, _shipped(), settings.source)


def read_list(path: Path) -> tuple[ListEntry, ...]:
    """The entries of a list file. Bad lines are logged and skipped: one of them must not stop an agent.

    Raises:
        ListError: the file cannot be read, or has bad lines only.
    """
    try:
        with path.open("rb") as stream:
            found, bad = parse_list(stream, str(path))
    except OSError as error:
        raise ListError(f"cannot be read: {error.strerror}", where=str(path), mend="name another list") from error
    if bad and not found:
        more = f", and {len(bad) - 1} more bad lines" if len(bad) > 1 else ""
        raise ListError(bad[0].what + more, where=f"{path}:{bad[0].line}")
    for row in bad[:MAX_LOGGED_BAD_LINES]:
        log.warning("%s:%d: skipped: %s", path, row.line, row.what)
    if len(bad) > MAX_LOGGED_BAD_LINES:
        log.warning("%s: %d more bad lines were skipped", path, len(bad) - MAX_LOGGED_BAD_LINES)
    return found


def lines_of_list(stream: IO[bytes], name: str) -> Iterator[ListEntry | BadRow]:
    """The entries of a list and its bad lines, in order, as `parse_list` has them."""
    return testlist.read(lines_with_faults(stream, name), name)


def parse_list(stream: IO[bytes], name: str) -> tuple[tuple[ListEntry, ...], tuple[BadRow, ...]]:
    """The entries of a list, and its bad lines.

    Args:
        stream: the list, opened in binary.
        name: of the list, the source of entries without one.

    Raises:
        ListError: the list is too large.
        OSError: it cannot be read.
    """
    read = tuple(lines_of_list(stream, name))
    return (
        tuple(entry for entry in read if isinstance(entry, ListEntry)),
        tuple(line for line in read if isinstance(line, BadRow)),
    )


def _shipped() -> tuple[Service, ...]:
    from probe.lists import catalogue  # noqa: PLC0415 - a cron job with a list of its own need not wait for it

    folder = paths.shipped_folder() / "services"
    return catalogue.load({path.name: path.read_bytes() for path in sorted(folder.glob("*.toml"))})


def _chosen(settings: Settings) -> Iterator[Service]:
    found = _shipped()
    known = {service.name for service in found}
    wanted = set(settings.targets.services)
    for name in sorted(wanted - known - {DEFAULT_SERVICES, ALL_SERVICES}):
        raise SettingsError(
            f"targets.services names the unknown service {name!r}",
            where=settings.source,
            mend="see `probe targets list`",
        )
    for service in found:
        if ALL_SERVICES in wanted or service.name in wanted or (DEFAULT_SERVICES in wanted and service.default):
            yield service
