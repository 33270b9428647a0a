"""Which key signs, and which keys are trusted? Elliptic curves, as the format of model_signing has them."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from slipway.contract.signature import KEY_ENTRY, SIGNING_FOLDER, TRUST_FOLDER, Signing, Trust
from slipway_pod.errors import KeyUnusable

HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "secp256r1": hashes.SHA256,
    "secp384r1": hashes.SHA384,
    "secp521r1": hashes.SHA512,
}
"""The curves that may sign, and what each signs: a hash of its own length."""
MAKE = "openssl ecparam -name prime256v1 -genkey -noout -out key.pem"


@dataclass(frozen=True)
class PublicKey:
    """A trusted key and its name among those of its ConfigMap."""

    name: str
    key: ec.EllipticCurvePublicKey

    @property
    def hint(self) -> str:
        """The mark by which a signature says whose it is."""
        return hint(self.key)


def hint(key: ec.EllipticCurvePublicKey) -> str:
    """Return the sha256 (hex) of `key` as PEM, as model_signing writes it into signatures."""
    return hashlib.sha256(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def algorithm(key: ec.EllipticCurvePublicKey) -> ec.ECDSA:
    """Return how `key` signs."""
    return ec.ECDSA(HASHES[key.curve.name]())


def private_key(signing: Signing, namespace: str) -> ec.EllipticCurvePrivateKey:
    """Return the key that is mounted from Secret `signing`; raise KeyUnusable where there is none of use.

    `SLIPWAY_SIGNING` moves the folder.
    """
    path = Path(os.environ.get("SLIPWAY_SIGNING", SIGNING_FOLDER)) / KEY_ENTRY
    where = f"entry {KEY_ENTRY} of Secret {namespace}/{signing.secret}"
    if not path.is_file():
        raise KeyUnusable(
            "SigningKeyMissing",
            f"{where} is not there: make it (`kubectl create secret generic {signing.secret} -n {namespace} "
            f"--from-file={KEY_ENTRY}`), or clear signing.secret in the chart's values",
        )
    return read_private(path, where)


def read_private(path: Path, where: str) -> ec.EllipticCurvePrivateKey:
    """Return the private key in file `path`, which messages call `where`."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except TypeError as error:
        raise KeyUnusable(
            "SigningKeyInvalid", f"{where} is encrypted: store it without password (`openssl ec -in key.pem`)"
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyUnusable("SigningKeyInvalid", f"{where} is no private key as PEM: make one with `{MAKE}`") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name not in HASHES:
        raise KeyUnusable(
            "SigningKeyInvalid", f"{where} is no elliptic key on P-256, P-384 or P-521: make one with `{MAKE}`"
        )
    return key


def public_keys(trust: Trust, namespace: str) -> tuple[PublicKey, ...]:
    """Return the keys that are mounted from ConfigMap `trust`, by name; raise KeyUnusable where one is none.

    `SLIPWAY_TRUST` moves the folder.
    """
    where = f"ConfigMap {namespace}/{trust.config_map}"
    folder = Path(os.environ.get("SLIPWAY_TRUST", TRUST_FOLDER))
    # The kubelet keeps its own folders beside the entries; they begin with two dots.
    files = sorted(p for p in folder.glob("*") if not p.name.startswith("..") and p.is_file())
    if not files:
        raise KeyUnusable(
            "PublicKeysMissing",
            f"signatures are required, but {where} is not there or has no entries: set signing.publicKeys in the "
            "chart's values, and name this namespace in workloadNamespaces",
        )
    return tuple(PublicKey(path.name, _public(path, f"entry {path.name} of {where}")) for path in files)


def _public(path: Path, where: str) -> ec.EllipticCurvePublicKey:
    try:
        key = load_pem_public_key(path.read_bytes())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyUnusable(
            "PublicKeyInvalid", f"{where} is no public key as PEM: write what `openssl ec -in key.pem -pubout` prints"
        ) from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in HASHES:
        raise KeyUnusable("PublicKeyInvalid", f"{where} is no elliptic key on P-256, P-384 or P-521: replace it")
    return key
