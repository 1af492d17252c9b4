"""Tools with either TLS library, for the tests of what uses both."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import trustme

from probe.measure.pace import PaceLimiter
from probe.measure.tools import Tools
from tests import required


@pytest.fixture(params=["openssl", "boringssl"])
async def both_tools(request: pytest.FixtureRequest, believed: trustme.CA) -> AsyncIterator[Tools]:
    """Like `tools`, once with each TLS library; where the extra is missing, the test is skipped for it."""
    wanted = request.param == "boringssl"
    if wanted:
        required.package("utls")
    async with Tools(0.5, PaceLimiter(0), boringssl=wanted) as made:
        yield made
