"""Is it in vain to wait any longer? Pure: from the tape alone."""

from __future__ import annotations

from collections.abc import Iterator

from e2e.demo import facts
from e2e.demo.cast import ROLLOUT, SHORT_NAMES, short, version
from e2e.demo.tape import Sighting, Tape

MEANT_TO_FAIL_ITS_GATE = "v3"
MEANT_TO_BE_ROLLED_BACK = "v4"


def hopeless(tape: Tape) -> str | None:
    """Return why the story cannot go on as it should, or None while it still can."""
    return next(_reasons(tape), None)


def _reasons(tape: Tape) -> Iterator[str]:
    for kind in ("Dataset", "TrainingJob", "ModelVersion"):
        for sighting in tape.present(kind):
            if sighting.status.get("state") == "Failed":
                yield f"{kind} {sighting.name} failed: {_message(sighting)}"
    for name in SHORT_NAMES:
        sighting = tape.now("ModelVersion", version(name))
        if sighting is None:
            continue
        state = sighting.status.get("state")
        if name != MEANT_TO_FAIL_ITS_GATE and state == "Rejected":
            gates = facts.version_status(tape, version(name))
            failed = "; ".join(f"{g.name}: {g.message}" for g in facts.failed_gates(gates)) if gates is not None else ""
            yield f"ModelVersion {sighting.name} was rejected by its gate ({failed})"
        if name == MEANT_TO_FAIL_ITS_GATE and state == "Ready":
            yield f"ModelVersion {sighting.name} passed its gate, although its learning rate was meant to ruin it"
    rollout = tape.now("Rollout", ROLLOUT)
    if rollout is not None:
        rolled_back = facts.rollout_status(rollout).last_rollback
        if rolled_back is not None and short(rolled_back.version) != MEANT_TO_BE_ROLLED_BACK:
            yield f"Rollout {ROLLOUT} rolled {short(rolled_back.version)} back: {rolled_back.message}"


def _message(sighting: Sighting) -> str:
    return str(sighting.status.get("message", "")) or "no message; see its pod's log"
