"""How does a training pod leave a record of what made its artefact, and sign both?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import ValidationError

from slipway import __version__
from slipway.api.conditions import timestamp
from slipway.contract.artifact import ArtifactFile
from slipway.contract.job import Store, Train
from slipway.contract.provenance import Made, Provenance, provenance
from slipway.contract.signature import PROVENANCE, SIGNATURE, SIGNED_PROVENANCE, beside, files_statement, named
from slipway_pod.envelope import sealed
from slipway_pod.errors import BadConfig
from slipway_pod.keys import private_key
from slipway_pod.store import open_uri


class Seal:
    """Vouches for what `job` publishes. Made before training: a key that is not there must not cost a run."""

    def __init__(self, job: Train) -> None:
        self._job = job
        self._key = private_key(job.signing, job.namespace) if job.signing is not None else None

    def record(self, uri: str, files: tuple[ArtifactFile, ...], parameters: Mapping[str, str], started: str) -> None:
        """Write provenance beside artefact `uri`, and sign it and the artefact's `files` where there is a key."""
        made = Made(parameters=parameters, code_version=__version__, started=started, finished=now())
        statement = provenance(self._job, uri, files, made)
        readable = json.dumps(statement, ensure_ascii=False, indent=1).encode()
        _write(self._job.store, beside(uri, PROVENANCE), readable + b"\n")
        if self._key is not None:
            _write(self._job.store, beside(uri, SIGNED_PROVENANCE), sealed(statement, self._key))
            sign(uri, files, self._key, self._job.store)


def sign(uri: str, files: tuple[ArtifactFile, ...], key: ec.EllipticCurvePrivateKey, store: Store) -> str:
    """Sign the `files` of artefact `uri`, and return where the signature lies."""
    at = beside(uri, SIGNATURE)
    _write(store, at, sealed(files_statement(uri, files), key))
    return at


def sign_provenance(uri: str, files: tuple[ArtifactFile, ...], key: ec.EllipticCurvePrivateKey, store: Store) -> str:
    """Sign the provenance that lies unsigned beside artefact `uri`, and return where the signed one lies.

    Raise BadConfig where there is none, or where it is about other files.
    """
    source, at = beside(uri, PROVENANCE), beside(uri, SIGNED_PROVENANCE)
    bucket, name = open_uri(store, source)
    if not bucket.exists(name):
        raise BadConfig("NoProvenance", f"{source} is not there: sign the artefact alone, without --with-provenance")
    try:
        content = bucket.read(name)
        told = Provenance.model_validate_json(content).files()
    except ValidationError as error:
        raise BadConfig("NoProvenance", f"{source} is no provenance: sign the artefact alone") from error
    if told != {name: file.sha256 for name, file in named(uri, files).items()}:
        raise BadConfig("NoProvenance", f"{source} is about other files than {uri} has: sign the artefact alone")
    _write(store, at, sealed(json.loads(content), key))
    return at


def now() -> str:
    """Return the time, as RFC 3339 writes it."""
    return timestamp(datetime.now(UTC))


def _write(store: Store, uri: str, content: bytes) -> None:
    bucket, key = open_uri(store, uri)
    bucket.put(key, content)
