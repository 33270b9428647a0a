"""Scenarios wait for what a Rollout says after their last word to it, and learn where it stands when that fails."""

from __future__ import annotations

import pytest

from e2e.demo.tape import Request, Sighting, Tape
from e2e.scenarios import manifests, play
from e2e.scenarios.manifests import BAD, FIRST, NEXT, THIRD, Release
from e2e.scenarios.play import Missed, Play, at, healthy
from slipway.api.modelversion import ModelVersionSpec
from slipway.api.rollout import RolloutSpec
from tests.unit.scenarios.doubles import Kubectl

MOMENT = "2026-01-01T00:00:00Z"


@pytest.fixture(autouse=True)
def _no_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(play.time, "sleep", lambda seconds: None)


def said(generation: int, percent: int, message: str = "") -> Sighting:
    status = {"observedGeneration": generation, "percent": percent, "stepStartedAt": MOMENT}
    return Sighting(generation, "Rollout", "shop", {"status": {**status, "state": "Progressing", "message": message}})


def performing(*sightings: Sighting, generation: int = 0) -> Play:
    tape = Tape()
    for sighting in sightings:
        tape.add(sighting)
    performed = Play(Kubectl(str(generation)), tape, "shop")
    if generation:
        performed.apply(NEXT)
    return performed


def test_a_passing_moment_is_not_missed() -> None:
    assert performing(said(1, 20), said(1, 50)).until("at 20 %", at(20), seconds=0.01).percent == 20


def test_what_was_said_of_an_older_spec_does_not_count() -> None:
    with pytest.raises(Missed, match=r"shop: not within 0 s: at 20 %. It is Progressing at 20 %: held"):
        performing(said(1, 20, "held"), generation=2).until("at 20 %", at(20), seconds=0.01)


def test_time_does_not_run_backwards() -> None:
    performed = performing(said(1, 20), said(1, 50))
    performed.until("at 50 %", at(50), seconds=0.01)
    with pytest.raises(Missed):
        performed.until("at 20 %", at(20), seconds=0.01)


def test_a_move_while_nothing_may_move_is_noticed() -> None:
    performing(said(1, 20), said(1, 20, "another word")).stays("at 20 %", at(20), seconds=0.01)
    with pytest.raises(Missed, match="did not stay so"):
        performing(said(1, 20), said(1, 50)).stays("at 20 %", at(20), seconds=0.01)


def test_a_rollout_that_is_gone_keeps_its_last_word() -> None:
    performed = performing(said(1, 20), Sighting(9, "Rollout", "shop", {}))
    assert performed.status.percent == 20
    assert not healthy(performed.status)
    assert performed.uid == ""


@pytest.mark.parametrize("release", [FIRST, NEXT, THIRD, BAD])
def test_what_is_applied_is_valid(release: Release) -> None:
    written = manifests.rollout("shop", release)
    spec = RolloutSpec.model_validate(written["spec"])
    names = [version["metadata"]["name"] for version in manifests.versions("s3://slipway/m/", "sha256:" + "0" * 64)]
    assert spec.version.name in names


def test_versions_are_those_of_the_model() -> None:
    for version in manifests.versions("s3://slipway/m/", "sha256:" + "0" * 64):
        assert ModelVersionSpec.model_validate(version["spec"]).model == manifests.MODEL


def test_people_act_once_a_user_met_the_candidate(monkeypatch: pytest.MonkeyPatch) -> None:
    candidate = {"revision": "new", "version": "smollm2-1.1.0", "digest": "sha256:" + "0" * 64, "since": MOMENT}
    shared = {"percent": 20, "stepStartedAt": MOMENT, "candidate": candidate}
    performed = performing(Sighting(1, "Rollout", "shop", {"status": shared}))
    monkeypatch.setattr(play, "PATIENCE_SECONDS", 0.01)
    with pytest.raises(Missed, match=r"no user met smollm2-1\.1\.0"):
        performed.arrive(20)
    performed.tape.add(Request(2, "smollm2-1.1.0", "new", 200, 0.1, host=manifests.host("shop")))
    performed.arrive(20)


def test_pods_are_those_of_its_own_rollout() -> None:
    def pod(uid: str, owner: str) -> Sighting:
        labels = {"slipway.dev/rollout": owner, "slipway.dev/revision": "new"}
        ready = {"conditions": [{"type": "Ready", "status": "True"}]} if uid != "never" else {}
        return Sighting(1, "Pod", uid, {"metadata": {"uid": uid, "labels": labels}, "status": ready})

    seen = [pod("mine", "shop"), pod("theirs", "another"), pod("never", "shop")]
    assert performing(*seen).pods("new") == {"mine"}
