"""Does a real apiserver take every HTTPRoute that we write, and keep it exactly as it is?

Our own reading of a route has to find in it what we wrote, or nothing would ever be confirmed: a default that the API
fills in and we do not would show here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from e2e.setup import gotools
from slipway.rollout.rollout import Rollout
from slipway.rollout.routes import read_route
from tests.apiserver.server import ApiServer
from tests.unit.rollout.world import NAMESPACE, World, rollout_spec, serving

APPLY = "application/apply-patch+yaml"
ROUTES = f"/apis/gateway.networking.k8s.io/v1/namespaces/{NAMESPACE}/httproutes"
STICKY = {"traffic": {**rollout_spec("v1")["traffic"], "sticky": {}}}
TESTERS = [{"name": f"x-tester-{n}", "value": "yes"} for n in range(8)]


def at(**spec: Any) -> World:
    """Return a world in which v2 is at its first step."""
    world = serving(**spec)
    world.want("v2")
    world.run(8)
    return world


CASES = {
    "weights": at,
    "all buckets and tester headers": lambda: at(
        strategy={"canary": {"steps": [{"percent": 99}], "headers": TESTERS}}, **STICKY
    ),
    "preview": lambda: at(strategy={"blueGreen": {"previewHostnames": ["next.example", "*.next.example"]}}),
    "some copies": lambda: at(strategy={"canary": {"steps": [{"mirrorPercent": 5}, {"percent": 10}]}}),
    "all copies": lambda: at(strategy={"canary": {"steps": [{"mirrorPercent": 100}, {"percent": 10}]}}),
}


@pytest.fixture(scope="module")
def gateway_api(server: ApiServer) -> Iterator[ApiServer]:
    """An apiserver that knows HTTPRoutes, for this module only: others test what happens without them."""
    definition = str(gotools.gateway_api() / "gateway.networking.k8s.io_httproutes.yaml")
    server.kubectl("create", "-f", definition)
    server.request("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    await_answer(server, 200)
    yield server
    server.kubectl("delete", "-f", definition)
    await_answer(server, 404)


def await_answer(server: ApiServer, code: int) -> None:
    deadline = time.monotonic() + 30
    while server.request("GET", ROUTES).code != code:
        assert time.monotonic() < deadline, f"HTTPRoutes never answer {code}"
        time.sleep(0.05)


def apply(server: ApiServer, route: Mapping[str, Any]) -> Any:
    meta = {name: value for name, value in route["metadata"].items() if name != "generation"}
    body = {**{name: value for name, value in route.items() if name != "status"}, "metadata": meta}
    path = f"{ROUTES}/{meta['name']}?fieldManager=slipway&force=true&fieldValidation=Strict"
    answer = server.request("PATCH", path, body, APPLY)
    assert answer.code in (200, 201), answer.message
    return answer.body


@pytest.mark.parametrize("case", CASES)
def test_a_route_is_taken_and_read_back_as_written(gateway_api: ApiServer, case: str) -> None:
    world = CASES[case]()
    routes = [obj for (kind, _), obj in world.objects.items() if kind == "HTTPRoute"]
    assert len(routes) == (2 if case == "preview" else 1)
    rollout = Rollout.parse(world.root)
    for route in routes:
        stored = apply(gateway_api, route)
        assert stored["spec"] == route["spec"], "nothing is filled in that we do not write"
        seen = read_route(stored, rollout)
        assert seen.rules == read_route(route, rollout).rules != ()
        assert apply(gateway_api, route)["metadata"]["resourceVersion"] == stored["metadata"]["resourceVersion"]
