"""Waiting is given up when it is in vain, and never while the story goes as it should."""

from __future__ import annotations

import pytest

from e2e.demo.hopeless import hopeless
from e2e.demo.tape import Sighting, Tape
from tests.unit.demo import story

GATES = [{"name": "learned", "outcome": "Fail", "message": "worse"}]
BACK = story.ref("v2") | {"reason": "AnalysisFailed", "message": "too slow", "at": "2026-01-01T00:00:00Z"}


def test_the_story_as_it_should_be_is_never_given_up() -> None:
    tape = Tape()
    for record in story.records():
        tape.add(record)
        assert hopeless(tape) is None


@pytest.mark.parametrize(
    ("sighting", "words"),
    [
        (
            Sighting(1, "Dataset", "blueprints", {"status": {"state": "Failed", "message": "no rows"}}),
            "blueprints failed: no rows",
        ),
        (story.trained(1, "v1", state="Failed"), "v1 failed"),
        (story.model_version(1, "v2", state="Rejected", gates=GATES), "learned: worse"),
        (story.model_version(1, "v3", state="Ready"), "meant to ruin"),
        (story.healthy(1, "v1", asks="v2", lastRollback=BACK), "rolled v2 back: too slow"),
    ],
)
def test_what_cannot_get_better_is_given_up_with_its_reason(sighting: Sighting, words: str) -> None:
    assert words in (hopeless(story.tape([sighting])) or "")
