"""What do the tests of signatures share: keys, a store in a folder, a training job and what it published?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from slipway.api.common import ArtifactRef
from slipway.contract.job import Evaluate, Fetch, Store, Train
from slipway.contract.signature import beside
from slipway_pod import artifact
from slipway_pod.seal import Seal
from slipway_pod.store import split_uri

FILES = {"model.gguf": bytes(range(256)) * 8, "deep/er/b.json": b"{}", "deep.txt": b"x", "name with ü.txt": b"y"}
STARTED = "2026-11-28T07:00:00Z"
IMAGE = "registry.example.com/train@sha256:" + "e" * 64


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@dataclass(frozen=True)
class Ground:
    """A store, the mounted Secret and ConfigMap, and a base model that a job trains on."""

    folder: Path
    store: Store
    base: ArtifactRef

    @classmethod
    def at(cls, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Ground:
        for name in ("store/models", "signing", "trust", "in", "base"):
            (folder / name).mkdir(parents=True)
        monkeypatch.setenv("SLIPWAY_SIGNING", str(folder / "signing"))
        monkeypatch.setenv("SLIPWAY_TRUST", str(folder / "trust"))
        for name, content in FILES.items():
            (folder / "in" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "in" / name).write_bytes(content)
        (folder / "base" / "base.gguf").write_bytes(b"GGUF")
        store = Store(endpoint=f"file://{folder}/store", bucket="models")
        base = artifact.publish_at(folder / "base", "s3://models/base/", store)
        return cls(folder, store, ArtifactRef(uri=base.uri, digest=base.digest))

    def trust(self, **keys: ec.EllipticCurvePrivateKey) -> None:
        """Mount the public keys of `keys`, and no others."""
        for path in (self.folder / "trust").iterdir():
            path.unlink()
        for name, key in keys.items():
            (self.folder / "trust" / f"{name}.pem").write_bytes(public_pem(key))

    def sign_with(self, key: ec.EllipticCurvePrivateKey) -> None:
        """Mount `key` as the one that signs."""
        (self.folder / "signing" / "key.pem").write_bytes(private_pem(key))

    def job(self, *, signed: bool = True) -> Train:
        return Train(
            namespace="team",
            name="assistant-v1",
            store=self.store,
            model="assistant",
            dataset={"uri": "s3://models/data/", "digest": "sha256:" + "d" * 64},
            base_model=self.base,
            recipe={"causalLM": {"rank": 8}},
            checkpoint={},
            checkpoint_uri="s3://models/checkpoints/x/",
            export=("SafeTensors", "GGUF"),
            seed=7,
            image=IMAGE,
            signing={"secret": "model-signing"} if signed else None,
        )

    def published(self, *, signed: bool = True) -> ArtifactRef:
        """Publish as a training pod does, and return what a ModelVersion would name."""
        seal = Seal(self.job(signed=signed))
        status = artifact.publish(
            self.folder / "in",
            "s3://models/m",
            self.store,
            lambda uri, files: seal.record(uri, files, {"rank": "8"}, STARTED),
        )
        return ArtifactRef(uri=status.uri, digest=status.digest)

    def fetch(self, own: ArtifactRef, *bases: ArtifactRef) -> Fetch:
        """Return the job of a serving pod where signatures are demanded."""
        items = [{"artifact": ref, "target": str(self.folder / f"out{at}")} for at, ref in enumerate((*bases, own))]
        who = {"namespace": "team", "name": "live", "store": self.store}
        return Fetch(**who, items=tuple(items), trust={"config_map": "public-keys"})

    def evaluate(self, own: ArtifactRef, base: ArtifactRef | None = None, **more: object) -> Evaluate:
        """Return the job of an evaluating pod where signatures are demanded."""
        who = {"namespace": "team", "name": "v1", "store": self.store}
        subject = {"name": "v1", "artifact": own, "kind": "Adapter", "formats": ("GGUF",), "base_model": base}
        return Evaluate(**who, subject=subject, trust={"config_map": "public-keys"}, **more)

    def file(self, ref: ArtifactRef, suffix: str) -> Path:
        """Return the file of what lies beside `ref`."""
        bucket, key = split_uri(beside(ref.uri, suffix))
        return self.folder / "store" / bucket / key

    def content(self, ref: ArtifactRef, name: str) -> Path:
        """Return a file of `ref` itself."""
        bucket, key = split_uri(ref.uri)
        return self.folder / "store" / bucket / key / name
