"""Log lines without addresses, whatever a library puts into them.

The collector's own code logs no address, and `take_address` removes the peer's from what aiohttp can name. This is the
last guard: exceptions of the system and of libraries have texts that nobody here wrote.
"""

from __future__ import annotations

import logging
import re
import sys
from ipaddress import ip_address

REMOVED = "[address]"
_IPV4 = re.compile(r"(?<![0-9.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![0-9.]*[0-9])")
_GROUPS = r"[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?:\.[0-9]{1,3}){0,3}"
_IPV6 = re.compile(rf"\[{_GROUPS}\]|(?<![0-9A-Za-z:.]){_GROUPS}(?![0-9A-Za-z:])")
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class AddressFreeFormatter(logging.Formatter):
    """Formats records, tracebacks as well, and replaces every address of the internet in the result."""

    def format(self, record: logging.LogRecord) -> str:
        """The text of a record without addresses."""
        return without_addresses(super().format(record))


def without_addresses(text: str) -> str:
    """The text with `[address]` for every IPv4 and IPv6 address; times such as 12:30:45 stay."""
    return _IPV4.sub(_replacement, _IPV6.sub(_replacement, text))


def configure_collector_log(level: int = logging.INFO) -> None:
    """Log at this level and above to standard error, without addresses, also what `warnings` says."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(AddressFreeFormatter(_FORMAT))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)


def _replacement(found: re.Match[str]) -> str:
    text = found[0]
    try:
        ip_address(text.strip("[]"))
    except ValueError:
        return text
    return REMOVED
