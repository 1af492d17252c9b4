"""How many connections may be open, and which one is closed for another."""

from __future__ import annotations

from probe.collector.connections.client_prefix import Client
from probe.collector.connections.connection_limits import MIN_OPEN, ConnectionLimits, allowed_connections
from probe.collector.metrics import Metrics


class Connection:
    """A connection that notes whether it was closed."""

    dropped = False

    def drop(self) -> None:
        """Note it."""
        self.dropped = True


def connection_limits(most: int = 3, of_source: int = 2) -> ConnectionLimits:
    """Small limits."""
    return ConnectionLimits(Metrics(), most, of_source)


def test_a_source_has_a_limit_that_others_do_not_share() -> None:
    """A place that is given free can be taken again."""
    limits = connection_limits()
    first = Connection()

    assert limits.admit(first, Client(b"a"))
    assert limits.admit(Connection(), Client(b"a"))
    assert not limits.admit(Connection(), Client(b"a"))
    assert limits.admit(Connection(), Client(b"b"))
    limits.release(first)
    assert limits.admit(Connection(), Client(b"a"))


def test_a_proxy_has_no_limit_of_a_source() -> None:
    """All its clients come from one address."""
    limits = connection_limits(most=10)

    assert all(limits.admit(Connection(), Client(proxy=True)) for _ in range(10))


def test_the_oldest_stranger_is_closed_for_a_new_connection() -> None:
    """So an agent finds a place while strangers hold all of them."""
    limits = connection_limits()
    connections = [Connection() for _ in range(4)]
    for number, connection in enumerate(connections):
        assert limits.admit(connection, Client(bytes([number])))

    assert [connection.dropped for connection in connections] == [True, False, False, False]


def test_a_known_agent_is_never_closed_for_a_stranger() -> None:
    """Where agents alone hold all places, the stranger is refused."""
    limits = connection_limits()
    agents = [Connection() for _ in range(3)]
    for agent in agents:
        limits.admit(agent, Client(b"a"))
        limits.known(agent)

    assert not limits.admit(Connection(), Client(b"b"))
    assert not any(agent.dropped for agent in agents)


def test_a_known_agent_does_not_count_for_its_source() -> None:
    """Many agents may share the address of a carrier's NAT."""
    limits = connection_limits(most=10)
    for _ in range(5):
        agent = Connection()
        assert limits.admit(agent, Client(b"a"))
        limits.known(agent)
        limits.known(agent)


def test_a_connection_that_is_handed_over_is_counted_once() -> None:
    """Releasing the first object afterwards changes nothing."""
    limits = connection_limits(most=2, of_source=1)
    reader, handler = Connection(), Connection()
    limits.admit(reader, Client(b"a"))
    limits.replace(reader, handler)
    limits.release(reader)

    assert not limits.admit(Connection(), Client(b"a"))
    limits.release(handler)
    limits.release(handler)
    assert limits.admit(Connection(), Client(b"a"))


def test_some_connections_are_always_allowed() -> None:
    """Whatever the system's limit of descriptors is."""
    assert allowed_connections() >= MIN_OPEN
