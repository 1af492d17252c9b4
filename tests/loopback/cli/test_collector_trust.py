"""The options of `probe collector serve` about whom it believes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from probe.cli.collector_trust import trust_options, trust_settings
from probe.clock import Clock
from probe.collector.state import Collector
from probe.collector.store.sqlite.sqlite_store import open_sqlite
from probe.errors import ListError, UsageError
from probe.fuse.canary import CanaryStatus


async def test_the_settings_reach_the_collector(tmp_path: Path) -> None:
    """The time in shadow, none with 0, and the canaries."""
    file = tmp_path / "canaries.txt"
    file.write_text("up https://a.example/\n")
    store = open_sqlite(tmp_path / "c.db")
    collector = Collector(store, Clock(), "http://collector.test", b"k" * 32)

    async with trust_settings("0", file)(collector):
        assert (collector.shadow, dict(collector.canaries)) == (timedelta(), {"https://a.example/": CanaryStatus.UP})
    async with trust_settings("3d", None)(collector):
        assert (collector.shadow, dict(collector.canaries)) == (timedelta(days=3), {})
    await store.close()


def test_wrong_settings_are_refused(tmp_path: Path) -> None:
    """With one line that says what is wrong."""
    with pytest.raises(UsageError):
        trust_settings("soon", None)
    with pytest.raises(ListError, match="cannot be read"):
        trust_settings("7d", tmp_path / "none.txt")


def test_both_options_have_defaults() -> None:
    """A week, and no canaries."""

    @click.command()
    @trust_options
    def command(shadow: str, canaries: Path | None) -> None:
        click.echo(f"{shadow} {canaries}")

    assert CliRunner().invoke(command, []).output == "7d None\n"
