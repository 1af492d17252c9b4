"""The closed vocabulary of failures.

Each way in which a step fails has one word, so that no other code parses error messages. The words are those of OONI's
df-007 where it has one. A failure states what happened and not who caused it.
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
    """The other side closed the connection (FIN) before its answer was complete."""
    UNREACHABLE = "unreachable"
    """An ICMP error arrived (host, network, port or administratively unreachable)."""
    NO_ROUTE = "no_route"
    """This host has no address of that family or no route: nothing was sent."""

    NXDOMAIN = "nxdomain"
    """The resolver answers that the name does not exist."""
    NODATA = "nodata"
    """The name exists but has no record of the requested type."""
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
    """This host refused (files exhausted, permission, a local firewall): shows nothing about the network."""
    BUG = "bug"
    """A fault in this program; the text is in the observation's `detail`."""


DNS_ANSWERS = frozenset({Failure.NXDOMAIN, Failure.NODATA, Failure.SERVFAIL, Failure.REFUSED})
"""Failures that are an answer of the resolver."""

OWN_FAULTS = frozenset({Failure.NO_ROUTE, Failure.LOCAL, Failure.BUG})
"""Failures of this host, which show nothing about the network."""
