"""One DNS query over UDP and every answer to it: `python -m tests.lab.ask RESOLVER NAME [SECONDS]`.

Prints the answers on one line in the order of arrival, each an address (or several joined by `,`) or an rcode.
"""

from __future__ import annotations

import socket
import sys
import time

import dns.message
import dns.rcode
import dns.rdatatype


def ask(resolver: str, name: str, seconds: float) -> list[str]:
    """The answers that arrive within a number of seconds after the query."""
    query = dns.message.make_query(name, dns.rdatatype.A)
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.connect((resolver, 53))
        asking.send(query.to_wire())
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            asking.settimeout(left)
            try:
                response = dns.message.from_wire(asking.recv(4096))
            except TimeoutError:
                break
            addresses = [record.to_text() for rrset in response.answer for record in rrset]
            found.append(",".join(addresses) or dns.rcode.to_text(response.rcode()))
    return found


if __name__ == "__main__":
    print(" ".join(ask(sys.argv[1], sys.argv[2], float(sys.argv[3]) if len(sys.argv) > 3 else 3.0)))  # noqa: T201
