"""The closed vocabulary of failures.

One word per way a step fails, from the first byte to the last page, so that no other code reads an error message.
Words after OONI's df-007 where it has one. A failure states what happened, not whose fault it was.
"""

from __future__ import annotations

from enum import StrEnum


class Failure(StrEnum):
    """How a step failed."""

    TIMEOUT = "timeout"
    """Silence until the step's time-out."""
    RESET = "reset"
    """A TCP RST: to the SYN, or later."""
    EOF = "eof"
    """The other side closed (FIN) before it had said what was needed."""
    UNREACHABLE = "unreachable"
    """An ICMP error came back from the path (host, network, port or administratively unreachable)."""
    NO_ROUTE = "no_route"
    """This host has no address of that family or no route: nothing was sent."""

    NXDOMAIN = "nxdomain"
    """The resolver answers that the name does not exist."""
    NODATA = "nodata"
    """The name exists but has no record of the type asked for."""
    SERVFAIL = "servfail"
    """The resolver failed (SERVFAIL, or a code that is none of the others)."""
    REFUSED = "refused"
    """The resolver refuses to answer."""

    ALERT = "alert"
    """A TLS alert arrived in place of the handshake's next message."""
    CERTIFICATE = "certificate"
    """The handshake was complete but for a certificate that does not verify for the name."""
    GARBAGE = "garbage"
    """Bytes arrived that are not the protocol's (malformed DNS, TLS or HTTP)."""
    TOO_MUCH = "too_much"
    """A limit of this program was reached: headers, redirects, decompressed bytes."""

    LOCAL = "local"
    """This host refused (files exhausted, permission, a local firewall): says nothing about the network."""
    BUG = "bug"
    """A fault in this program; the text is in the observation's `detail`."""


DNS_ANSWERS = frozenset({Failure.NXDOMAIN, Failure.NODATA, Failure.SERVFAIL, Failure.REFUSED})
"""Failures that a resolver answered: it was reached."""

OWN_FAULTS = frozenset({Failure.NO_ROUTE, Failure.LOCAL, Failure.BUG})
"""Failures that say nothing about the network beyond this host."""
