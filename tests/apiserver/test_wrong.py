"""A wrong object is refused at the door, with the message that its author needs."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.apiserver import objects
from tests.apiserver.server import ApiServer

RIGHT = {made()["kind"].lower(): made for made in objects.RIGHT}
CASES = [
    pytest.param(path.stem, case, id=f"{path.stem}: {case['case']}")
    for path in sorted((Path(__file__).parent / "wrong").glob("*.yaml"))
    for case in yaml.safe_load(path.read_text())
]


@pytest.mark.parametrize(("kind", "case"), CASES)
def test_a_wrong_object_is_refused_in_words(server: ApiServer, kind: str, case: dict[str, object]) -> None:
    manifest = RIGHT[kind]()
    for path, value in case["change"].items():
        manifest = objects.changed(manifest, path, value)
    answer = objects.offer(server, manifest)
    assert 400 <= answer.code < 500, f"accepted: {manifest}"
    assert case["says"] in answer.message


def test_there_are_enough_wrong_objects() -> None:
    assert len(CASES) >= 40
    assert len({case.id for case in CASES}) == len(CASES)
