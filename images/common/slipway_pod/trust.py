"""Is what is about to be evaluated or served signed by a key that is trusted?

A signature names every file and its sha256. Together with the sizes that the store lists they must give the very digest
that the ModelVersion names; so nothing large is read for this, and the readers that come later hold every byte against
that digest anyway.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import ValidationError

from slipway.api.common import ArtifactRef
from slipway.api.faults import first_fault
from slipway.contract.artifact import digest
from slipway.contract.job import Evaluate, Fetch, Store, Subject
from slipway.contract.provenance import Provenance
from slipway.contract.signature import SIGNATURE, SIGNED_PROVENANCE, FilesStatement, Trust, beside, named
from slipway_pod.artifact import outline
from slipway_pod.envelope import Altered, KeyUnknown, NotAnEnvelope, Opened, opened
from slipway_pod.errors import Untrusted
from slipway_pod.keys import PublicKey, public_keys
from slipway_pod.store import open_uri

log = logging.getLogger("slipway")

LARGEST = 64 * 1024 * 1024
"""Bytes of a signature that are read: enough for a hundred thousand files."""
SIGN = "sign it with `python -m slipway_pod.sign URI DIGEST --key key.pem`"
KEY_UNKNOWN = "SignatureKeyUnknown"


def to_serve(job: Fetch) -> None:
    """Raise Untrusted unless everything that `job` brings is vouched for, where it demands that."""
    if job.trust is None or not job.items:
        return
    guard = Guard.of(job.trust, job.namespace, job.store)
    *bases, own = (item.artifact for item in job.items)
    guard.version(own, bases)


def to_evaluate(job: Evaluate) -> str:
    """Return the name of the key that vouches for the subject of `job`; empty where nothing is demanded.

    The reference is held to the same: a version must not look good beside one that somebody made worse.
    """
    if job.trust is None:
        return ""
    guard = Guard.of(job.trust, job.namespace, job.store)
    key = guard.version(job.subject.artifact, _bases(job.subject))
    if job.reference is not None and job.reference.kind == "Base":
        guard.base(job.reference.artifact, job.subject.artifact)
    elif job.reference is not None:
        guard.version(job.reference.artifact, _bases(job.reference))
    return key


@dataclass(frozen=True)
class Guard:
    """Lets pass what one of `keys` vouches for."""

    keys: tuple[PublicKey, ...]
    where: str
    """Where the keys come from, for messages."""
    store: Store

    @classmethod
    def of(cls, trust: Trust, namespace: str, store: Store) -> Guard:
        """Return the guard that `trust` asks for; raise KeyUnusable where its keys are not there."""
        return cls(public_keys(trust, namespace), f"ConfigMap {namespace}/{trust.config_map}", store)

    def version(self, artifact: ArtifactRef, bases: Iterable[ArtifactRef]) -> str:
        """Return the name of the key that signed `artifact`; raise Untrusted for it, or for one of its `bases`."""
        key = self.artifact(artifact)
        for base in bases:
            self.base(base, artifact)
        return key

    def artifact(self, ref: ArtifactRef) -> str:
        """Return the name of the key that signed `ref`; raise Untrusted where none of ours did."""
        at = beside(ref.uri, SIGNATURE)
        found = self._open(at)
        if found is None:
            raise Untrusted(
                "SignatureMissing",
                f"{ref.uri} is not signed ({at} is not there), and signatures are required: {SIGN}",
            )
        try:
            signed = FilesStatement.model_validate_json(found.payload).files()
        except (ValidationError, ValueError) as error:
            raise Untrusted("SignatureInvalid", f"{at} is no signature of files: {_said(error)}") from error
        self._compare(ref, signed, at)
        log.info("%s is signed with key %s", ref.uri, found.key)
        return found.key

    def base(self, base: ArtifactRef, artifact: ArtifactRef) -> None:
        """Raise Untrusted unless `artifact`'s provenance names `base`, or `base` is signed itself."""
        if base.digest in self._base_models(artifact):
            log.info("%s is named by the provenance of %s", base.uri, artifact.uri)
            return
        if self._open(beside(base.uri, SIGNATURE)) is None:
            raise Untrusted(
                "BaseModelUnsigned",
                f"base model {base.uri} is neither signed nor named by signed provenance of {artifact.uri}: {SIGN}",
            )
        self.artifact(base)

    def _base_models(self, ref: ArtifactRef) -> frozenset[str]:
        """Return the base models that the signed provenance of `ref` names; none where we cannot believe one."""
        at = beside(ref.uri, SIGNED_PROVENANCE)
        try:
            found = self._open(at)
        except Untrusted as error:
            if error.reason != KEY_UNKNOWN:
                raise
            # Signed before keys were replaced, most likely; what it says must then be signed anew.
            log.warning("%s is not believed: %s", at, error.message)
            return frozenset()
        if found is None:
            return frozenset()
        try:
            provenance = Provenance.model_validate_json(found.payload)
        except ValidationError as error:
            raise Untrusted("SignatureInvalid", f"{at} is no provenance: {first_fault(error)}") from error
        self._compare(ref, provenance.files(), at)
        return provenance.base_models()

    def _open(self, at: str) -> Opened | None:
        """Return what is signed at `at`, or None where nothing is; raise Untrusted where we cannot believe it."""
        bucket, key = open_uri(self.store, at)
        if not bucket.exists(key):
            return None
        if bucket.size(key) > LARGEST:
            raise Untrusted("SignatureInvalid", f"{at} has more than {LARGEST} bytes: sign the artefact again")
        try:
            return opened(bucket.read(key), self.keys)
        except NotAnEnvelope as error:
            raise Untrusted("SignatureInvalid", f"{at} is no signature ({error}): sign the artefact again") from error
        except Altered as error:
            raise Untrusted(
                "SignatureInvalid", f"{at} was altered after it was signed with key {error}: sign the artefact again"
            ) from error
        except KeyUnknown as error:
            whose = f"key {str(error)[:12]}" if str(error) else "an unnamed key"
            ours = ", ".join(f"{key.name} ({key.hint[:12]})" for key in self.keys)
            raise Untrusted(
                KEY_UNKNOWN,
                f"{at} is signed with {whose}, and {self.where} has {ours}: sign it with one of these, or add its "
                "public key there",
            ) from error

    def _compare(self, ref: ArtifactRef, signed: dict[str, str], at: str) -> None:
        """Raise Untrusted unless the files that are signed at `at` are those that the digest of `ref` means."""
        files = named(ref.uri, outline(ref, self.store))
        if odd := sorted(signed.keys() ^ files.keys()):
            which = "is not there" if odd[0] in signed else "is not signed"
            raise Untrusted("SignatureMismatch", f"{at}: file {odd[0]} of {ref.uri} {which}: sign the artefact again")
        found = [file.model_copy(update={"sha256": signed[name]}) for name, file in files.items()]
        if digest(found) != ref.digest:
            changed = [name for name, file in files.items() if file.sha256 and file.sha256 != signed[name]]
            which = f"file {changed[0]} of {ref.uri}" if changed else ref.uri
            raise Untrusted(
                "SignatureMismatch",
                f"{at} signs other bytes than {which} has by the digest {ref.digest[:14]}…: restore what was signed, "
                "or sign the artefact again",
            )


def _bases(subject: Subject) -> tuple[ArtifactRef, ...]:
    return (subject.base_model,) if subject.base_model is not None else ()


def _said(error: ValueError) -> str:
    return first_fault(error) if isinstance(error, ValidationError) else str(error)
