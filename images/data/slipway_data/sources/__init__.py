"""Which files does a source have?"""

from __future__ import annotations

import os
from collections.abc import Mapping

from slipway.api.dataset_feedback import FeedbackSource
from slipway.api.dataset_github import GitHubSource
from slipway.api.dataset_mix import DatasetsSource
from slipway.api.dataset_source import (
    GitSource,
    HttpSource,
    InlineSource,
    ObjectStoreSource,
    PersistentVolumeClaimSource,
)
from slipway.contract.job import PrepareDataset
from slipway_data.sources import claim, feedback, git, github, http, inline, members, stored
from slipway_data.sources.origin import Origin
from slipway_pod.errors import BadConfig, BadData


def opened(job: PrepareDataset, environment: Mapping[str, str] = os.environ) -> Origin:
    """Return what is behind the source of `job`, files by their paths; raise BadData (NoFiles) without any.

    `environment` holds the values of the Secrets that the source names (see slipway.contract.source).
    """
    found = _opened(job, environment)
    if not found.files:
        raise BadData("NoFiles", f"source.{job.source.member}: no file was found: correct the source")
    return found


def _opened(job: PrepareDataset, environment: Mapping[str, str]) -> Origin:  # noqa: PLR0911 - one for each member
    match job.source.chosen:
        case InlineSource() as spec:
            return Origin.of(inline.files(spec))
        case ObjectStoreSource() as spec:
            return Origin.of(stored.files(spec, job.store))
        case HttpSource() as spec:
            return Origin.of(http.files(spec, environment))
        case GitSource() as spec:
            return git.opened(spec, environment)
        case GitHubSource() as spec:
            return github.opened(spec, job, environment)
        case PersistentVolumeClaimSource() as spec:
            return Origin.of(claim.files(spec))
        case FeedbackSource() as spec:
            return Origin.of(feedback.files(spec, job))
        case DatasetsSource():
            return Origin(members.files(job))
        case other:
            raise BadConfig("UnknownSource", f"source: this image cannot read {type(other).__name__}: update it")
