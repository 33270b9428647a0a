"""The demo's story on a real cluster, with small numbers: the tutorial's own commands, users all the while, and the
operator's leader killed in the middle of v2's canary. Afterwards everything is deleted and nothing is left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from e2e.cluster import Cluster, open_cluster
from e2e.demo import figures, small, tutorial
from e2e.demo.__main__ import CLEAN_UP, fresh
from e2e.demo.cast import EXAMPLE, NAMESPACE, REPOSITORY, TUTORIAL
from e2e.demo.commands import CommandFailed
from e2e.demo.prepare import out, prepare
from e2e.demo.story import Story, forget
from e2e.demo.tape import Tape
from e2e.demo.verdicts import Check, verdicts
from e2e.demo.view import PlainView
from e2e.scenarios.leftovers import leftovers_after
from e2e.scenarios.operator_killed import LeaderKiller


@dataclass(frozen=True)
class Told:
    """A story that was told to its end, or to where it broke."""

    cluster: Cluster
    story: Story
    checks: list[Check]
    killed: str
    failure: str


@pytest.fixture(scope="module")
def told() -> Iterator[Told]:
    cluster = open_cluster()
    with cluster.in_use("the e2e test"):
        prepare(cluster)
        forget(cluster)
        folder = small.copy(EXAMPLE, REPOSITORY / "out" / "example")
        chapters = [chapter for chapter in tutorial.read(TUTORIAL) if chapter.title != CLEAN_UP]
        with fresh(out("e2e-tape.jsonl")).open("w") as file:
            tape = Tape(file)
            story = Story(cluster, chapters, folder, tape, fresh(out("e2e-commands.log")))
            failure, killer = "", LeaderKiller(cluster, tape, "v2")
            with PlainView(tape, story.scene), killer:
                try:
                    story.run()
                except CommandFailed as error:
                    failure = str(error)
        yield Told(cluster, story, verdicts(tape), killer.killed, failure)


def test_every_command_of_the_tutorial_works(told: Told) -> None:
    assert not told.failure


@pytest.mark.parametrize("chapter", ["v1", "v2", "v3", "v4", "users"])
def test_the_outcome_was_observed(told: Told, chapter: str) -> None:
    checks = [check for check in told.checks if check.chapter == chapter]
    assert checks
    assert [f"{check.claim}: {check.evidence}" for check in checks if not check.held] == []


def test_the_rollback_takes_seconds(told: Told) -> None:
    seconds = figures.rollback_seconds(told.story.tape)
    assert seconds is not None
    assert seconds < 120


def test_the_leader_was_killed_during_the_canary(told: Told) -> None:
    assert told.killed


def test_deleting_everything_leaves_nothing(told: Told) -> None:
    chapter = next(chapter for chapter in tutorial.read(TUTORIAL) if chapter.title == CLEAN_UP)
    delete_ours, *rest = chapter.blocks
    told.story.shell.run(delete_ours)
    assert leftovers_after(told.cluster, NAMESPACE, seconds=120) == []
    for block in rest:
        told.story.shell.run(block)
