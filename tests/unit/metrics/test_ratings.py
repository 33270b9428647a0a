"""Which ConfigMaps have ratings of a version, and what is said when they cannot be listed?"""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from slipway.kube.api import ApiError, Forbidden, Page, Unreachable
from slipway.metrics.errors import Denied, SourceError, Unavailable
from slipway.metrics.ratings import RatingMaps


class Maps:
    """A cluster with ConfigMaps by label, listed a page at a time."""

    def __init__(self, labels: dict[str, str], fault: ApiError | None = None) -> None:
        self.labels, self.fault = labels, fault
        self.asked: list[tuple[str, str | None, str]] = []

    async def marks(self, kind: str, namespace: str | None, *, selector: str = "") -> AsyncGenerator[Page, None]:
        self.asked.append((kind, namespace, selector))
        if self.fault is not None:
            raise self.fault
        label = selector.partition("=")[2]
        found = [
            {"kind": kind, "metadata": {"name": name, "resourceVersion": str(at), "labels": {"a": "b"}}}
            for at, (name, of) in enumerate(self.labels.items())
            if of == label
        ]
        yield Page(found[:20], "99")
        yield Page(found[20:], "99")


async def test_name_and_version_of_each_are_told() -> None:
    maps = Maps({f"m{at}": "v2" if at % 2 else "v1" for at in range(60)})
    found = await RatingMaps(maps).of("demo", "v2")
    assert len(found) == 30
    assert found[0] == ({"name": "m1", "version": "1"}, 1.0)
    assert maps.asked == [("ConfigMap", "demo", "slipway.dev/ratings=v2")]


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        (Forbidden("no"), Denied, "the operator may not list ConfigMaps: upgrade the chart"),
        (Unreachable("gone"), Unavailable, "the ConfigMaps of namespace demo cannot be listed: gone"),
    ],
)
async def test_faults_come_with_their_cure(fault: ApiError, error: type[SourceError], says: str) -> None:
    with pytest.raises(error, match=says):
        await RatingMaps(Maps({}, fault)).of("demo", "v2")
