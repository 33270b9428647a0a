"""Fixtures for folders with an apiserver of their own, `installed`, on which our operator is at work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.apiserver.jobs.cluster import Cluster
from tests.apiserver.operating import operating
from tests.apiserver.server import ApiServer


@pytest.fixture(scope="package")
def operator(installed: ApiServer) -> Iterator[Path]:
    """The operator's log, while it runs with the chart's rights."""
    with operating(installed) as log:
        yield log


@pytest.fixture
def cluster(installed: ApiServer, operator: Path) -> Cluster:
    """A namespace of its own."""
    return Cluster.fresh(installed, operator)
