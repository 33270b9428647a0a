"""How does an example go? What its README says to type, with the namespace watched."""

from __future__ import annotations

from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from e2e.cluster.base import Cluster
from e2e.demo import tutorial
from e2e.demo.commands import CommandFailed
from e2e.demo.tape import Tape
from e2e.demo.typed import Typed
from e2e.demo.view import Scene, chapters, chosen, objects
from e2e.example.cast import Example

BAD = {"Dataset": ("Failed",), "TrainingJob": ("Failed",), "ModelVersion": ("Failed", "Rejected")}
"""States from which nothing gets better by waiting."""


def run(cluster: Cluster, example: Example, tape: Tape, log: Path, *, plain: bool) -> str:
    """Type everything; return why it could not go on, empty where it did."""
    written = tutorial.read(example.folder / "README.md")
    typed = Typed(cluster, written, example.folder, tape, log, namespace=example.namespace, hopeless=hopeless)
    try:
        with chosen(tape, typed.scene, plain, picture):
            typed.run()
    except CommandFailed as error:
        return str(error)
    except KeyboardInterrupt:
        return "interrupted; the same command starts over"
    return ""


def hopeless(tape: Tape) -> str | None:
    """Return why it is in vain to wait any longer, or None while it is not."""
    for kind, states in BAD.items():
        for sighting in tape.present(kind):
            state = sighting.status.get("state")
            if state in states:
                said = sighting.status.get("message") or "no message; see its pod's log"
                return f"{kind} {sighting.name} is {state}: {said}"
    return None


def picture(tape: Tape, scene: Scene, now: float) -> RenderableType:
    """Return what the terminal shows at `now`: where the run is, and every object."""
    return Group(chapters(scene, now), Text(), objects(tape), Text())
