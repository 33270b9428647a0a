"""On a real cluster: what no trusted key vouches for is neither evaluated nor served, and what nobody speaks of goes.

A version is trained and signed, and serves. Copies of it differ by a note, so that each has a digest of its own: one
loses a bit of its weights after it was verified, one a letter of its signature, one never had a signature. Then the
collector looks at what became of all that.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from e2e.cluster import open_cluster
from e2e.demo.__main__ import fresh
from e2e.demo.prepare import out
from e2e.demo.tape import Tape
from e2e.scenarios import by_hand
from e2e.scenarios.copies import (
    ALTERATIONS,
    BARE,
    CHECKPOINTS,
    GARBAGE,
    MODELS,
    SEAL,
    WEIGHTS,
    Copy,
    Refusal,
    not_signed,
    parts,
    place,
    thing,
)
from e2e.scenarios.manifests import MODEL, NAMESPACE, ONE, QUICK, Release, ours
from e2e.scenarios.play import Missed, Play, healthy
from e2e.scenarios.stage import MODEL_URI
from e2e.scenarios.trainings import DATA, Result, Trainings, prepared
from e2e.scenarios.upgrades import NEVER, collected, fates, upgrade
from slipway.api.conditions import STALLED, find
from slipway.api.modelversion import ModelVersionStatus
from slipway.api.rollout import RolloutStatus
from slipway.contract.artifact import digest
from slipway.contract.provenance import BASE_MODEL, DATASET, IMAGE, Provenance
from slipway.contract.signature import BESIDE, PROVENANCE, SIGNATURE, SIGNED_PROVENANCE, beside
from slipway_pod.artifact import describe
from slipway_pod.envelope import opened
from slipway_pod.keys import PublicKey
from tests.unit.pod.signing import new_key, private_pem, public_pem

SECRET, KEY_NAME = "model-signing", "e2e.pem"
RUN = "signed"
PATIENCE_SECONDS = 120.0
COLD_SECONDS = 420.0
"""For the run: a node that has never trained pulls the image first, which takes minutes."""


@dataclass(frozen=True)
class Key:
    """A key pair, in memory and as files."""

    private: ec.EllipticCurvePrivateKey
    file: Path
    public_file: Path

    @property
    def values(self) -> dict[str, Any]:
        """The chart's values that sign with it and let nothing else pass. Pods that give way need no time here."""
        keys = {KEY_NAME: self.public_file.read_text()}
        signing = {"secret": SECRET, "required": True, "publicKeys": keys}
        return {"signing": signing, "operator": {"drainSeconds": 1}}


Copies = Mapping[str, Copy]


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Key:
    folder, private = tmp_path_factory.mktemp("key"), new_key()
    made = Key(private, folder / "key.pem", folder / "key.pub")
    made.file.write_bytes(private_pem(private))
    made.public_file.write_bytes(public_pem(private))
    return made


@pytest.fixture(scope="module")
def trainings(key: Key) -> Iterator[Trainings]:
    """Runs that sign what they publish, where signatures are demanded. The base model has none yet."""
    cluster = open_cluster()
    with cluster.in_use("the test of signing and collecting"), fresh(out("signing-tape.jsonl")).open("w") as file:
        cluster.up()
        with prepared(cluster, Tape(file)) as found:
            found.kubectl("create", "secret", "generic", SECRET, f"--from-file=key.pem={key.file}")
            upgrade(cluster, key.values)
            try:
                yield found
            finally:
                # The store outlives the release; later tests do not ask for signatures.
                by_hand.delete(cluster, by_hand.key_of(beside(MODEL_URI, SIGNATURE)))


@pytest.fixture(scope="module")
def trained(trainings: Trainings) -> Result:
    """The smallest run there is."""
    recipe = {"maxSteps": 2, "batchSize": 6, "rank": 4}
    saved = {"everySteps": 1, "keep": 1}
    trainings.start(RUN, recipe, cpu="1", model=MODEL, export=["SafeTensors", "GGUF"], checkpoint=saved)
    return trainings.result(RUN, COLD_SECONDS)


@pytest.fixture(scope="module")
def uri(trained: Result) -> str:
    """Where its artefact lies."""
    assert trained.status.artifact is not None
    return trained.status.artifact.uri


@pytest.fixture(scope="module")
def name(trainings: Trainings, trained: Result) -> str:
    """Its ModelVersion, once it is ready."""
    assert trained.status.model_version is not None
    version(trainings, trained.status.model_version, "Ready")
    return trained.status.model_version


@pytest.fixture(scope="module")
def folder(trainings: Trainings, uri: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its files, as anybody may download them."""
    target = tmp_path_factory.mktemp("artefact")
    by_hand.download(trainings.cluster, uri, target)
    return target


@pytest.fixture(scope="module")
def guarded(trainings: Trainings, name: str) -> Iterator[Play]:
    """A Rollout that serves it, and its users."""
    play = Play(trainings.cluster, trainings.tape, "guarded")
    try:
        play.serve(released(name))
        yield play
    finally:
        play.close()


@pytest.fixture(scope="module")
def copies(trainings: Trainings, key: Key, folder: Path, name: str, tmp_path_factory: pytest.TempPathFactory) -> Copies:
    """Three copies, of which two are signed by hand, and their ModelVersions."""
    cluster = trainings.cluster
    base = json.loads(trainings.kubectl("get", "modelversion", ONE, "-o", "json"))["spec"]["artifact"]
    by_hand.sign(cluster, base["uri"], base["digest"], key.file)
    made = {}
    for which in (WEIGHTS, SEAL, BARE):
        copied = tmp_path_factory.mktemp("copies") / which
        shutil.copytree(folder, copied)
        (copied / "note.txt").write_text(f"{which} {uuid4().hex}\n")
        found = digest(describe(copied))
        made[which] = Copy(f"{MODEL}-{which}", place(found), found)
        assert by_hand.push(cluster, copied, made[which].uri) == found
        if which != BARE:
            by_hand.sign(cluster, made[which].uri, found, key.file)
    register(trainings, *made.values())
    return made


@pytest.fixture(scope="module")
def altered(trainings: Trainings, copies: Copies) -> Copies:
    """The two that were signed, altered in the store once they were found to be good."""
    for which, alteration in ALTERATIONS.items():
        found = version(trainings, copies[which].name, "Ready")
        assert found.verified is not None
        assert (found.verified.digest, found.verified.signature) == (copies[which].digest, KEY_NAME)
        by_hand.rewrite(trainings.cluster, alteration.key(copies[which]), alteration.change)
    return copies


@pytest.fixture(scope="module")
def again(trainings: Trainings, altered: Copies) -> Copies:
    """New ModelVersions of what is altered."""
    new = {which: replace(altered[which], name=f"{altered[which].name}-again") for which in ALTERATIONS}
    register(trainings, *new.values())
    return new


def test_a_version_is_signed_by_its_run_and_verified_by_that_key(trainings: Trainings, name: str) -> None:
    found = version(trainings, name, "Ready")
    assert found.verified is not None
    assert found.verified.signature == KEY_NAME
    assert found.message.endswith(f"and is signed with key {KEY_NAME}")


def test_anyone_with_the_public_key_can_check_what_they_downloaded(
    trainings: Trainings, key: Key, uri: str, folder: Path, tmp_path: Path
) -> None:
    from model_signing import verifying

    seal = tmp_path / "downloaded.sig"
    seal.write_bytes(by_hand.read(trainings.cluster, by_hand.key_of(beside(uri, SIGNATURE))))
    verifying.Config().use_elliptic_key_verifier(public_key=key.public_file).verify(folder, seal)


def test_signed_provenance_says_what_made_it(trainings: Trainings, key: Key, trained: Result, uri: str) -> None:
    readable, signed = (
        by_hand.read(trainings.cluster, by_hand.key_of(beside(uri, suffix)))
        for suffix in (PROVENANCE, SIGNED_PROVENANCE)
    )
    public = PublicKey(KEY_NAME, key.private.public_key())
    statement = json.loads(opened(signed, [public]).payload)
    assert statement == json.loads(readable)
    assert Provenance.model_validate(statement).files() == trained.files
    made, fixed = statement["predicate"], trained.status.snapshot
    assert fixed is not None
    assert made["runDetails"]["metadata"]["invocationId"] == f"{NAMESPACE}/{RUN}"
    found = {one["name"]: one["digest"]["sha256"] for one in made["buildDefinition"]["resolvedDependencies"]}
    base = made["buildDefinition"]["externalParameters"]["baseModel"]
    assert base["uri"] == MODEL_URI
    assert found == {
        DATASET: fixed.dataset.digest.removeprefix("sha256:"),
        BASE_MODEL: base["digest"].removeprefix("sha256:"),
        IMAGE: fixed.image.partition("@sha256:")[2],
    }


def test_it_serves(guarded: Play, name: str) -> None:
    stable = guarded.status.stable
    assert stable is not None
    assert stable.version == name
    assert guarded.percents == {stable.revision: 100}


@pytest.mark.parametrize("which", ALTERATIONS)
def test_what_was_altered_after_it_was_verified_never_serves(guarded: Play, altered: Copies, which: str) -> None:
    copy = altered[which]
    before = guarded.status.stable
    guarded.apply(released(copy.name))
    last = guarded.until("refused", lambda status: gave_up(status, copy.name)).last_rollback
    assert last is not None
    assert last.reason == "FetchFailed"
    refusal = ALTERATIONS[which].refusal(copy)
    assert re.search(f"{refusal.reason}: {refusal.words}", last.message), last.message
    assert guarded.walk(last.revision) == []
    assert guarded.status.stable == before


@pytest.mark.parametrize("which", ALTERATIONS)
def test_what_was_altered_before_is_not_verified(trainings: Trainings, again: Copies, which: str) -> None:
    found = version(trainings, again[which].name, "Failed")
    assert_stalled(found, ALTERATIONS[which].refusal(again[which]))
    assert found.verified is None


def test_a_version_is_looked_at_again_once_it_is_signed_again(trainings: Trainings, key: Key, again: Copies) -> None:
    copy = again[SEAL]
    found = version(trainings, copy.name, "Failed")
    by_hand.sign(trainings.cluster, copy.uri, copy.digest, key.file)
    named = re.search(r"Delete Job (\S+) to try again\.", found.message)
    assert named is not None, found.message
    trainings.kubectl("delete", "job", named[1])
    cured = version(trainings, copy.name, "Ready")
    assert cured.verified is not None
    assert cured.verified.signature == KEY_NAME


def test_an_unsigned_version_is_neither_evaluated_nor_served(
    trainings: Trainings, guarded: Play, copies: Copies
) -> None:
    bare = copies[BARE]
    found = version(trainings, bare.name, "Failed")
    refusal = not_signed(bare)
    assert_stalled(found, refusal)
    assert (found.verified, found.metrics, found.report) == (None, [], None)

    before = guarded.status.stable
    guarded.apply(released(bare.name))
    status = guarded.until("refused", lambda status: status.state == "Stalled")
    stalled = find(status.conditions, STALLED)
    assert stalled is not None
    assert stalled.reason == "VersionFailed"
    assert re.search(refusal.words, status.message), status.message
    assert status.candidate is None
    assert status.stable == before


def test_users_of_stable_noticed_nothing(guarded: Play, name: str) -> None:
    guarded.apply(released(name))
    stable = guarded.until("back at stable", healthy).stable
    guarded.close()
    assert stable is not None
    assert guarded.revisions[0] == stable.revision
    assert guarded.percents == {stable.revision: 100}
    assert {request.revision for request in guarded.requests} == {stable.revision}
    assert guarded.complaints() == []


@pytest.fixture(scope="module")
def unmentioned(trainings: Trainings, guarded: Play, trained: Result, copies: Copies) -> Sequence[str]:
    """What nobody speaks of once some versions, and the run, are deleted."""
    gone = [copies[which] for which in (BARE, WEIGHTS)]
    names = [name for copy in gone for name in (copy.name, f"{copy.name}-again")]
    trainings.kubectl("delete", "modelversions", "--ignore-not-found", *names)
    trainings.kubectl("delete", "trainingjob", RUN)
    assert trained.status.checkpoint is not None
    return [*(copy.thing for copy in gone), thing(trained.status.checkpoint)]


def test_a_dry_run_names_what_nobody_speaks_of_and_deletes_nothing(
    trainings: Trainings, key: Key, uri: str, copies: Copies, unmentioned: Sequence[str]
) -> None:
    upgrade(trainings.cluster, key.values | collecting(delete=False))
    before = stored(trainings)
    assert all(parts(before, one) for one in unmentioned)
    log = collected(trainings.cluster, "look")
    told = fates(log)
    assert {one: told.get(one) for one in unmentioned} == dict.fromkeys(unmentioned, "unmentioned")
    assert not kept(uri, copies) & told.keys()
    assert log.splitlines()[-1].startswith("a dry run: nothing was changed.")
    assert stored(trainings) == before


def test_a_second_collection_deletes_it_and_nothing_that_somebody_speaks_of(
    trainings: Trainings, key: Key, uri: str, copies: Copies, unmentioned: Sequence[str]
) -> None:
    upgrade(trainings.cluster, key.values | collecting(delete=True))
    before = stored(trainings)
    going, staying = parts(before, *unmentioned), parts(before, *kept(uri, copies))
    assert copies[WEIGHTS].signature in going
    assert {by_hand.key_of(beside(uri, suffix)) for suffix in BESIDE} < staying

    told = fates(collected(trainings.cluster, "note"))
    assert {one: told.get(one) for one in unmentioned} == dict.fromkeys(unmentioned, "unmentioned")
    assert going | staying <= stored(trainings)

    told = fates(collected(trainings.cluster, "delete"))
    assert {one: told.get(one) for one in unmentioned} == dict.fromkeys(unmentioned, "deleted")
    after = stored(trainings)
    assert not going & after
    assert staying <= after


def released(name: str) -> Release:
    """Return the release of a version, served as all are here."""
    return Release(name, 1024, QUICK)


def gave_up(status: RolloutStatus, name: str) -> bool:
    """Tell whether the last version that was sent back is `name`."""
    return status.last_rollback is not None and status.last_rollback.version == name


def register(trainings: Trainings, *found: Copy) -> None:
    """Write ModelVersions of copies. What is not signed is to be evaluated, the others to be verified only."""
    base = json.loads(trainings.kubectl("get", "modelversion", ONE, "-o", "json"))["spec"]["artifact"]
    data = json.loads(trainings.kubectl("get", "dataset", DATA, "-o", "json"))["status"]["artifact"]
    evaluated = {
        "evaluation": {
            "metrics": [{"name": "held-out-loss", "measure": {"heldOutLoss": {"maxExamples": 2}}}],
            "resources": {"cpu": "100m", "memory": "2Gi", "storage": "2Gi"},
        },
        "evaluationData": {"uri": data["uri"], "digest": data["digest"]},
    }
    written = [
        ours(
            "ModelVersion",
            copy.name,
            {
                "model": MODEL,
                "version": f"2.0.0-{copy.name.removeprefix(f'{MODEL}-')}",
                "artifact": {
                    "uri": copy.uri,
                    "digest": copy.digest,
                    "kind": "Adapter",
                    "formats": ["SafeTensors", "GGUF"],
                },
                "baseModel": {"uri": base["uri"], "digest": base["digest"]},
                **(evaluated if copy.name.endswith(BARE) else {}),
            },
        )
        for copy in found
    ]
    trainings.kubectl("apply", "-f", "-", stdin="\n---\n".join(map(json.dumps, written)))


def version(trainings: Trainings, name: str, state: str) -> ModelVersionStatus:
    """Return the status of a ModelVersion once it is in `state`; raise Missed when it does not come to that."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        seen = trainings.tape.now("ModelVersion", name)
        status = ModelVersionStatus.model_validate(seen.status if seen is not None else {})
        if status.state == state:
            return status
        if time.monotonic() > deadline:
            raise Missed(f"{name}: not {state} within {PATIENCE_SECONDS:.0f} s: {status.state}: {status.message}")
        time.sleep(0.2)


def assert_stalled(found: ModelVersionStatus, refusal: Refusal) -> None:
    """Assert that a version was given up as `refusal` says, and that it tells how it is tried again."""
    stalled = find(found.conditions, STALLED)
    assert stalled is not None
    assert (stalled.status, stalled.reason) == ("True", refusal.reason)
    assert re.search(refusal.words, found.message), found.message
    assert re.search(r"Delete Job \S+ to try again\.$", found.message), found.message


def collecting(*, delete: bool) -> dict[str, Any]:
    """Return the chart's values of a collector that takes what it found unmentioned before, whenever that was."""
    return {"collector": {"enabled": True, "delete": delete, "graceDays": 0, "schedule": NEVER}}


def kept(uri: str, copies: Copies) -> set[str]:
    """Return the things that ModelVersions still name."""
    return {thing(uri), copies[SEAL].thing}


def stored(trainings: Trainings) -> set[str]:
    """Return the keys of everything that the collector may look at or write."""
    return by_hand.keys(trainings.cluster, MODELS, CHECKPOINTS, GARBAGE)
