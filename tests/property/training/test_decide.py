"""What holds for every TrainingJob, whatever happens to it and in whatever order?"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from slipway.contract.exitcodes import ExitCode
from tests.unit.training.world import dataset, refuse, succeed, world
from tests.unit.worlds import NAMESPACE, World

happenings = st.one_of(
    st.tuples(st.just("step")),
    st.tuples(st.just("wait"), st.sampled_from([1, 61, 500, 90_000])),
    st.tuples(st.just("suspend"), st.booleans()),
    st.tuples(st.just("data"), st.sampled_from(["Ready", "Failed", "Preparing"])),
    st.tuples(st.just("run")),
    st.tuples(st.just("end"), st.sampled_from([1, 20, 30, 31, 137]), st.booleans()),
    st.tuples(st.just("succeed"), st.sampled_from("ac")),
    st.tuples(st.just("refuse")),
    st.tuples(st.just("finish"), st.sampled_from([("Complete", ""), ("Failed", "DeadlineExceeded"), ("Failed", "x")])),
    st.tuples(st.just("remove"), st.sampled_from(["Job", "ConfigMap", "Pod"])),
    st.tuples(st.just("version"), st.booleans()),
)


def happen(made: World, what: tuple[Any, ...]) -> None:
    has_job = bool(made.jobs())
    match what:
        case ("step",):
            made.step()
        case ("wait", seconds):
            made.wait(seconds)
        case ("suspend", wanted):
            made.edit(suspend=wanted)
        case ("data", state):
            made.put(dataset(state))
        case ("run",) if has_job:
            made.pod({"phase": "Running"}, "pod-1")
        case ("end", code, evicted) if has_job:
            made.end(code, "boom", pod=f"pod-{made.writes}", evicted=evicted)
        case ("succeed", mark) if has_job:
            succeed(made, mark)
        case ("refuse",) if has_job:
            refuse(made)
        case ("finish", (condition, reason)) if has_job:
            made.finish(condition, reason)
        case ("remove", kind) if made.owned(kind):
            made.remove(kind, made.owned(kind)[0])
        case ("version", there):
            found = made.store.get("ModelVersion", NAMESPACE, "assistant-1.0.0")
            if there and found is None:
                spec = {"model": "assistant", "artifact": {"digest": "sha256:" + "f" * 64}}
                made.put(
                    {
                        "kind": "ModelVersion",
                        "metadata": {"name": "assistant-1.0.0", "namespace": NAMESPACE},
                        "spec": spec,
                    }
                )
            if not there and found is not None:
                made.remove("ModelVersion", "assistant-1.0.0")


@settings(max_examples=150, deadline=None)
@given(st.lists(happenings, max_size=14))
def test_every_history_rests_and_never_turns_back(history: list[tuple[Any, ...]]) -> None:
    made = world(data=dataset("Preparing"), deadlineSeconds=1000)
    ended, snapshot, spent, restarts = "", None, 0, {}
    for what in history:
        happen(made, what)
        made.settle()
        status = made.status()
        assert status["message"]
        assert {c["type"] for c in status["conditions"]} >= {"Ready", "Succeeded"}
        assert len(made.jobs()) <= 1
        # A finished run stays as it ended.
        if ended:
            assert status["state"] == ended
        ended = status["state"] if status["state"] in ("Succeeded", "Failed") else ""
        # What determines the result never changes; what is counted never shrinks.
        assert snapshot in (None, status.get("snapshot"))
        snapshot = status.get("snapshot")
        assert status.get("runningSeconds", 0) >= spent
        spent = status.get("runningSeconds", 0)
        assert all(status["restarts"].get(name, 0) >= count for name, count in restarts.items())
        restarts = status.get("restarts") or {}
        # Success means that the artefact is known and had its ModelVersion.
        if status["state"] == "Succeeded":
            assert status["artifact"]["digest"]
            assert status["modelVersion"] == "assistant-1.0.0"
        before = made.writes
        made.step()
        assert made.writes == before, "deciding twice changes something"


@given(st.sampled_from([ExitCode.PREEMPTED]), st.integers(1, 4))
@settings(max_examples=10, deadline=None)
def test_preemptions_never_end_a_run(code: int, times: int) -> None:
    made = world(data=dataset())
    made.settle()
    for nth in range(times):
        made.end(code, pod=f"pod-{nth}")
        made.settle()
    assert made.status()["state"] == "Queued"
    assert made.status()["restarts"] == {"preempted": times, "failed": 0}
