"""The action that follows each reply of a collector."""

from __future__ import annotations

import pytest

from probe.agent.uplink_replies import ACTION_BY_STATUS, MAX_RETRY_AFTER_SECONDS, Action, classify_reply

ERROR = b'{"error":{"code":"revoked","message":"this agent has been\\n shut out"}}'


@pytest.mark.parametrize(
    ("status", "body", "action", "number"),
    [
        (200, b'{"acked":7,"clock":"2017-05-04T00:00:00Z"}', Action.DONE, 7),
        (409, b'{"expected":3,"error":{"code":"gap","message":"send from 3"}}', Action.REWIND, 3),
        (422, ERROR, Action.NEW_EPOCH, 0),
        (400, ERROR, Action.DROP_CONTENT, 0),
        (413, ERROR, Action.DROP_CONTENT, 0),
        (401, ERROR, Action.ENROL, 0),
        (403, ERROR, Action.STOP, 0),
        (429, ERROR, Action.RETRY, 0),
        (500, b"", Action.RETRY, 0),
        (503, ERROR, Action.RETRY, 0),
        (302, b"", Action.RETRY, 0),
        (404, b"<html>", Action.RETRY, 0),
    ],
)
def test_each_answer_has_one_action(status: int, body: bytes, action: Action, number: int) -> None:
    answer = classify_reply(status, body)

    assert (answer.action, answer.number) == (action, number)


@pytest.mark.parametrize(("name", "kept"), [("abcd2345", "abcd2345"), ("<b>", ""), ("a" * 65, ""), ("", "")])
def test_a_public_name_of_another_form_is_left_out(name: str, kept: str) -> None:
    """It is printed on a terminal."""
    assert classify_reply(200, f'{{"acked":7,"vantage":"{name}"}}'.encode()).vantage == kept


@pytest.mark.parametrize("status", sorted(ACTION_BY_STATUS))
def test_a_reply_that_is_not_json_is_retried(status: int) -> None:
    """A captive portal answers with 200 and a page, a censor with 403 and another. Neither may lose a report."""
    assert classify_reply(status, b"<html>Please log in</html>").action is Action.RETRY


@pytest.mark.parametrize("body", [b'{"error":{"code":"\xff"}}', b'{"x":' * 1500])
def test_json_that_the_decoder_refuses_is_retried(body: bytes) -> None:
    """Invalid UTF-8 and a thousand nested braces raise other exceptions."""
    assert classify_reply(403, body).action is Action.RETRY


@pytest.mark.parametrize(
    ("status", "body"), [(200, b"{}"), (200, b'{"acked":0}'), (409, b"{}"), (409, b'{"expected":0}')]
)
def test_an_acknowledgement_or_a_rewind_without_its_number_is_tried_again(status: int, body: bytes) -> None:
    assert classify_reply(status, body).action is Action.RETRY


def test_the_collectors_message_is_put_on_one_line() -> None:
    assert classify_reply(403, ERROR).text == "this agent has been shut out"


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("", 0),
        ("12", 12),
        ("999999", MAX_RETRY_AFTER_SECONDS),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 60),
        ("-5", 60),
        ("²", 60),
    ],
)
def test_retry_after_is_limited(header: str, wait: float) -> None:
    assert classify_reply(503, ERROR, header).wait == wait
