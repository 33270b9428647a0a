"""How is an artefact in the object store described, and what is its digest?"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from pydantic import Field

from slipway.api.base import Model

MANIFEST = "manifest.json"


class ArtifactFile(Model):
    """One file of an artefact."""

    path: str = Field(max_length=512, pattern=r"^[^/\x00][^\x00]*$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int = Field(ge=0)


class ArtifactManifest(Model):
    """The list that is written last; an artefact without it is unfinished or foreign."""

    schema_version: int = 1
    files: tuple[ArtifactFile, ...] = ()


def digest(files: Iterable[ArtifactFile]) -> str:
    """Return `sha256:<hex>` over path, sha256 and size of every file, sorted by path.

    A folder uploaded by hand, without a manifest, has the same digest as one that was published with it.
    """
    rows = sorted((f.path, f.sha256, f.bytes) for f in files if f.path != MANIFEST)
    return digest_of(rows)


def digest_of(value: object) -> str:
    """Return `sha256:<hex>` of `value` as canonical JSON (sorted keys, no spaces, UTF-8)."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()
