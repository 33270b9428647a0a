"""What vouches for an artefact, and where does it lie?

Beside the artefact, never in it: its digest must not depend on who signed it, or when.

    <artefact>.sig                        its files, signed as the tool `model_signing` signs and verifies them
    <artefact>.provenance.json            what made it: an in-toto statement with SLSA's provenance predicate
    <artefact>.provenance.sigstore.json   the same, signed

What is signed is an in-toto statement, in a DSSE envelope, in a sigstore bundle (slipway_pod.envelope).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any, Literal

from pydantic import Field

from slipway.api.base import Model, StatusModel
from slipway.contract.artifact import MANIFEST, ArtifactFile

SIGNATURE = ".sig"
PROVENANCE = ".provenance.json"
SIGNED_PROVENANCE = ".provenance.sigstore.json"
BESIDE = (SIGNATURE, PROVENANCE, SIGNED_PROVENANCE)

SIGNING_FOLDER = "/slipway/signing"
KEY_ENTRY = "key.pem"
"""Of the Secret, and the file's name where it is mounted: a private key (PEM) on P-256, P-384 or P-521."""
TRUST_FOLDER = "/slipway/trust"
"""Where the ConfigMap of public keys is mounted: one key (PEM) an entry."""

STATEMENT = "https://in-toto.io/Statement/v1"
FILES_PREDICATE = "https://model_signing/signature/v1.0"
ALONE = "."
"""How model_signing names the one file of an artefact that is no folder."""


class Signing(Model):
    """Sign what is published. The key is mounted, it stands in no document."""

    secret: str
    """The Secret's name, for messages."""


class Trust(Model):
    """Let only pass what is signed with one of the keys mounted at TRUST_FOLDER."""

    config_map: str
    """The ConfigMap's name, for messages."""


class Resource(StatusModel):
    """One file as model_signing names it."""

    name: str
    algorithm: str
    digest: str


class _Serialization(StatusModel):
    method: str
    hash_type: str


class _Files(StatusModel):
    serialization: _Serialization
    resources: tuple[Resource, ...]


class FilesStatement(StatusModel):
    """The statement in a `.sig`, as far as a reader needs it."""

    type: Literal["https://in-toto.io/Statement/v1"] = Field(alias="_type")
    predicate_type: Literal["https://model_signing/signature/v1.0"]
    predicate: _Files

    def files(self) -> dict[str, str]:
        """Return name → sha256 (hex) of every file; raise ValueError where they are hashed in another way."""
        how, found = self.predicate.serialization, self.predicate.resources
        if how.method != "files" or any(resource.algorithm != "sha256" for resource in found):
            raise ValueError(f"it hashes by {how.method} with {how.hash_type}, only files with sha256 can be checked")
        return {resource.name: resource.digest for resource in found}


def beside(uri: str, suffix: str) -> str:
    """Return the address of what lies beside artefact `uri` under `suffix`."""
    return uri.rstrip("/") + suffix


def named(uri: str, files: Iterable[ArtifactFile]) -> dict[str, ArtifactFile]:
    """Return the files of artefact `uri` by the names that statements give them, in model_signing's order."""
    if not uri.endswith("/"):
        (file,) = files
        return {ALONE: file}
    return {file.path: file for file in sorted(files, key=lambda file: PurePosixPath(file.path))}


def files_statement(uri: str, files: Iterable[ArtifactFile]) -> dict[str, Any]:
    """Return the statement that is signed for the files of artefact `uri`, each with its sha256."""
    resources = {name: file.sha256 for name, file in named(uri, files).items()}
    whole = hashlib.sha256(b"".join(bytes.fromhex(digest) for digest in resources.values())).hexdigest()
    return {
        "_type": STATEMENT,
        "subject": [{"name": uri.rstrip("/").rpartition("/")[2], "digest": {"sha256": whole}}],
        "predicateType": FILES_PREDICATE,
        "predicate": {
            # Our list of files lies in the folder and is no part of the artefact.
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": False,
                "ignore_paths": [MANIFEST],
            },
            "resources": [{"name": n, "algorithm": "sha256", "digest": d} for n, d in resources.items()],
        },
    }


def subjects(uri: str, files: Iterable[ArtifactFile]) -> list[Mapping[str, Any]]:
    """Return the files of artefact `uri` as the subjects of an in-toto statement."""
    return [{"name": name, "digest": {"sha256": file.sha256}} for name, file in named(uri, files).items()]
