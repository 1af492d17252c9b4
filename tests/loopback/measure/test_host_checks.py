"""Facts of this host."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import trustme

from probe.measure.host_checks import count_authorities, device_mtu, host_facts, resolve_seconds


def test_the_facts_of_this_host_can_be_read() -> None:
    found = host_facts()

    assert found.resolvers >= 0
    assert found.mtu == 0 or found.mtu >= 68, "RFC 791: every device carries 68 octets"


@pytest.mark.skipif(sys.platform != "linux", reason="reads devices as Linux shows them")
def test_the_mtu_of_the_loopback_device_is_read_and_that_of_no_device_is_0() -> None:
    assert device_mtu("lo") == int(Path("/sys/class/net/lo/mtu").read_text())
    assert device_mtu("no-such-device") == 0


def test_authorities_are_counted_where_the_environment_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "empty"))

    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    assert count_authorities() == 1
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    assert count_authorities() == 0


async def test_a_name_that_is_found_gives_seconds_and_one_that_cannot_be_none() -> None:
    """No packet leaves this host: the one is in every hosts file, the other is no name."""
    assert await resolve_seconds("localhost", 60) is not None
    assert await resolve_seconds("x" * 70 + ".example", 60) is None
