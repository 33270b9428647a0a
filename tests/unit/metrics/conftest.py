"""One bench for each test of sources."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.unit.metrics.servers import Bench


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    await made.close()
