"""Which files do the members of a mix have?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from pydantic import ValidationError

from slipway.contract.artifact import ArtifactFile
from slipway.contract.dataset import CARD, DatasetCard
from slipway.contract.job import MixMember, PrepareDataset
from slipway_data.raw import RawFile
from slipway_pod import artifact
from slipway_pod.errors import BadConfig, BadData

ORDER = ("test", "validation", "train")
"""Of two rows alike, the first one stays: no step may leave out what is tested on in favour of what is trained on."""
SHARD = re.compile(rf"({'|'.join(ORDER)})/\d{{5}}\.parquet")


def files(job: PrepareDataset) -> tuple[RawFile, ...]:
    """Return the shards of all members, called member/split/shard, split by split in the order of ORDER.

    Each is checked against its member's digest before its first row is used. Raises BadData where a member is of
    another schema than `job`.
    """
    if not job.members:
        raise BadConfig("NoMembers", "source.datasets: the job names no data of its members: update the operator")
    found = [shard for member in job.members for shard in _shards(member, job)]
    return tuple(sorted(found, key=lambda file: (ORDER.index(file.path.split("/")[1]), file.path)))


def _shards(member: MixMember, job: PrepareDataset) -> Iterator[RawFile]:
    held = {file.path: file for file in artifact.listed(member.artifact, job.store)}
    card = _card(member, held.get(CARD), job)
    if card.schema_ != job.schema_:
        raise BadData(
            "MemberSchema",
            f"source.datasets: Dataset {member.name} has schema {card.schema_}, this one {job.schema_}: correct "
            "schema, or take it out of members",
        )
    for path, file in held.items():
        if SHARD.fullmatch(path):
            pieces = partial(artifact.checked, member.artifact, file, job.store)
            yield RawFile(f"{member.name}/{path}", pieces, file.sha256)


def _card(member: MixMember, file: ArtifactFile | None, job: PrepareDataset) -> DatasetCard:
    where = f"source.datasets: Dataset {member.name}, {member.artifact.uri}"
    if file is None:
        raise BadData("MemberUnreadable", f"{where}: {CARD} is missing: prepare that Dataset again")
    try:
        return DatasetCard.model_validate_json(b"".join(artifact.checked(member.artifact, file, job.store)))
    except ValidationError as error:
        raise BadData("MemberUnreadable", f"{where}: {CARD} is not one of ours: prepare that Dataset again") from error
