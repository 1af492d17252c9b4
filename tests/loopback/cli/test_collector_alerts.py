"""`probe collector subscribe` and its sisters, as a shell sees them."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from probe.cli.collector import command
from probe.cli.collector_alerts import channel_of
from probe.cli.collector_database import in_database
from probe.collector.store import alert_marks
from probe.collector.store.database_url import open_store
from probe.errors import StateError, UsageError
from tests.loopback.cli.test_collector import diff, run


@pytest.fixture
def db(tmp_path: Path) -> str:
    """A collector's database."""
    path = tmp_path / "c.db"
    asyncio.run(open_store(path).close())
    return str(path)


@pytest.fixture
def hook() -> Iterator[tuple[str, list[bytes]]]:
    """A webhook's URL, and the bodies that arrive there; paths with `gone` are answered with 410."""
    bodies: list[bytes] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(410 if "gone" in self.path else 204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            return

    server = HTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/s3cret", bodies
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_subscription_is_made_listed_without_its_url_tried_and_deleted(
    db: str, hook: tuple[str, list[bytes]]
) -> None:
    url, bodies = hook
    wishes = ("--service", "wechat", "--country", "RU", "--network", "AS8359", "--kind", "blocked", "--confirmed")

    made, key = run("subscribe", "--db", db, "--allow-private", *wishes, url).splitlines()
    listed = run("subscriptions", "--db", db)
    as_json = json.loads(run("subscriptions", "--db", db, "--json"))

    assert key.startswith("signing key: whsec_")
    assert listed == f"{made}  webhook 127.0.0.1  wechat, RU, AS8359, blocked, confirmed only\n"
    assert as_json["filter"]["networks"] == [8359]
    assert "s3cret" not in listed + str(as_json)
    assert run("notify-test", "--db", db, made) == "sent\n"
    assert json.loads(bodies[0])["test"] is True
    assert run("unsubscribe", "--db", db, made) == ""
    assert run("subscriptions", "--db", db) == ""
    for again in ("unsubscribe", "notify-test"):
        with pytest.raises(UsageError, match="there is no subscription"):
            run(again, "--db", db, made)


def test_a_test_that_fails_says_why(db: str, hook: tuple[str, list[bytes]]) -> None:
    url, bodies = hook
    gone = run("subscribe", "--db", db, "--allow-private", f"{url}/gone").split()[0]
    private = run("subscribe", "--db", db, url).split()[0]

    for made, reason in ((gone, "it answered 410"), (private, "an address that is not public")):
        result = CliRunner().invoke(command, ["notify-test", "--db", db, made], standalone_mode=False)
        assert result.return_value == 1
        assert result.output.startswith("not sent: ")
        assert reason in result.output
    assert len(bodies) == 1


def test_the_url_may_come_from_standard_input(db: str) -> None:
    """So that it stands in no history of a shell and no list of processes."""
    result = CliRunner().invoke(
        command, ["subscribe", "--db", db, "--digest", "daily", "-"], input="https://hooks.example/s3cret\n"
    )

    assert result.exit_code == 0
    assert run("subscriptions", "--db", db).endswith("webhook hooks.example  digest daily\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--country", "Russia"), "is no country"),
        (("--network", "8.8.8.8"), "is no AS number"),
        (("--network", "AS0"), "is no AS number"),
        (("--digest", "often"), "is no schedule"),
    ],
)
def test_a_wish_that_means_nothing_is_refused(db: str, words: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        run("subscribe", "--db", db, *words, "https://hooks.example/")
    assert run("subscriptions", "--db", db) == ""


@pytest.mark.parametrize(
    "url", ["", "hooks.example", "https://", "https://h:99999/", "https://h:0/", "http://[::1", "http://a\nb/"]
)
def test_a_malformed_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        channel_of(url)
    assert str(caught.value).startswith("URL: ")
    assert "hooks.example" not in str(caught.value)


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StateError):
        run("subscribe", "--db", str(tmp_path / "none.db"), "https://hooks.example/")
    assert list(tmp_path.iterdir()) == []


def test_importing_news_of_a_register_tells_subscribers_and_old_history_does_not(db: str, tmp_path: Path) -> None:
    """A listing of years ago that is loaded late is shown, but is no news."""
    run("subscribe", "--db", db, "https://hooks.example/")
    file = tmp_path / "d.jsonl"
    file.write_bytes(diff("old.example"))
    run("register", "--db", db, str(file))
    assert in_database(db, alert_marks.waiting_groups) == []
    change = msgspec.json.decode(diff("new.example"))
    now = datetime.now(UTC)
    change |= {"after": (now - timedelta(hours=2)).isoformat(), "before": (now - timedelta(hours=1)).isoformat()}
    file.write_bytes(msgspec.json.encode(change) + b"\n")
    run("register", "--db", db, str(file))
    (group,) = in_database(db, alert_marks.waiting_groups)
    assert (group.service, group.cc) == ("wechat", "RU")
