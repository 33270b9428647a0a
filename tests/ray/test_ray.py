"""Does a real Ray cluster give the same dataset, and are its failures told as what they are?"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.setup.ray import python_with_ray
from slipway.contract.dataset import REPORT_DATA, REPORT_PAGE
from slipway.contract.exitcodes import ExitCode
from tests.ray.cluster import Cluster, cluster, pod
from tests.unit.data.preparing import Place, pair

STEPS: list[dict[str, Any]] = [
    {"filter": {"minCharacters": 60}},
    {"redact": {"kinds": ["Email", "IPAddress", "Secret"]}},
    {"deduplicate": {"method": "MinHash"}},
]
WORDS = [f"word{n}" for n in range(300)]


@pytest.fixture(scope="module")
def python() -> Path:
    return python_with_ray()


@pytest.fixture(scope="module")
def running(python: Path) -> Iterator[Cluster]:
    with cluster(python) as found:
        yield found


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A store with rows of which some are too short, some private, some alike."""
    rng, found = random.Random(7), Place(tmp_path / "store")
    texts = [" ".join(rng.choices(WORDS, k=30 if n % 9 else 2)) for n in range(600)]
    texts += [text.replace("word1 ", "changed ") for text in texts[:80]]
    found.put("raw/a.jsonl", "".join(pair(f"q{n}", f"{text} a{n}@example.org") for n, text in enumerate(texts)))
    return found


def on(address: str) -> dict[str, Any]:
    return {"engine": {"ray": {"address": address}}}


def test_the_result_is_the_same_byte_for_byte(python: Path, running: Cluster, place: Place, tmp_path: Path) -> None:
    alone = pod(python, place.job("JSONL", "Completion", *STEPS), tmp_path / "alone")
    code, wanted = alone.ended()
    assert code == ExitCode.OK, alone.said()
    spread = pod(python, place.job("JSONL", "Completion", *STEPS, **on(running.address)), tmp_path / "spread")
    code, found = spread.ended()
    assert code == ExitCode.OK, spread.said()
    reports = [place.read(str(told.pop("report")).replace(REPORT_PAGE, REPORT_DATA)) for told in (wanted, found)]
    assert found == wanted
    assert reports[0] == reports[1]
    assert f"{running.address} has 2 cores" in spread.said()
    rows: Any = found["rows"]
    assert min(rows["train"], rows["rejected"], rows["duplicates"]) > 0


def test_a_step_that_cannot_be_is_told_by_the_pod(python: Path, running: Cluster, place: Place, tmp_path: Path) -> None:
    wrong = {"filter": {"languages": ["xx"]}}
    code, told = pod(python, place.job("JSONL", "Completion", wrong, **on(running.address)), tmp_path / "pod").ended()
    assert (code, told["reason"]) == (ExitCode.BAD_CONFIG, "UnknownLanguage")


def test_nodes_without_our_code_are_told(python: Path, place: Place, tmp_path: Path) -> None:
    with cluster(python, bare=True) as bare:
        job = place.job("JSONL", "Completion", *STEPS, **on(bare.address))
        asked = pod(python, job, tmp_path / "pod")
        code, told = asked.ended()
    assert (code, told["reason"]) == (ExitCode.BAD_CONFIG, "RayLacksSlipway"), asked.said()
    assert f"spec.engine.ray.address: a node of {bare.address} lacks what this pod runs" in str(told["message"])


def test_a_cluster_that_goes_is_told_and_tried_again(python: Path, place: Place, tmp_path: Path) -> None:
    rng = random.Random(8)
    texts = (" ".join(rng.choices(WORDS, k=2000)) for _ in range(6000))
    place.put("raw/b.jsonl", "".join(pair(f"b{n}", text) for n, text in enumerate(texts)))
    with cluster(python) as found:
        working = pod(python, place.job("JSONL", "Completion", *STEPS, **on(found.address)), tmp_path / "pod")
        while "has 2 cores" not in working.said():
            assert working.process.poll() is None, working.said()
            time.sleep(0.1)
        found.kill()
        code, told = working.ended()
    assert (code, told["reason"]) == (ExitCode.STORE_UNREACHABLE, "RayLost"), working.said()
