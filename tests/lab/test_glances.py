"""A block that begins between two full looks: the glance differs, and the same round has the verdict (`glances.py`)."""

from __future__ import annotations

import pytest

from tests.lab.glances import main, scenarios

MECHANISMS = ("isp-nxdomain", "isp-bogon-private", "inject-one", "drop", "rst", "sni-rst", "sni-mute", "quic-port")
"""One of each kind that a glance sees, and a page in clear."""


@pytest.mark.lab
@pytest.mark.xdist_group("glances")
def test_what_a_glance_sees_is_judged_in_the_same_round(capsys: pytest.CaptureFixture[str]) -> None:
    """What it cannot see is judged by the next full look: a certificate behind TLS 1.3, a transfer that freezes."""
    names = (*MECHANISMS, "host-page", "mitm", "freeze-sni")

    assert main(["--only", f"^({'|'.join(names)})$"]) == 0
    said = {line[:14].strip(): line[14:].split() for line in capsys.readouterr().out.splitlines()}
    assert said["right"] == [str(len(names) - 2)]
    assert said["unseen"] == ["2", "freeze-sni", "mitm"]


def test_the_scenarios_are_interference_that_can_begin() -> None:
    """Nothing of the core router, no ranges, all with a control."""
    chosen = scenarios()

    assert {one.name for one in scenarios("^drop$")} == {"drop"}
    assert len(chosen) > 200
    assert all(one.middlebox or one.lie for one in chosen)
