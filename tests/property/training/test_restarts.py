"""What holds for the count of restarts, whatever becomes of pods, and whoever looks or fails to?"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from slipway.contract.exitcodes import ExitCode
from slipway.training.room import Room
from tests.unit.training.world import dataset, world
from tests.unit.worlds import World

happenings = st.one_of(
    st.tuples(st.just("run")),
    st.tuples(st.just("end"), st.sampled_from([1, 30, 137]), st.booleans()),
    st.tuples(st.just("gone"), st.integers(0, 9)),
    st.tuples(st.just("look")),
    st.tuples(st.just("look")),
    st.tuples(st.just("another operator")),
    st.tuples(st.just("pause")),
    st.tuples(st.just("next attempt")),
)


class Told:
    """A run, and by another way of counting: what anybody who looked could know of its pods."""

    def __init__(self) -> None:
        self.made: World = world(data=dataset(), retries=20)
        self.made.settle()
        self.pods: dict[str, dict[str, Any]] = {}
        self.number = 0
        self.expected = {"preempted": 0, "failed": 0}

    @property
    def open(self) -> str | None:
        return next((name for name, pod in self.pods.items() if pod["there"] and pod["end"] is None), None)

    def look(self) -> None:
        self.made.settle()
        for pod in self.pods.values():
            word = pod["end"] if pod["there"] else "preempted" if pod["seen"] else None
            if word is not None and not pod["counted"]:
                self.expected[word] += 1
                pod["counted"] = True
            pod["seen"] = pod["seen"] or pod["there"]

    def run(self) -> None:
        if self.open is None:
            self.number += 1
            self.pods[f"pod-{self.number}"] = {"there": True, "end": None, "seen": False, "counted": False}
            self.made.pod({"phase": "Running"}, f"pod-{self.number}")

    def end(self, code: int, evicted: bool) -> None:
        if self.open is not None:
            name = self.open
            self.made.end(code, "so", pod=name, evicted=evicted)
            self.pods[name]["end"] = "preempted" if evicted or code == ExitCode.PREEMPTED else "failed"

    def gone(self, at: int) -> None:
        there = [name for name, pod in self.pods.items() if pod["there"]]
        if there:
            name = there[at % len(there)]
            self.made.remove("Pod", name)
            self.pods[name]["there"] = False

    def pause(self) -> None:
        """Suspend the run and let it go on: its pod ends, and that is nobody's restart."""
        self.look()
        name = self.open
        self.made.edit(suspend=True)
        self.made.settle()
        if name is not None:
            self.made.end(ExitCode.PREEMPTED, "so", pod=name)
            self.pods[name] |= {"end": "preempted", "counted": True}
        self.made.edit(suspend=False)
        self.made.wait(1)
        self.made.settle()

    def next_attempt(self) -> None:
        self.run()
        self.look()
        self.end(ExitCode.STORE_UNREACHABLE, False)
        self.made.finish("Failed", "PodFailurePolicy")
        self.look()
        self.made.wait(600)
        self.made.settle()

    def happen(self, what: tuple[Any, ...]) -> None:
        self.made.wait(1)
        match what:
            case ("run",):
                self.run()
            case ("end", code, evicted):
                self.end(code, evicted)
            case ("gone", at):
                self.gone(at)
            case ("look",):
                self.look()
            case ("another operator",):
                self.made.room = Room(self.made.settings)
            case ("pause",):
                self.pause()
            case ("next attempt",):
                self.next_attempt()


@settings(max_examples=200, deadline=None)
@given(st.lists(happenings, max_size=24))
def test_every_pod_that_was_seen_is_counted_once(history: list[tuple[Any, ...]]) -> None:
    told = Told()
    for what in history:
        told.happen(what)
    told.look()
    assert (told.made.status().get("restarts") or {"preempted": 0, "failed": 0}) == told.expected
    before = told.made.writes
    told.made.step()
    assert told.made.writes == before, "deciding twice changes something"
