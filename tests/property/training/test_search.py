"""What holds for every search, whatever happens to its trials and in whatever order?"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from slipway.plan import Facts
from tests.unit.training.searches import NAME, Searches, searching

MOST, PARALLEL = 5, 2
ENDED = ("Succeeded", "Failed")
happenings = st.one_of(
    st.tuples(st.just("run"), st.integers(0, 9)),
    st.tuples(st.just("measure"), st.integers(0, 9), st.integers(1, 20), st.integers(1, 9)),
    st.tuples(st.just("succeed"), st.integers(0, 9), st.integers(1, 9)),
    st.tuples(st.just("fail"), st.integers(0, 9), st.sampled_from(["Diverged", "OutOfMemory"])),
    st.tuples(st.just("suspend"), st.booleans()),
    st.tuples(st.just("wait"), st.sampled_from([1, 61, 700])),
    st.tuples(st.just("delete"), st.integers(0, 9)),
    st.tuples(st.just("forget")),
    st.tuples(st.just("restart")),
)


def happen(made: Searches, what: tuple[Any, ...]) -> None:
    running = made.running()
    match what:
        case ("run", at) if running and made.jobs(running[at % len(running)]):
            made.run(running[at % len(running)])
        case ("measure", at, step, loss) if running:
            made.measure(running[at % len(running)], step, str(loss))
        case ("succeed", at, loss) if running and made.jobs(running[at % len(running)]):
            made.finish_with(running[at % len(running)], str(loss))
        case ("fail", at, reason) if running and made.jobs(running[at % len(running)]):
            made.fail_with(running[at % len(running)], reason)
        case ("suspend", wanted):
            made.edit(suspend=wanted)
        case ("wait", seconds):
            made.wait(seconds)
        case ("delete", at) if made.trials():
            made.remove("TrainingJob", made.trials()[at % len(made.trials())])
        case ("forget",):
            made.put({**made.root(), "status": {}})
        case ("restart",):
            made.facts.clear()


@settings(max_examples=120, deadline=None)
@given(st.lists(happenings, max_size=16))
def test_every_search_keeps_its_bounds_and_comes_to_rest(history: list[tuple[Any, ...]]) -> None:
    made = searching(
        spec={"recipe": {"causalLM": {"evaluateEverySteps": 1}}},
        pruning={"minSteps": 2, "reductionFactor": 2},
        maxTrials=MOST,
        parallelism=PARALLEL,
        maxFailedTrials=1,
        deadlineSeconds=600,
    )
    ended = ""
    for what in history:
        happen(made, what)
        for _ in range(20):  # the bounds hold after each single step, not only at rest
            before = made.writes
            for name in [NAME, *made.trials()]:
                made.step(name)
                assert len(made.running()) <= PARALLEL
                assert len(made.trials()) <= MOST
            if before == made.writes:
                break
        made.rest()
        status = made.status()
        assert status["message"]
        if ended and what[0] != "forget":
            assert status["state"] == ended
        ended = status["state"] if status["state"] in ENDED else ""
        if ended:
            assert made.running() == []
        if ended == "Succeeded":
            version = made.get("ModelVersion", "assistant-1.0.0")
            digests = {(made.status(name).get("artifact") or {}).get("digest") for name in made.trials()}
            assert version["spec"]["artifact"]["digest"] in digests | {status["artifact"]["digest"]}
        assert made.store.get("ModelVersion", "demo", "assistant-0.1.0-hunt-0") is None
        plan = made.plan()
        assert plan == made.plan(), "the same is decided of the same"
        writes = made.writes
        made.step()
        assert made.writes == writes, "deciding twice changes something"


@settings(max_examples=40, deadline=None)
@given(st.lists(happenings, max_size=10))
def test_another_leader_decides_the_same_from_what_is_there(history: list[tuple[Any, ...]]) -> None:
    made = searching(maxTrials=MOST, parallelism=PARALLEL)
    for what in history:
        happen(made, what)
        made.rest()
    known = made.plan()
    fresh = Searches(type(made.room)(made.settings), NAME, store=made.store, now=made.now, writes=made.writes)
    first = fresh.room.plan(fresh.root(), fresh.store, Facts(), fresh.now)
    assert [ask.id for ask in first.asks] == [ask.id for ask in known.asks]
    fresh.rest()
    assert [t.number for s in fresh.asked for t in s.trials] == sorted(t.number for s in fresh.asked for t in s.trials)
    assert fresh.writes == made.writes, "what was at rest stays so"
