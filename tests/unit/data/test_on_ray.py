"""What is said where Ray cannot do the work, and does a node do what this pod would? A real one: tests/ray."""

from __future__ import annotations

import pickle
import socket
from importlib.util import find_spec

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
