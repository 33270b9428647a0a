"""How is a statement signed, and how is a signed one opened?

A sigstore bundle (application/vnd.dev.sigstore.bundle.v0.3+json) around a DSSE envelope
(https://github.com/secure-systems-lab/dsse/blob/v1.0.0/protocol.md), with a key instead of a certificate and without
transparency log: what the tool `model_signing` writes with `sign key`, and reads with `verify key`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import Base64Bytes, ValidationError

from slipway.api.base import StatusModel
from slipway.api.faults import first_fault
from slipway_pod.keys import PublicKey, algorithm, hint

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD_TYPE = "application/vnd.in-toto+json"


class NotAnEnvelope(Exception):
    """The text is no signed statement at all; the message says why."""


class KeyUnknown(Exception):
    """It is signed with none of the keys; the message names the key by its hint, where there is one."""


class Altered(Exception):
    """It claims one of the keys, and what it says is not what was signed; the message names the key."""


@dataclass(frozen=True)
class Opened:
    """A statement (JSON), and the name of the key that signed it."""

    payload: bytes
    key: str


class _Signature(StatusModel):
    sig: Base64Bytes


class _Envelope(StatusModel):
    payload: Base64Bytes
    payload_type: str
    signatures: tuple[_Signature, ...]


class _PublicKey(StatusModel):
    hint: str | None = None


class _Material(StatusModel):
    public_key: _PublicKey | None = None


class _Bundle(StatusModel):
    media_type: str
    verification_material: _Material
    dsse_envelope: _Envelope


def sealed(statement: dict[str, Any], key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return `statement`, signed with `key`, as a file's content."""
    payload = json.dumps(statement, ensure_ascii=False, separators=(",", ":")).encode()
    public = key.public_key()
    signature = key.sign(_encoded(payload), algorithm(public))
    bundle = {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {"publicKey": {"hint": hint(public)}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
        },
    }
    return json.dumps(bundle, separators=(",", ":")).encode()


def opened(content: bytes, keys: Iterable[PublicKey]) -> Opened:
    """Return the statement in `content`, which one of `keys` signed; raise NotAnEnvelope, KeyUnknown or Altered."""
    try:
        bundle = _Bundle.model_validate_json(content)
    except ValidationError as error:
        raise NotAnEnvelope(first_fault(error)) from error
    envelope = bundle.dsse_envelope
    if bundle.media_type != MEDIA_TYPE or envelope.payload_type != PAYLOAD_TYPE:
        raise NotAnEnvelope(f"it is a {bundle.media_type} of {envelope.payload_type}")
    claimed = (bundle.verification_material.public_key or _PublicKey()).hint or ""
    tried = [key for key in keys if not claimed or key.hint == claimed]
    for key in tried:
        if any(_holds(signature.sig, envelope.payload, key) for signature in envelope.signatures):
            return Opened(envelope.payload, key.name)
    if claimed and tried:
        raise Altered(tried[0].name)
    raise KeyUnknown(claimed)


def _holds(signature: bytes, payload: bytes, key: PublicKey) -> bool:
    try:
        key.key.verify(signature, _encoded(payload), algorithm(key.key))
    except InvalidSignature:
        return False
    return True


def _encoded(payload: bytes) -> bytes:
    """Return what is signed: the payload and its type, each with its length (DSSE's PAE)."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
