"""Replay April and May 2017: the register, the blocks of three ISPs, and the collector's pages about both.

Zello was listed and blocked on 12 April; LINE, BlackBerry Messenger and Vchat were listed on 28 April and blocked on
2 May, Imo with them though no register names it; WeChat was listed and blocked on 4 May, delisted and unblocked on the
11th. (Official register; RKN's statement of 11 May; tass.ru/obschestvo/4234299; freesoft.net 2017-05-03;
theins.ru/amp/news/54906: some ISPs on 4 May, others on the 5th.) The hours are not historical.

Snapshots of the register go through `probe targets diff` and `probe collector register`, traces of verdicts through
`probe replay` and a collector process, whose laboratory clock jumps over the days. With real agents and a real
middlebox, three minutes long, it is `make demo DEMO=--exit`, which ends with the same four dates.
"""

from __future__ import annotations

import csv
import itertools
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from probe.model.verdict import Cause
from tests.e2e.processes import probe
from tests.e2e.traces import Cut, Line, Reporter, Watch, collector, fused_json, replayed, reported, utc
from tests.required import shared_data

EVERY = timedelta(minutes=30)
DURING, AFTER = utc("2017-05-08 00:05"), utc("2017-05-14 00:05")
"""When the collector's pages are read: in the middle and at the end."""


@dataclass(frozen=True)
class Service:
    """A service and its true dates."""

    title: str
    targets: tuple[str, ...]
    listed: date | None = None
    blocked: datetime | None = None
    delisted: date | None = None
    unblocked: datetime | None = None
    decision: str = ""


HISTORY = {
    "zello": Service(
        "Zello", ("https://zello.com/",), date(2017, 4, 12), utc("2017-04-12 20:00"), decision="4-Restricting"
    ),
    "line": Service(
        "LINE",
        ("https://line.me/", "dns://legy.g.line-apps.com"),
        date(2017, 4, 28),
        utc("2017-05-02 09:00"),
        decision="7-Restricting",
    ),
    "vchat": Service(
        "Vchat", ("http://vchat.com/",), date(2017, 4, 28), utc("2017-05-02 09:00"), decision="8-Restricting"
    ),
    "blackberry-messenger": Service(
        "BlackBerry Messenger",
        ("https://www.blackberry.com/",),
        date(2017, 4, 28),
        utc("2017-05-02 10:00"),
        decision="9-Restricting",
    ),
    "imo": Service("Imo", ("https://imo.im/",), blocked=utc("2017-05-02 12:00")),
    "wechat": Service(
        "WeChat",
        ("https://www.wechat.com/", "https://web.wechat.com/", "dns://long.weixin.qq.com", "tcp://203.205.1.1:8080"),
        date(2017, 5, 4),
        utc("2017-05-04 14:00"),
        date(2017, 5, 11),
        utc("2017-05-11 16:00"),
        decision="10-Restricting",
    ),
    "threema": Service("Threema", ("https://threema.ch/",)),
    "telegram": Service("Telegram", ("https://telegram.org/", "tcp://149.154.167.51:443")),
    "vk": Service("VK", ("https://vk.com/",)),
}
WATCH = Watch(
    {target: name for name, service in HISTORY.items() for target in service.targets},
    utc("2017-04-10 00:00"),
    AFTER,
    EVERY,
)
LAGS = {64500: timedelta(0), 64501: timedelta(hours=18), 64502: timedelta(days=1)}
"""The delay of each ISP after the first one in history."""
CAUSES = {64500: Cause.TCP_TIMEOUT, 64501: Cause.DNS_SPOOFED, 64502: Cause.HTTP_BLOCKPAGE}


def cuts(asn: int) -> tuple[Cut, ...]:
    """The interference of an ISP: the first drops addresses, the second forges DNS answers, the third spares WeChat."""
    return tuple(
        Cut(
            frozenset(service.targets),
            service.blocked + LAGS[asn],
            None if service.unblocked is None else service.unblocked + LAGS[asn] / 6,
            CAUSES[asn],
        )
        for name, service in HISTORY.items()
        if service.blocked is not None and (name, asn) != ("wechat", 64502)
    )


LINES = (*(Line(asn, "RU", cuts(asn)) for asn in LAGS), Line(64510, "KZ"))


OTHER_ROW = "198.51.100.7;other.example;;RKN;2-6-27/2016-01-11-1;2016-01-11"
"""A site that is listed throughout: a register without any entry is refused as a failed download."""


def snapshots(folder: Path) -> list[Path]:
    """The register's mirror on the evenings around each change."""
    files = []
    for text in ("04-11", "04-12", "04-27", "04-28", "05-03", "05-04", "05-10", "05-11"):
        day = date.fromisoformat(f"2017-{text}")
        rows = [f"Updated: {day} 21:00:00 +0000", OTHER_ROW]
        for name, service in HISTORY.items():
            if service.listed and service.listed <= day and not (service.delisted and service.delisted <= day):
                host = service.targets[0].split("/")[2]
                rows += [f"203.0.113.{len(name)};{host};;RKN;{service.decision};{service.listed}"]
        files.append(folder / f"dump-{text}.csv")
        files[-1].write_text("\n".join(rows) + "\n", encoding="cp1251")
    return files


def reconstructed(folder: Path) -> list[Path]:
    """A snapshot without these services, then the four reconstructed ones."""
    days = ("04-12", "05-03", "05-05", "05-11")
    known = [shared_data(f"register/zi-2017-{day}-reconstructed.csv").read_bytes().rstrip() + b"\n" for day in days]
    contents = [b"Updated: 2017-04-11 17:00:00 +0000\n", *known]
    files = [folder / f"{number}.csv" for number in range(len(contents))]
    for file, content in zip(files, contents, strict=True):
        file.write_bytes(content + OTHER_ROW.encode() + b"\n")
    return files


def register(files: list[Path], db: Path) -> None:
    """Store the diff of every two consecutive snapshots; the last one twice, which changes nothing."""
    for old, new in itertools.pairwise(files):
        found = probe("targets", "diff", str(old), str(new), "--json")
        assert found.returncode == 0, found.stderr
        done = probe("collector", "register", "--db", str(db), "-", stdin=found.stdout)
        assert done.returncode == 0, done.stderr
    again = probe("collector", "register", "--db", str(db), "-", stdin=found.stdout)
    assert b" 0 new" in again.stdout


def day_of(window: dict[str, Any], day: date) -> bool:
    """Whether a change between two moments can have been on that day (UTC)."""
    start = datetime.combine(day, datetime.min.time()).replace(tzinfo=utc("2017-01-01").tzinfo)
    after = None if window["after"] is None else datetime.fromisoformat(window["after"])
    return (after is None or after < start + timedelta(days=1)) and datetime.fromisoformat(window["before"]) >= start


def near(shown: str | None, true: datetime | None) -> bool:
    """Whether a shown moment is within two rounds of the true one."""
    if shown is None or true is None:
        return (shown, true) == (None, None)
    return abs(datetime.fromisoformat(shown) - true) <= 2 * EVERY


def faults(name: str, page: dict[str, Any]) -> list[str]:
    """The differences between a service's page and history."""
    service = HISTORY[name]
    if service.blocked is None:
        return [f"{name}: {row}" for row in (*page["listed_beside_observed"], *page["events"])]
    if len(page["listed_beside_observed"]) != 1:
        return [f"{name}: {len(page['listed_beside_observed'])} listings"]
    (row,) = page["listed_beside_observed"]
    listing, wrong = row["listing"], []
    if (listing is None) != (service.listed is None):
        wrong.append(f"{name}: listed {listing}")
    if listing is not None and service.listed and not day_of(listing["listed"], service.listed):
        wrong.append(f"{name}: listed {listing['listed']}, in truth {service.listed}")
    if listing is not None and (listing["delisted"] is None) != (service.delisted is None):
        wrong.append(f"{name}: delisted {listing['delisted']}, in truth {service.delisted}")
    if listing is not None and service.delisted and not day_of(listing["delisted"], service.delisted):
        wrong.append(f"{name}: delisted {listing['delisted']}, in truth {service.delisted}")
    shown = {seen["network"]["asn"]: seen for seen in row["networks"]}
    for asn in LAGS:
        true = next((cut for cut in cuts(asn) if service.targets[0] in cut.targets), None)
        seen = shown.get(asn, {"blocked": None, "unblocked": None, "events": []})
        if not near(seen["blocked"], true and true.since) or not near(seen["unblocked"], true and true.until):
            wrong.append(f"{name} on AS{asn}: {seen['blocked']} to {seen['unblocked']}, in truth {true}")
        if len(seen["events"]) != (true is not None):
            wrong.append(f"{name} on AS{asn}: {len(seen['events'])} events")
    return wrong + [f"{name}: on AS{asn}, too" for asn in shown if asn not in LAGS]


def table(name: str, page: dict[str, Any]) -> str:
    """A table of the shown dates, with the true ones in brackets, for `pytest -s`."""
    true, lines = HISTORY[name], []
    for row in page["listed_beside_observed"]:
        listing = row["listing"] or {"listed": None, "delisted": None}
        lines.append(f"{true.title}: listed {_shown(listing['listed'])} ({true.listed})")
        lines[-1] += f", delisted {_shown(listing['delisted'])} ({true.delisted})"
        for seen in row["networks"]:
            asn = seen["network"]["asn"]
            cut = next((cut for cut in cuts(asn) if true.targets[0] in cut.targets), None)
            was = (
                (f"{cut.since:%d %H:%M}", f"{cut.until:%d %H:%M}" if cut.until else "never") if cut else ("never",) * 2
            )
            lines.append(f"    AS{asn}: blocked {_minute(seen['blocked'])} ({was[0]}), ")
            lines[-1] += f"unblocked {_minute(seen['unblocked'])} ({was[1]})"
    return "\n".join(lines)


def _shown(window: dict[str, Any] | None) -> str:
    return f"{_minute(window['after'])} .. {_minute(window['before'])}" if window else "never"


def _minute(text: str | None) -> str:
    return text[5:16].replace("T", " ") if text else "never"


@pytest.fixture(scope="module")
def reporters_of(tmp_path_factory: pytest.TempPathFactory) -> dict[Line, list[Any]]:
    """The transitions that `probe replay` prints for each vantage; computed once."""
    folder = tmp_path_factory.mktemp("traces")
    return {line: replayed(line, WATCH, folder) for line in LINES}


async def play(files: list[Path], found: dict[Line, list[Any]], db: Path) -> None:
    """Replay the two months, and read the pages in the middle and at the end."""
    reporters = [Reporter(line, WATCH, transitions) for line, transitions in found.items()]
    async with aiohttp.ClientSession() as http:
        async with collector(db, DURING) as url:
            register(files[:-1], db)
            await reported(reporters, DURING, url, db, http)
            page = await fused_json(http, url, db, "/s/wechat.json")
            russia, abroad = (each["sentence"] for each in page["countries"])
            assert "blocked on 2 of 3 measured networks, the first since 4 May 2017, 1" in russia
            assert abroad == "WeChat in Kazakhstan: reachable on the one measured network."
            assert page["listed_beside_observed"][0]["listing"]["delisted"] is None
        async with collector(db, AFTER) as url:
            register(files[-2:], db)
            await reported(reporters, AFTER, url, db, http)
            pages = {name: await fused_json(http, url, db, f"/s/{name}.json") for name in HISTORY}
    print("\n" + "\n".join(filter(None, (table(name, page) for name, page in pages.items()))))  # noqa: T201
    assert [fault for name, page in pages.items() for fault in faults(name, page)] == []
    assert "reachable on all 3 measured networks" in pages["wechat"]["countries"][0]["sentence"]
    assert "blocked on 3 of 3 measured networks" in pages["zello"]["countries"][0]["sentence"]


async def test_each_service_has_its_four_true_dates(tmp_path: Path, reporters_of: dict[Line, list[Any]]) -> None:
    """No date is missing, and none is invented."""
    await play(snapshots(tmp_path), reporters_of, tmp_path / "collector.db")


@pytest.mark.shared_data
async def test_the_reconstructed_register_gives_the_same_dates(
    tmp_path: Path, reporters_of: dict[Line, list[Any]]
) -> None:
    """With four snapshots in a month the bounds are wider, and the true dates are within them."""
    await play(reconstructed(tmp_path), reporters_of, tmp_path / "collector.db")


@pytest.mark.shared_data
def test_the_dates_of_this_file_are_those_of_the_published_timeline() -> None:
    """They are all listings, blocks, delistings and unblockings in Russia in April and May 2017."""
    with shared_data("timeline.csv").open(encoding="utf-8", newline="") as stream:
        rows = [
            row for row in csv.DictReader(stream) if row["country"] == "RU" and "2017-04" <= row["date"] < "2017-06"
        ]
    compiled = {(row["service"], row["event"], row["date"]) for row in rows if row["event"] != "registered"}
    played = {
        (service.title, event, f"{moment:%Y-%m-%d}")
        for service in HISTORY.values()
        for event in ("listed", "blocked", "delisted", "unblocked")
        if (moment := getattr(service, event)) is not None
    }

    assert played == compiled
