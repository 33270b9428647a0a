"""Is the source as it was when the data was made that is published?

A look costs what a list of the source's files costs, of a Git repository that has no new commit less.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping

from slipway.api.dataset_refresh import Inputs
from slipway.api.dataset_source import GitSource
from slipway.contract.artifact import MANIFEST
from slipway.contract.job import Look, PrepareDataset, Store
from slipway.contract.result import Unchanged
from slipway_data.inputs import inputs
from slipway_data.sources import git, opened
from slipway_data.sources.origin import Origin
from slipway_pod.store import open_uri

log = logging.getLogger("slipway")


def looked(job: PrepareDataset, environment: Mapping[str, str] = os.environ) -> Origin | Unchanged:
    """Return what is behind the source of `job`, or that it is as the job's look says that it was."""
    if job.look is None:
        return opened(job, environment)
    found = _same_commit(job, job.look, environment) or opened(job, environment)
    same = compared(inputs(found, job), found.revision, job.look, job.store)
    if same is None:
        return found if found.files else opened(job, environment)
    found.done()
    log.info("the source is as it was%s", ", and no data can be made of it" if same.refused else "")
    return same


def compared(now: Inputs, revision: str, look: Look, store: Store) -> Unchanged | None:
    """Return Unchanged where `now` is what `look` tells of, and what was made from it is still there."""
    if now == look.refused:
        return Unchanged(inputs=now, revision=revision, refused=True)
    if now != look.inputs:
        return None
    bucket, prefix = open_uri(store, look.artifact.uri)
    if not bucket.exists(prefix + MANIFEST):
        log.warning("%s is gone from the store: it is made again", look.artifact.uri)
        return None
    return Unchanged(inputs=now, revision=revision)


def _same_commit(job: PrepareDataset, look: Look, environment: Mapping[str, str]) -> Origin | None:
    """Return what is known of a Git repository whose revision is still the commit that was read: all but its files."""
    source = job.source.chosen
    if not isinstance(source, GitSource) or not look.revision or look.inputs is None:
        return None
    if git.named(source, environment) != look.revision:
        return None
    return Origin((), look.revision, look.inputs.files)
