"""The register in the demo: its snapshots, their differences, and what the collector shows of them.

The register is published once a round. The dates on the collector's page of a service (`/s/<service>`), listed beside
observed, are compared with the true ones of each ISP.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.lab.bench import PROBE
from tests.lab.hosts import Host

TOLERANCE = 3.0
"""Rounds by which an onset or a lifting may be dated wrong: the estimate lies within the round in which it changed."""
_NAMES = ("www.wechat.com", "web.wechat.com", "weixin.qq.com")
_DECISION = "RKN;10-Restricting"


class Register:
    """A country's register, as the collector's operator gets it.

    Args:
        host: where the collector runs; snapshots are kept in its folder.
        database: the collector's.
        interval: seconds of the laboratory clock from one publication to the next.
    """

    def __init__(self, host: Host, database: Path, interval: float) -> None:
        self._host, self._database = host, database
        self._every = timedelta(seconds=interval)
        self._listed = False
        self._worker = ThreadPoolExecutor(1)
        self._given: list[Future[None]] = []
        self.moments: list[datetime] = []

    def publish(self, now: datetime, *, listed: bool) -> None:
        """Publish a snapshot; in the background the collector gets its difference to the snapshot a round before."""
        old = self._snapshot(now - self._every, listed=self._listed)
        new = self._snapshot(now, listed=listed)
        self._listed = listed
        self.moments.append(now)
        self._given.append(self._worker.submit(self._give, old, new))

    def wait(self) -> None:
        """Wait until the collector has all differences.

        Raises:
            RuntimeError: a command failed; with its output.
        """
        for each in self._given:
            each.result()

    def _give(self, old: Path, new: Path) -> None:
        found = self._host.must(PROBE, "targets", "diff", str(old), str(new), "--json")
        words = ("collector", "register", "--db", str(self._database), "--country", "RU", "-")
        self._host.must(PROBE, *words, stdin=found)

    def _snapshot(self, moment: datetime, *, listed: bool) -> Path:
        rows = [f"203.0.113.{n};{host};;{_DECISION};{moment:%Y-%m-%d}" for n, host in enumerate(_NAMES) if listed]
        path = self._host.folder / f"register-{moment:%H%M%S}.csv"
        path.write_text("\n".join([f"Updated: {moment:%Y-%m-%d %H:%M:%S} +0000", *rows]) + "\n", encoding="cp1251")
        return path


def beside_truth(
    page: Mapping[str, Any] | None,
    moments: Iterable[datetime],
    truth: Mapping[int, tuple[datetime, datetime]],
    every: float,
) -> tuple[list[str], list[str]]:
    """Compare the four dates on the collector's page with the truth: lines to print, and those that are wrong.

    Args:
        page: of the service, `/s/<service>.json`; None when there is none.
        moments: when it was listed, when delisted.
        truth: AS number -> when its ISP began to interfere and when it stopped.
        every: seconds of a round.
    """
    rows = page["listed_beside_observed"] if page else []
    if len(rows) != 1 or rows[0]["listing"] is None or rows[0]["listing"]["delisted"] is None:
        return [], [f"listed beside observed: {rows}"]
    listing, lines, wrong = rows[0]["listing"], [], []
    for name, moment in zip(("listed", "delisted"), moments, strict=True):
        # The mirror's header has whole seconds.
        after, before = (datetime.fromisoformat(listing[name][end]) for end in ("after", "before"))
        lines.append(f"{name} between {after:%H:%M:%S} and {before:%H:%M:%S}, true {moment:%H:%M:%S}")
        if not after < moment < before + timedelta(seconds=1):
            wrong.append(lines[-1])
    shown = {seen["network"]["asn"]: seen for seen in rows[0]["networks"]}
    for asn, ends in truth.items():
        for name, moment in zip(("blocked", "unblocked"), ends, strict=True):
            date = shown.get(asn, {}).get(name)
            off = (datetime.fromisoformat(date) - moment).total_seconds() / every if date else None
            lines.append(f"AS{asn}: {name} {str(date)[11:19]}, true {moment:%H:%M:%S}")
            if off is None or abs(off) > TOLERANCE:
                wrong.append(lines[-1])
    return lines, wrong
