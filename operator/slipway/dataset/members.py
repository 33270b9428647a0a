"""Of which data is a mix made, and what is missing for it?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pydantic import ValidationError

from slipway.api.common import ArtifactRef
from slipway.api.dataset import DatasetSpec, DatasetStatus
from slipway.api.dataset_mix import DatasetsSource, MixMember
from slipway.api.faults import first_fault
from slipway.contract import job
from slipway.dataset.objects import Dataset
from slipway.plan import Manifest, View
from slipway.rooms import Missing

MEMBER_NOT_FOUND: Final = "MemberNotFound"
MEMBER_NOT_READY: Final = "MemberNotReady"
MEMBER_FAILED: Final = "MemberFailed"
MEMBER_SCHEMA: Final = "MemberSchema"
MIX_OF_ITSELF: Final = "MixOfItself"
MEMBER_REASONS: Final = frozenset({MEMBER_NOT_FOUND, MEMBER_NOT_READY, MEMBER_FAILED, MEMBER_SCHEMA, MIX_OF_ITSELF})


def pinned(dataset: Dataset, view: View) -> tuple[job.MixMember, ...] | Missing:
    """Return the members of `dataset` with the data that they have now, or the first thing that is missing.

    A Dataset that is no mix has none.
    """
    source = dataset.spec.source.chosen
    if not isinstance(source, DatasetsSource):
        return ()
    if circle := _circle(dataset, view):
        said = f"{' is mixed from '.join(circle)}: no data is in that circle; take one of them out of its members"
        return Missing(MIX_OF_ITSELF, said, stalled=True)
    found: list[job.MixMember] = []
    for member in sorted(source.members, key=lambda member: member.name):
        one = _member(dataset, member, view)
        if isinstance(one, Missing):
            return one
        found.append(one)
    return tuple(found)


def _member(dataset: Dataset, member: MixMember, view: View) -> job.MixMember | Missing:
    name, space = member.name, dataset.root.namespace
    found = view.get("Dataset", space, name)
    if found is None:
        said = f"Dataset {name}, a member, does not exist in namespace {space}: create it, or correct members"
        return Missing(MEMBER_NOT_FOUND, said)
    try:
        spec = DatasetSpec.model_validate(found.get("spec") or {})
        status = DatasetStatus.model_validate(found.get("status") or {})
    except ValidationError as error:
        said = f"Dataset {name}, a member, is not one of ours: {first_fault(error)}; correct it"
        return Missing(MEMBER_FAILED, said, stalled=True)
    if spec.schema_ != dataset.spec.schema_:
        said = (
            f"Dataset {name}, a member, has schema {spec.schema_}, this one {dataset.spec.schema_}: all members of a "
            "mix have its schema; correct schema, or take it out of members"
        )
        return Missing(MEMBER_SCHEMA, said, stalled=True)
    settled = status.observed_generation == found["metadata"].get("generation", 1)
    if settled and status.state == "Failed":
        failed = status.message.rstrip(".")
        said = f"Dataset {name}, a member, failed: {failed}. Correct it; the mix then goes on by itself"
        return Missing(MEMBER_FAILED, said, stalled=True)
    if not settled or status.state != "Ready" or status.artifact is None:
        waits = status.message.rstrip(".") if settled and status.message else "it is not prepared yet"
        return Missing(MEMBER_NOT_READY, f"waiting for Dataset {name}, a member: {waits}")
    artifact = ArtifactRef(uri=status.artifact.uri, digest=status.artifact.digest)
    return job.MixMember(name=name, artifact=artifact, weight=member.weight)


def _circle(dataset: Dataset, view: View) -> list[str]:
    """Return the names on a way from `dataset` over members of members back to it; none where there is no such way."""
    own, space = dataset.root.name, dataset.root.namespace
    ways, seen = [[own]], {own}
    while ways:
        way = ways.pop()
        for name in _members(way[-1], dataset, view, space):
            if name == own:
                return [*way, own]
            if name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return []


def _members(name: str, dataset: Dataset, view: View, space: str) -> Iterator[str]:
    """Yield the names of the members of Dataset `name`, as far as they can be read."""
    source: object = dataset.spec.source.chosen
    if name != dataset.root.name:
        source = _source(view.get("Dataset", space, name))
    if isinstance(source, DatasetsSource):
        yield from (member.name for member in source.members)


def _source(found: Manifest | None) -> object:
    if found is None:
        return None
    try:
        return DatasetSpec.model_validate(found.get("spec") or {}).source.chosen
    except ValidationError:
        return None
