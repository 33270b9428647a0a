"""What has an earlier attempt of this run left in the store, beside its checkpoints?"""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from pydantic import ValidationError

from slipway.api.common import ArtifactRef
from slipway.contract.artifact import MANIFEST, ArtifactManifest, digest
from slipway.contract.job import Store
from slipway_pod.artifact import fetch
from slipway_pod.errors import BadConfig, DigestMismatch
from slipway_pod.store import open_uri

log = logging.getLogger("slipway")


def kept(uri: str, folder: Path, store: Store) -> ArtifactManifest | None:
    """Bring the artefact at `uri` into `folder`, emptied first, and return its manifest.

    None where there is none, or where its bytes are not those that it lists: then it is to be made again.
    """
    bucket, prefix = open_uri(store, uri)
    if not bucket.exists(prefix + MANIFEST):
        return None
    shutil.rmtree(folder, ignore_errors=True)
    try:
        manifest = ArtifactManifest.model_validate_json(bucket.read(prefix + MANIFEST))
        fetch(ArtifactRef(uri=uri, digest=digest(manifest.files)), folder, store)
    except (DigestMismatch, BadConfig, ValidationError) as error:
        log.warning("what lies at %s is damaged and is made again: %s", uri, error)
        return None
    return manifest
