"""`probe judge` as a process."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from probe.formats.jsonlines import write
from probe.judge import verdict
from probe.model.failure import Failure
from probe.model.observation import Connection
from probe.model.target import parse
from probe.model.verdict import Evidence, Vantage, VantageState
from tests.e2e.processes import probe


def line(target: str, failure: Failure | None = None, state: VantageState = VantageState.ONLINE) -> bytes:
    seen = Connection(address="192.0.2.1", port=443, failure=failure)
    return write(
        verdict(
            time=datetime(2017, 5, 4, tzinfo=UTC),
            text=target,
            target=parse(target),
            evidence=Evidence(observations=(seen,)),
            vantage=Vantage(state=state),
        )
    )


GOOD = line("tcp://192.0.2.1:443")
BAD = line("tcp://192.0.2.1:443", Failure.TIMEOUT)
OFFLINE = line("tcp://192.0.2.1:443", Failure.TIMEOUT, VantageState.OFFLINE)


@pytest.mark.parametrize(
    ("lines", "status"), [([GOOD, GOOD], 0), ([GOOD, BAD], 1), ([GOOD, OFFLINE], 3), ([GOOD, b"\n", GOOD], 0)]
)
def test_verdicts_come_out_in_order_and_the_status_is_that_of_check(lines: list[bytes], status: int) -> None:
    done = probe("judge", "-", stdin=b"".join(lines))

    assert done.stdout == b"".join(one for one in lines if one.strip())
    assert (done.returncode, done.stderr) == (status, b"")


def test_a_verdict_with_words_of_a_newer_version_stays_as_it_is() -> None:
    """It is named; a cause that this version does not know is no such word, and is judged."""
    newer = GOOD.replace(b'"kind":"tcp"', b'"kind":"http3"')
    cause = BAD.replace(b'"causes":["tcp.timeout"]', b'"causes":["http3.timeout"]')

    done = probe("judge", "-", stdin=GOOD + newer + cause)

    assert done.stdout == GOOD + newer + BAD
    assert done.returncode == 1
    assert b"-:2: not judged again: Invalid value 'http3'" in done.stderr
    assert b"-: 1 verdicts are of a newer version" in done.stderr


def test_an_empty_file_is_an_error() -> None:
    """It is what a failed command before the pipe leaves."""
    done = probe("judge", "-", stdin=b"\n")

    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == b"probe: -: has no verdict (give lines of `probe check --json`)\n"


def test_an_older_verdict_is_judged_again_by_its_evidence() -> None:
    """Only the observations of the line count, not its conclusion."""
    claimed = GOOD.replace(b'"status":"reachable"', b'"status":"blocked"').replace(
        b'"causes":[]', b'"causes":["tcp.reset"]'
    )

    done = probe("judge", "-", stdin=claimed)

    assert done.stdout == GOOD


def test_a_bad_line_is_named_and_what_came_before_it_was_judged(tmp_path: Path) -> None:
    path = tmp_path / "v.jsonl"
    path.write_bytes(GOOD + b'{"time": 1}\n' + GOOD)

    done = probe("judge", str(path))

    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
    assert f"probe: {path}:2: not a verdict".encode() in done.stderr


def test_a_missing_file_is_one_line() -> None:
    done = probe("judge", "/nonexistent/v.jsonl")

    assert (done.returncode, done.stdout) == (2, b"")
    assert (
        done.stderr == b"probe: /nonexistent/v.jsonl: cannot be read: No such file or directory (name another file)\n"
    )
