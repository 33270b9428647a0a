"""Waiting ends where it is in vain, with the reason; a picture shows where the run is."""

from __future__ import annotations

import pytest
from rich.console import Console

from e2e.demo.tape import Sighting, Tape
from e2e.demo.view import Scene
from e2e.example.run import hopeless, picture


def tape(kind: str, state: str, message: str = "") -> Tape:
    found = Tape()
    found.add(Sighting(1.0, kind, "one", {"spec": {}, "status": {"state": state, "message": message}}))
    return found


@pytest.mark.parametrize(
    ("kind", "state"), [("Dataset", "Failed"), ("TrainingJob", "Failed"), ("ModelVersion", "Rejected")]
)
def test_what_failed_is_named_with_its_reason(kind: str, state: str) -> None:
    assert hopeless(tape(kind, state, "the store is gone")) == f"{kind} one is {state}: the store is gone"
    assert "its pod's log" in str(hopeless(tape(kind, state)))


@pytest.mark.parametrize(
    ("kind", "state"), [("Dataset", "Pending"), ("TrainingJob", "Running"), ("ModelVersion", "Evaluating")]
)
def test_what_goes_on_is_waited_for(kind: str, state: str) -> None:
    assert hopeless(tape(kind, state)) is None
    assert hopeless(Tape()) is None


def test_the_picture_shows_chapters_and_objects() -> None:
    console = Console(width=140, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    scene = Scene(titles=["Install", "Serve"], present=1, command="kubectl wait")
    console.print(picture(tape("Dataset", "Preparing"), scene, 10.0))
    text = console.export_text()
    assert all(part in text for part in ("✓ Install", "▶ Serve", "$ kubectl wait", "Preparing"))
