"""Does a run leave what vouches for its artefact, and does it find out early that it could not?"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from slipway.contract.job import Evaluate, Store
from slipway.contract.result import Trained
from slipway.contract.signature import PROVENANCE, beside
from slipway_pod import trust
from slipway_pod.errors import KeyUnusable
from slipway_pod.store import open_uri
from slipway_train_torch.causal_lm import saving
from slipway_train_torch.evaluate.job import evaluate
from tests.train.runs import Bench

SIGNING = {"secret": "model-signing"}


def mounted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mount a key pair as pods have it."""
    key = ec.generate_private_key(ec.SECP256R1())
    for name in ("SIGNING", "TRUST"):
        (folder / name).mkdir()
        monkeypatch.setenv(f"SLIPWAY_{name}", str(folder / name))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "SIGNING" / "key.pem").write_bytes(private)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / "TRUST" / "first.pem").write_bytes(public)


def provenance(uri: str, store: Store) -> dict[str, object]:
    bucket, key = open_uri(store, beside(uri, PROVENANCE))
    found: dict[str, object] = json.loads(bucket.read(key))["predicate"]
    return found


def test_a_run_signs_what_it_publishes(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounted(tmp_path, monkeypatch)
    job = bench.job(max_steps=1)
    job = type(job).model_validate(job.model_dump() | {"signing": SIGNING})
    result = bench.run(job)
    assert isinstance(result, Trained)
    ref = bench.reference(result)
    told = provenance(ref.uri, bench.store)
    assert told["buildDefinition"]["internalParameters"] == result.parameters
    times = told["runDetails"]["metadata"]
    assert times["startedOn"] <= times["finishedOn"]
    who = {"namespace": "tests", "name": "v1", "store": bench.store, "trust": {"config_map": "keys"}}
    subject = {"name": "v1", "artifact": ref, "kind": "Adapter", "formats": ("SafeTensors",), "base_model": bench.base}
    assert trust.to_evaluate(Evaluate(**who, subject=subject)) == "first.pem"
    assert evaluate(Evaluate(**who, subject=subject)).signature == "first.pem"


def test_a_missing_key_ends_a_run_before_it_fetches_anything(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIPWAY_SIGNING", str(tmp_path / "nothing"))
    job = bench.job(max_steps=1)
    recipe = bench.recipe(type(job).model_validate(job.model_dump() | {"signing": SIGNING}))
    with pytest.raises(KeyUnusable, match=r"key\.pem of Secret tests/model-signing is not there"):
        recipe.run()
    assert os.listdir(recipe.scratch) == []


def test_a_resumed_run_remembers_when_it_began(bench: Bench) -> None:
    first = bench.recipe(bench.job(max_steps=2))
    first.setup()
    first.state.started = "2026-11-28T07:00:00Z"
    first.step()
    saving.save(first)
    result = bench.run(bench.job(max_steps=2))
    assert isinstance(result, Trained)
    told = provenance(result.artifact.uri, bench.store)
    assert told["runDetails"]["metadata"]["startedOn"] == "2026-11-28T07:00:00Z"
