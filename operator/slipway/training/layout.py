"""Into what pieces does the pod cut its batches, and did memory make it take smaller ones?"""

from __future__ import annotations

from typing import Final

from slipway.api.causal_lm import CausalLM
from slipway.api.trainingjob_status import BatchLayout, TrainingJobStatus
from slipway.contract.result import Trained
from slipway.plan import Event

SMALLER_PIECES: Final = "SmallerPieces"


def running(status: TrainingJobStatus) -> BatchLayout | None:
    """Return the layout that a running pod has pushed, if it has."""
    progress = status.progress
    if progress is None or progress.micro_batch_size is None:
        return None
    return BatchLayout(micro_batch_size=progress.micro_batch_size, recompute=bool(progress.recompute))


def ended(result: Trained) -> BatchLayout | None:
    """Return the layout with which a run ended, where it had to change it: pushes may have been lost."""
    if not result.rungs:
        return None
    return BatchLayout(micro_batch_size=result.rungs[-1].micro_batch, recompute=result.rungs[-1].recompute)


def noticed(
    status: TrainingJobStatus, seen: BatchLayout | None, recipe: CausalLM
) -> tuple[TrainingJobStatus, tuple[Event, ...]]:
    """Return `status` with the layout `seen`, and an event when it is smaller than the one before.

    A run that starts anew, without a checkpoint, has its first layout again; that is no event.
    """
    if seen is None:
        return status, ()
    before = status.layout or BatchLayout(micro_batch_size=recipe.micro_batch_size or recipe.batch_size)
    found = status.model_copy(update={"layout": seen})
    if seen.micro_batch_size >= before.micro_batch_size and seen.recompute <= before.recompute:
        return found, ()
    again = ", with activations computed again" if seen.recompute else ""
    said = (
        f"memory does not suffice for {before.micro_batch_size} rows at a time: the run goes on with "
        f"{seen.micro_batch_size}{again}. Its batches stay the same; it is slower than with more memory "
        "(spec.resources) or a smaller maxTokens"
    )
    return found, (Event(SMALLER_PIECES, said, type="Warning"),)
