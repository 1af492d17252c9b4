"""Deliver a message by apprise (extra `alerts`): Telegram, Matrix, e-mail and a hundred others, each by its URL.

apprise blocks, so it runs in a thread. Its log names URLs, which may hold tokens, and is switched off.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from probe.collector.notify.attempts import SENT, AttemptResult, refused, retry
from probe.collector.notify.subscription import Subscription
from probe.errors import UsageError

TIMEOUT_SECONDS = 60.0
"""How long an attempt is waited for; apprise's own time-outs of a connection and an answer are 4 s each."""
MAX_TEXT_CHARACTERS = 3500
"""Telegram takes 4096 in one message. apprise would divide a longer one, and a failure in between would repeat it."""
_INSTALL = "pip install 'reachability-probe[alerts]'"


def check_url(url: str) -> str:
    """The public name of the channel that a URL leads to, as `telegram` or `e-mail`.

    Raises:
        UsageError: apprise is missing, or knows no such URL.
    """
    try:
        plugin = _plugin(url)
    except ImportError as error:
        raise UsageError("this channel needs the library apprise", where="URL", mend=_INSTALL) from error
    if plugin is None:
        raise UsageError("the URL is none of a known channel", where="URL", mend="see the list of apprise's services")
    return "".join(c for c in str(plugin.service_name).lower() if c.isalnum() or c in "-. ")[:32]


async def deliver(subscription: Subscription, title: str, text: str) -> AttemptResult:
    """Send a message once."""
    if len(text) > MAX_TEXT_CHARACTERS:
        text = text[:MAX_TEXT_CHARACTERS] + "…"
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await asyncio.to_thread(_send, subscription.url, title, text)
    except TimeoutError:
        return retry(f"no answer within {TIMEOUT_SECONDS:.0f} s")


def _send(url: str, title: str, text: str) -> AttemptResult:
    try:
        plugin = _plugin(url)
    except ImportError:
        return retry(f"the library apprise is missing: {_INSTALL}")
    if plugin is None:
        return refused("its URL is none of a known channel")
    try:
        done = plugin.notify(body=text, title=title)
    except Exception:  # noqa: BLE001 a fault of a plugin must not end the task; its text may hold a token
        return retry("the channel's library failed")
    return SENT if done else retry("the channel did not take it")


def _plugin(url: str) -> Any:
    """The plugin for a URL; None when no plugin knows it.

    Raises:
        ImportError: apprise is not installed.
    """
    import apprise  # noqa: PLC0415 - an extra, and 0.1 s of imports

    log = logging.getLogger("apprise")
    log.propagate = False
    log.setLevel(logging.CRITICAL + 1)
    return apprise.Apprise.instantiate(url, suppress_exceptions=True)
