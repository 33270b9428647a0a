"""Does the list of what is in use miss anything that an object names?"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from slipway.collect.__main__ import mentioned
from slipway.collect.mentions import KINDS, in_use
from slipway.kube.api import Forbidden, Page

NOW = "2026-11-28T08:00:00Z"


def digest(letter: str) -> str:
    return "sha256:" + letter * 64


def manifest(kind: str, name: str = "x", **content: Any) -> dict[str, Any]:
    meta = {"name": name, "namespace": "team", "creationTimestamp": "2026-11-01T00:00:00Z"}
    return {"kind": kind, "metadata": meta, **content}


def test_a_version_keeps_its_artefact_its_base_and_its_data() -> None:
    spec = {
        "artifact": {"uri": "s3://slipway/slipway/models/a/", "digest": digest("a"), "formats": ["GGUF"]},
        "baseModel": {"uri": "s3://models/base/", "digest": digest("b")},
        "evaluationData": {"uri": "s3://slipway/slipway/datasets/d/", "digest": digest("d")},
        "fromALaterRelease": [{"draft": {"uri": "s3://models/draft/", "digest": digest("e")}}],
    }
    found = in_use([manifest("ModelVersion", spec=spec)], NOW)
    assert found.digests == tuple(map(digest, "abde"))
    assert found.uris == (
        "s3://models/base/",
        "s3://models/draft/",
        "s3://slipway/slipway/datasets/d/",
        "s3://slipway/slipway/models/a/",
    )
    assert (found.objects, found.unfinished_since, found.read) == (1, None, NOW)


def test_every_dataset_is_named_whatever_its_state() -> None:
    found = in_use([manifest("Dataset", "b"), manifest("Dataset", "a", status={"state": "Failed"})], NOW)
    assert found.datasets == ("team/a", "team/b")


def test_an_artefact_that_only_a_message_names_is_in_use() -> None:
    said = f"ModelVersion x exists already; the artefact is s3://slipway/slipway/models/a/ ({digest('a')}). Create"
    found = in_use([manifest("TrainingJob", status={"state": "Failed", "message": said})], NOW)
    assert found.uris == ("s3://slipway/slipway/models/a/",)
    assert found.digests == (digest("a"),)


def test_a_revision_that_a_rollout_keeps_is_in_use_though_its_version_is_gone() -> None:
    kept = manifest("ControllerRevision", data={"artifact": {"uri": "s3://m/a/", "digest": digest("a")}})
    live = {
        "stable": {"digest": digest("b")},
        "candidate": {"digest": digest("c")},
        "history": [{"digest": digest("d")}],
    }
    found = in_use([kept, manifest("Rollout", spec={}, status=live)], NOW)
    assert found.digests == tuple(map(digest, "abc"))
    assert found.uris == ("s3://m/a/",)


@pytest.mark.parametrize(
    ("state", "since"),
    [
        ("Succeeded", None),
        ("Failed", None),
        ("Stopped", None),
        ("Suspended", "2026-11-01T00:00:00Z"),
        (None, "2026-11-01T00:00:00Z"),
    ],
)
def test_the_oldest_run_that_has_not_ended_is_known(state: str | None, since: str | None) -> None:
    status = {"state": state} if state else {}
    later = manifest("TrainingJob", status={"state": "Succeeded"})
    assert in_use([later, manifest("TrainingJob", status=status)], NOW).unfinished_since == since


class Api:
    """A cluster with objects, of which one kind may be closed to us."""

    def __init__(self, objects: list[dict[str, Any]], closed: str = "") -> None:
        self.objects, self.closed = objects, closed
        self.asked: dict[str, tuple[str | None, str]] = {}

    async def pages(
        self, kind: str, namespace: str | None, *, selector: str = "", limit: int = 500
    ) -> AsyncGenerator[Page, None]:
        self.asked[kind] = (namespace, selector)
        if kind == self.closed:
            raise Forbidden("no")
        for found in self.objects:
            if found["kind"] == kind:
                yield Page([found], "1")


async def test_every_kind_of_every_namespace_is_read() -> None:
    api = Api([manifest(kind, spec={"digest": digest(mark)}) for kind, mark in zip(KINDS, "abcde", strict=True)])
    found = await mentioned(api)  # type: ignore[arg-type]
    assert set(api.asked) == set(KINDS)
    assert {namespace for namespace, _ in api.asked.values()} == {None}
    assert api.asked["ControllerRevision"][1] == "app.kubernetes.io/managed-by=slipway"
    assert found.objects == len(KINDS)
    assert found.digests == tuple(map(digest, "abcde"))


@pytest.mark.parametrize("closed", KINDS)
async def test_a_kind_that_cannot_be_read_ends_it(closed: str) -> None:
    with pytest.raises(Forbidden):
        await mentioned(Api([], closed))  # type: ignore[arg-type]
