"""Does an artefact serve, or get evaluated, that nobody vouches for, where signatures are demanded?"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from slipway.api.common import ArtifactRef
from slipway.contract.artifact import MANIFEST, digest
from slipway.contract.exitcodes import ExitCode
from slipway.contract.signature import PROVENANCE, SIGNATURE, SIGNED_PROVENANCE
from slipway_pod import artifact, fetch, sign, trust, verify
from slipway_pod.errors import DigestMismatch, KeyUnusable, PodError, Untrusted
from tests.unit.pod.signing import FILES, IMAGE, STARTED, Ground, new_key, public_pem

KEY, OTHER = new_key(), new_key()


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ground:
    made = Ground.at(tmp_path, monkeypatch)
    made.sign_with(KEY)
    made.trust(first=KEY)
    return made


def reason(error: type[PodError], action: Callable[[], object]) -> str:
    """Return reason and message of the `error` with which `action` ends; a message fits into a pod's status."""
    with pytest.raises(error) as caught:
        action()
    said = f"{caught.value.reason}: {caught.value.message}"
    assert len(said) <= 400, said  # what a Rollout shows of it
    return said


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


# What is signed serves


def test_what_a_training_pod_signed_is_served_and_evaluated(ground: Ground) -> None:
    ref = ground.published()
    fetch.fetch(ground.fetch(ref, ground.base))
    assert (ground.folder / "out1" / "deep/er/b.json").read_bytes() == FILES["deep/er/b.json"]
    assert (ground.folder / "out0" / "base.gguf").read_bytes() == b"GGUF"
    assert verify.check(ground.evaluate(ref, ground.base)).signature == "first.pem"


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()], ids=lambda curve: curve.name)
def test_every_curve_of_the_format_signs(ground: Ground, curve: ec.EllipticCurve) -> None:
    key = ec.generate_private_key(curve)
    ground.sign_with(key)
    ground.trust(first=key)
    trust.to_serve(ground.fetch(ground.published()))


def test_a_replaced_key_vouches_on_beside_the_new_one_until_it_is_removed(ground: Ground) -> None:
    before = ground.published()
    (ground.folder / "in" / "model.gguf").write_bytes(b"a later model")
    ground.sign_with(OTHER)
    after = ground.published()
    ground.trust(first=KEY, second=OTHER)
    assert trust.to_evaluate(ground.evaluate(before, ground.base)) == "first.pem"
    assert trust.to_evaluate(ground.evaluate(after, ground.base)) == "second.pem"
    ground.trust(second=OTHER)
    assert trust.to_evaluate(ground.evaluate(after, ground.base)) == "second.pem"
    assert reason(Untrusted, lambda: trust.to_serve(ground.fetch(before))).startswith("SignatureKeyUnknown: ")


def test_a_folder_uploaded_by_hand_and_a_single_file_are_held_against_their_signatures(ground: Ground) -> None:
    ref = ground.published()
    ground.content(ref, MANIFEST).unlink()
    trust.to_serve(ground.fetch(ref))
    alone = ArtifactRef(
        uri="s3://models/base/base.gguf", digest=digest(artifact.describe(ground.folder / "base" / "base.gguf"))
    )
    key = ground.folder / "signing" / "key.pem"
    assert sign.main([alone.uri, alone.digest, "--key", str(key), "--endpoint", ground.store.endpoint]) == 0
    trust.to_serve(ground.fetch(alone))


def test_nothing_is_asked_for_where_nothing_is_demanded(ground: Ground) -> None:
    ref = ground.published(signed=False)
    assert not ground.file(ref, SIGNATURE).exists()
    fetch.fetch(ground.fetch(ref, ground.base).model_copy(update={"trust": None}))
    found = verify.check(ground.evaluate(ref, ground.base).model_copy(update={"trust": None}))
    assert (found.digest, found.signature) == (ref.digest, "")


# What is not, does not


def test_one_flipped_byte_of_the_model_never_serves(ground: Ground) -> None:
    ref = ground.published()
    path = ground.content(ref, "model.gguf")
    path.write_bytes(flipped(path.read_bytes(), 1000))
    job = ground.fetch(ref, ground.base)
    assert "model.gguf has sha256" in reason(DigestMismatch, lambda: fetch.fetch(job))
    assert not (ground.folder / "out1" / "model.gguf").exists()
    assert "model.gguf has sha256" in reason(DigestMismatch, lambda: verify.check(ground.evaluate(ref, ground.base)))


def test_a_model_and_its_digest_replaced_together_do_not_serve(ground: Ground) -> None:
    """Who can write the store and a ModelVersion, but has no key."""
    ref = ground.published()
    (ground.folder / "in" / "model.gguf").write_bytes(b"worse")
    status = artifact.publish_at(ground.folder / "in", ref.uri, ground.store)
    forged = ArtifactRef(uri=status.uri, digest=status.digest)
    artifact.verify(forged, ground.store)
    said = reason(Untrusted, lambda: fetch.fetch(ground.fetch(forged)))
    assert said.startswith("SignatureMismatch: ")
    assert f"file model.gguf of {ref.uri}" in said
    assert not (ground.folder / "out0").exists()


@pytest.mark.parametrize("suffix", [SIGNATURE, SIGNED_PROVENANCE])
@pytest.mark.parametrize("part", ["payload", "signature"])
def test_one_flipped_byte_of_what_vouches_is_noticed(ground: Ground, suffix: str, part: str) -> None:
    ref = ground.published()
    path = ground.file(ref, suffix)
    bundle = json.loads(path.read_bytes())
    envelope = bundle["dsseEnvelope"]
    place = envelope if part == "payload" else envelope["signatures"][0]
    name = "payload" if part == "payload" else "sig"
    content = base64.b64decode(place[name])
    place[name] = base64.b64encode(flipped(content, len(content) // 2)).decode()
    path.write_text(json.dumps(bundle))
    said = reason(Untrusted, lambda: trust.to_serve(ground.fetch(ref, ground.base)))
    assert said.startswith("SignatureInvalid: ")
    assert "was altered after it was signed with key first.pem: sign the artefact again" in said
    assert suffix in said


@pytest.mark.parametrize(
    "content", [b"", b"no JSON", b"{}", b"[1]", b'{"mediaType": "x", "verificationMaterial": {}}', bytes(range(256))]
)
def test_what_is_no_signature_says_so(ground: Ground, content: bytes) -> None:
    ref = ground.published()
    ground.file(ref, SIGNATURE).write_bytes(content)
    assert reason(Untrusted, lambda: trust.to_serve(ground.fetch(ref))).startswith("SignatureInvalid: ")


def test_an_unsigned_artefact_names_the_missing_file_and_the_cure(ground: Ground) -> None:
    ref = ground.published(signed=False)
    said = reason(Untrusted, lambda: fetch.fetch(ground.fetch(ref)))
    assert said.startswith(f"SignatureMissing: {ref.uri} is not signed ({ref.uri.rstrip('/')}.sig is not there)")
    assert said.endswith("sign it with `python -m slipway_pod.sign URI DIGEST --key key.pem`")
    assert reason(Untrusted, lambda: verify.check(ground.evaluate(ref))).startswith("SignatureMissing: ")
    assert not (ground.folder / "out0").exists()
    assert Untrusted.code in (ExitCode.DIGEST_MISMATCH,)


def test_a_wrong_key_is_named_beside_those_that_would_do(ground: Ground) -> None:
    ref = ground.published()
    ground.trust(second=OTHER)
    said = reason(Untrusted, lambda: trust.to_serve(ground.fetch(ref)))
    assert said.startswith("SignatureKeyUnknown: ")
    assert "ConfigMap team/public-keys has second.pem (" in said


def test_a_signature_of_another_artefact_does_not_help(ground: Ground) -> None:
    ref = ground.published()
    (ground.folder / "in" / "more.txt").write_bytes(b"more")
    later = ground.published()
    ground.file(later, SIGNATURE).write_bytes(ground.file(ref, SIGNATURE).read_bytes())
    said = reason(Untrusted, lambda: trust.to_serve(ground.fetch(later)))
    assert said.startswith("SignatureMismatch: ")
    assert "file more.txt" in said
    assert "is not signed" in said


# Base models


def test_a_base_model_needs_a_signature_where_no_provenance_names_it(ground: Ground) -> None:
    ref = ground.published()
    (ground.folder / "base" / "base.gguf").write_bytes(b"GGUF, but worse")
    status = artifact.publish_at(ground.folder / "base", "s3://models/other/", ground.store)
    other = ArtifactRef(uri=status.uri, digest=status.digest)
    job = ground.fetch(ref, other)
    assert reason(Untrusted, lambda: trust.to_serve(job)).startswith("BaseModelUnsigned: base model s3://models/other/")
    ground.file(ref, SIGNED_PROVENANCE).unlink()
    assert reason(Untrusted, lambda: trust.to_serve(ground.fetch(ref, ground.base))).startswith("BaseModelUnsigned: ")
    key = ground.folder / "signing" / "key.pem"
    assert sign.main([other.uri, other.digest, "--key", str(key), "--endpoint", ground.store.endpoint]) == 0
    trust.to_serve(job)


def test_provenance_of_another_artefact_names_no_base(ground: Ground) -> None:
    ref = ground.published()
    (ground.folder / "in" / "more.txt").write_bytes(b"more")
    later = ground.published()
    ground.file(later, SIGNED_PROVENANCE).write_bytes(ground.file(ref, SIGNED_PROVENANCE).read_bytes())
    said = reason(Untrusted, lambda: trust.to_serve(ground.fetch(later, ground.base)))
    assert said.startswith("SignatureMismatch: ")


def test_a_reference_is_held_to_the_same(ground: Ground) -> None:
    old = ground.published(signed=False)
    (ground.folder / "in" / "model.gguf").write_bytes(b"a later model")
    new = ground.published()
    reference = {"name": "v0", "artifact": old, "kind": "Adapter", "formats": ("GGUF",), "base_model": ground.base}
    job = ground.evaluate(new, ground.base, reference=reference)
    assert reason(Untrusted, lambda: trust.to_evaluate(job)).startswith(f"SignatureMissing: {old.uri}")
    base = {"name": "base", "artifact": ground.base, "kind": "Base", "formats": ()}
    assert trust.to_evaluate(ground.evaluate(new, ground.base, reference=base)) == "first.pem"


# Keys that are missing or none


def encrypted() -> bytes:
    return KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))


def of_rsa() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "SigningKeyMissing: entry key.pem of Secret team/model-signing is not there: make it (`kubectl create"),
        (lambda: b"", "SigningKeyInvalid: entry key.pem of Secret team/model-signing is no private key as PEM"),
        (lambda: public_pem(KEY), "SigningKeyInvalid: entry key.pem of Secret team/model-signing is no private key"),
        (encrypted, "SigningKeyInvalid: entry key.pem of Secret team/model-signing is encrypted: store it without"),
        (of_rsa, "SigningKeyInvalid: entry key.pem of Secret team/model-signing is no elliptic key on P-256"),
    ],
    ids=["missing", "empty", "public", "encrypted", "RSA"],
)
def test_a_key_that_cannot_sign_ends_the_pod_before_it_trains(
    ground: Ground, content: Callable[[], bytes] | None, says: str
) -> None:
    path = ground.folder / "signing" / "key.pem"
    path.unlink()
    if content is not None:
        path.write_bytes(content())
    said = reason(KeyUnusable, ground.published)
    assert said.startswith(says)
    assert "PRIVATE" not in said
    # Tried again: the Secret may come.
    assert KeyUnusable.code == ExitCode.STORE_UNREACHABLE
    ground.sign_with(KEY)
    trust.to_serve(ground.fetch(ground.published()))


def test_missing_and_broken_public_keys_are_told_apart_from_bad_signatures(ground: Ground) -> None:
    ref = ground.published()
    ground.trust()
    said = reason(KeyUnusable, lambda: fetch.fetch(ground.fetch(ref)))
    assert said.startswith("PublicKeysMissing: signatures are required, but ConfigMap team/public-keys is not there")
    ground.trust(first=KEY)
    (ground.folder / "trust" / "odd.pem").write_text("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")
    said = reason(KeyUnusable, lambda: fetch.fetch(ground.fetch(ref)))
    assert said.startswith("PublicKeyInvalid: entry odd.pem of ConfigMap team/public-keys is no public key as PEM")


# The tool whose format it is


def test_model_signing_verifies_what_we_sign(ground: Ground) -> None:
    from model_signing import verifying

    ref = ground.published()
    public = ground.folder / "trust" / "first.pem"
    for folder in (ground.folder / "in", ground.content(ref, ".")):  # as it was made, and as it lies in the store
        verifying.Config().use_elliptic_key_verifier(public_key=public).verify(folder, ground.file(ref, SIGNATURE))
    (ground.folder / "in" / "model.gguf").write_bytes(flipped(FILES["model.gguf"], 7))
    with pytest.raises(ValueError, match="mismatch"):
        verifying.Config().use_elliptic_key_verifier(public_key=public).verify(
            ground.folder / "in", ground.file(ref, SIGNATURE)
        )


@pytest.mark.parametrize("alone", [False, True])
def test_what_model_signing_signed_is_trusted(ground: Ground, *, alone: bool) -> None:
    from model_signing import signing

    path = ground.folder / "in" / "model.gguf" if alone else ground.folder / "in"
    status = artifact.publish_at(path, "s3://models/by-hand/", ground.store)
    uri = f"{status.uri}model.gguf" if alone else status.uri
    ref = ArtifactRef(uri=uri, digest=status.digest)
    made = ground.folder / "made.sig"
    signing.Config().use_elliptic_key_signer(private_key=ground.folder / "signing" / "key.pem").sign(path, made)
    ground.file(ref, SIGNATURE).write_bytes(made.read_bytes())
    trust.to_serve(ground.fetch(ref))


def test_shards_are_no_files(ground: Ground) -> None:
    from model_signing import hashing, signing

    status = artifact.publish_at(ground.folder / "in", "s3://models/by-hand/", ground.store)
    ref = ArtifactRef(uri=status.uri, digest=status.digest)
    config = signing.Config().use_elliptic_key_signer(private_key=ground.folder / "signing" / "key.pem")
    config.set_hashing_config(hashing.Config().use_shard_serialization())
    config.sign(ground.folder / "in", ground.file(ref, SIGNATURE))
    assert "it hashes by shards with sha256, only files with sha256 can be checked" in reason(
        Untrusted, lambda: trust.to_serve(ground.fetch(ref))
    )


# Provenance


def statement(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


def test_provenance_says_what_made_the_artefact(ground: Ground) -> None:
    ref = ground.published()
    told = statement(ground.file(ref, PROVENANCE))
    assert told["_type"] == "https://in-toto.io/Statement/v1"
    assert told["predicateType"] == "https://slsa.dev/provenance/v1"
    assert {one["name"] for one in told["subject"]} == set(FILES)
    definition, run = told["predicate"]["buildDefinition"], told["predicate"]["runDetails"]
    asked = definition["externalParameters"]
    assert (asked["model"], asked["seed"], asked["recipe"]["causalLM"]["rank"]) == ("assistant", 7, 8)
    assert definition["internalParameters"] == {"rank": "8"}
    assert {one["name"]: one["digest"]["sha256"] for one in definition["resolvedDependencies"]} == {
        "dataset": "d" * 64,
        "baseModel": ground.base.digest.removeprefix("sha256:"),
        "image": "e" * 64,
    }
    assert definition["resolvedDependencies"][2]["uri"] == f"oci://{IMAGE}"
    assert run["metadata"]["invocationId"] == "team/assistant-v1"
    assert run["metadata"]["startedOn"] == STARTED < run["metadata"]["finishedOn"]
    assert run["builder"]["version"]["slipway"]
    signed = statement(ground.file(ref, SIGNED_PROVENANCE))["dsseEnvelope"]["payload"]
    assert json.loads(base64.b64decode(signed)) == told


def test_an_unsigned_run_leaves_provenance_that_can_be_signed_later(
    ground: Ground, capsys: pytest.CaptureFixture[str]
) -> None:
    ref = ground.published(signed=False)
    assert ground.file(ref, PROVENANCE).exists()
    assert not ground.file(ref, SIGNED_PROVENANCE).exists()
    command = [ref.uri, ref.digest, "--key", str(ground.folder / "signing" / "key.pem"), "--with-provenance"]
    assert sign.main([*command, "--endpoint", ground.store.endpoint]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed == [f"signed: {ref.uri.rstrip('/')}{suffix}" for suffix in (SIGNED_PROVENANCE, SIGNATURE)]
    trust.to_serve(ground.fetch(ref, ground.base))


def test_only_what_the_digest_names_is_signed(ground: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    ref = ground.published(signed=False)
    key = ["--key", str(ground.folder / "signing" / "key.pem"), "--endpoint", ground.store.endpoint]
    assert sign.main([ref.uri, "sha256:" + "0" * 64, *key]) == ExitCode.DIGEST_MISMATCH
    path = ground.content(ref, "model.gguf")
    path.write_bytes(flipped(path.read_bytes(), 5))
    assert sign.main([ref.uri, ref.digest, *key]) == ExitCode.DIGEST_MISMATCH
    assert not ground.file(ref, SIGNATURE).exists()
    assert sign.main([ground.base.uri, ground.base.digest, *key, "--with-provenance"]) == ExitCode.BAD_CONFIG
    assert "NoProvenance: s3://models/base.provenance.json is not there" in capsys.readouterr().err
