"""What a vantage is called in public: a name that tells its reports in one network apart, and nothing else.

The name is a keyed hash of agent and network, so that nobody without the collector's key can tell which vantages of two
networks are one volunteer who moves between them.
"""

from __future__ import annotations

import hmac
from base64 import b32encode

from probe.model.event import Network


def public_name(secret: bytes, agent: str, network: Network) -> str:
    """Eight letters and digits."""
    digest = hmac.digest(secret, f"{agent}\0{network.asn}\0{network.country}".encode(), "sha256")
    return b32encode(digest[:5]).decode().lower()
