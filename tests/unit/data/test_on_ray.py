"""What is said where Ray cannot do the work, and does a node do what this pod would? A real one: tests/ray."""

from __future__ import annotations

import pickle
import socket
from importlib.util import find_spec
from types import ModuleType
from typing import cast

import pytest

from slipway.api.dataset_engine import RayEngine
from slipway.contract.exitcodes import ExitCode
from slipway_data import ahead, on_ray
from slipway_data.alone import Work
from slipway_data.counts import Counts
from slipway_pod.errors import BadConfig, SourceUnreachable
from tests.unit.data.test_ahead import STEPS, items

ADDRESS = "ray://ray-head.data.svc:10001"


@pytest.mark.skipif(find_spec("ray") is not None, reason="this environment has Ray")
def test_an_image_without_ray_says_what_to_install() -> None:
    found = on_ray.done(iter(()), Work.of(STEPS), Counts(), RayEngine(address=ADDRESS))
    with pytest.raises(BadConfig, match=r"spec\.engine\.ray: the image of preparation pods has no Ray") as caught:
        next(found)
    assert caught.value.reason == "RayMissing"


def test_a_cluster_that_does_not_answer_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"ray://127.0.0.1:{taken.getsockname()[1]}"
        on_ray._wait_for(address, 0)
    with pytest.raises(SourceUnreachable, match=rf"spec\.engine\.ray\.address: {address} does not answer") as caught:
        on_ray._wait_for(address, 0)
    assert (caught.value.reason, caught.value.code) == ("RayUnreachable", ExitCode.STORE_UNREACHABLE)


class Head:
    """Ray's module, as far as connecting goes, before a head that fails some clients."""

    def __init__(self, fails: int) -> None:
        self.fails = fails

    def init(self, address: str, *, log_to_driver: bool) -> None:
        del address, log_to_driver
        self.fails -= 1
        if self.fails >= 0:
            raise ConnectionAbortedError("Initialization failure from server: Starting Ray client server failed.")


def test_a_head_that_loses_a_client_is_asked_again() -> None:
    head = Head(2)
    on_ray._connect(cast(ModuleType, head), ADDRESS)
    assert head.fails == -1


def test_a_head_that_loses_every_client_is_told() -> None:
    with pytest.raises(SourceUnreachable, match="Starting Ray client server failed") as caught:
        on_ray._connect(cast(ModuleType, Head(3)), ADDRESS)
    assert caught.value.reason == "RayUnreachable"


def test_a_node_does_what_this_pod_would() -> None:
    work, counts = Work.of(STEPS), Counts()
    batch = list(items(100))
    answer = on_ray.answered(pickle.dumps(work), on_ray.versions(), pickle.dumps(batch))
    assert isinstance(answer, bytes)
    found, counted = pickle.loads(answer)
    assert found == list(ahead.done(iter(batch), work, counts, 1))
    assert counted == counts


def test_a_node_with_other_versions_does_nothing() -> None:
    wanted = {**on_ray.versions(), "numpy": "1.0"}
    answer = on_ray.answered(pickle.dumps(Work.of(STEPS)), wanted, pickle.dumps([]))
    assert answer == on_ray.versions()
    error = on_ray._differs(ADDRESS, wanted, on_ray.versions())
    assert error.reason == "RayVersionMismatch"
    assert f"a node of {ADDRESS} has numpy {on_ray.versions()['numpy']}, this pod has 1.0" in error.message
    assert error.code == ExitCode.BAD_CONFIG
