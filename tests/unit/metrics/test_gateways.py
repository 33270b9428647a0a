"""What can a Gateway do, and what is said where that cannot be found out?"""

from __future__ import annotations

from typing import Any

import pytest

from slipway.kube.api import ApiError, Forbidden, NotFound, Unreachable
from slipway.metrics.errors import SourceError
from slipway.metrics.gateways import Gateways
from slipway.plan import GatewayFeatures
from tests.unit.metrics.servers import Bench

GATEWAY = {"spec": {"gatewayClassName": "traefik"}}


class Reader:
    """A cluster of a Gateway and its class, either of which may be missing."""

    def __init__(self, *objects: dict[str, Any] | ApiError) -> None:
        self.objects = dict(
            zip((("Gateway", "gateways", "slipway"), ("GatewayClass", "", "traefik")), objects, strict=True)
        )

    async def get(self, kind: str, namespace: str, name: str) -> dict[str, Any]:
        found = self.objects[kind, namespace, name]
        if isinstance(found, ApiError):
            raise found
        return found


@pytest.mark.parametrize("listed", [["B", "A"], [{"name": "B"}, {"name": "A"}]], ids=["names", "objects"])
async def test_features_are_those_of_the_class(listed: list[Any]) -> None:
    reader = Reader(GATEWAY, {"status": {"supportedFeatures": listed}})
    assert await Gateways(reader).features("gateways", "slipway") == ["A", "B"]


@pytest.mark.parametrize("status", [{}, {"status": None}, {"status": {"supportedFeatures": None}}])
async def test_a_class_that_says_nothing_can_nothing(status: dict[str, Any]) -> None:
    assert await Gateways(Reader(GATEWAY, status)).features("gateways", "slipway") == []


@pytest.mark.parametrize(
    ("objects", "says"),
    [
        ((NotFound("no"), {}), "Gateway gateways/slipway does not exist: create it, or correct spec.traffic.gateway"),
        (
            (GATEWAY, NotFound("no")),
            "GatewayClass traefik does not exist: create it, or correct spec.gatewayClassName of Gateway gateways/slip",
        ),
        ((GATEWAY, Forbidden("no")), "the operator may not read GatewayClass traefik: allow it to get gatewayclass"),
        ((Unreachable("no route"), {}), "Gateway gateways/slipway cannot be read: no route"),
    ],
)
async def test_what_cannot_be_read_is_said_with_the_cure(objects: tuple[Any, Any], says: str) -> None:
    with pytest.raises(SourceError, match=says):
        await Gateways(Reader(*objects)).features("gateways", "slipway")


@pytest.mark.parametrize(
    ("found", "refused"), [(NotFound("no"), True), (Forbidden("no"), False), (Unreachable("no route"), False)]
)
async def test_only_what_does_not_exist_is_refused(bench: Bench, found: ApiError, refused: bool) -> None:
    sources = bench.sources()
    sources._gateways = Gateways(Reader(found, {}))
    answer = await sources.ask(GatewayFeatures("gateways", "slipway"))
    assert (bool(answer.error), answer.refused) == (True, refused)
