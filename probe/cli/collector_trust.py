"""Settings of `probe collector serve` about whom it believes: the time in shadow, and canaries."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from probe.cli.durations import parse_duration
from probe.errors import ListError
from probe.fuse.canary import CanaryStatus, read_canaries
from probe.fuse.standing import SHADOW_DAYS

if TYPE_CHECKING:
    from probe.collector.server import Companion
    from probe.collector.state import Collector

MAX_CANARY_BYTES = 64 * 1024
"""Bytes of a file of canaries: some hundred lines."""
Command = TypeVar("Command", bound=Callable[..., object])


def trust_options(command: Command) -> Command:
    """Add the options `--shadow` and `--canaries` to a command."""
    shadow = click.option(
        "--shadow",
        default=f"{SHADOW_DAYS}d",
        show_default=True,
        metavar="TIME",
        help="How long a new vantage has no vote, but for those of the first such time; 0 for none.",
    )
    canaries = click.option(
        "--canaries",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Targets of known status that weigh the vantages: up, down or never, and the target, one a line.",
    )
    return shadow(canaries(command))


def trust_settings(shadow: str, canaries: Path | None) -> Companion:
    """What gives a collector these settings.

    Raises:
        UsageError: the time has another form.
        ListError: the file cannot be read, or a line is no canary.
    """
    lasts = timedelta() if shadow == "0" else parse_duration(shadow, "--shadow")
    known = {} if canaries is None else _read(canaries)

    @contextlib.asynccontextmanager
    async def beside(collector: Collector) -> AsyncIterator[None]:
        collector.shadow = lasts
        collector.canaries = known
        yield

    return beside


def _read(file: Path) -> dict[str, CanaryStatus]:
    try:
        content = file.read_bytes()[:MAX_CANARY_BYTES].decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ListError("cannot be read as text", where=str(file)) from error
    return read_canaries(content, str(file))
