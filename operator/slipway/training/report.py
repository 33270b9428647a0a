"""Where is the page that tells how a run goes?"""

from __future__ import annotations

from slipway.api.trainingjob_status import TrainingJobStatus
from slipway.contract.result import Failed, Trained
from slipway.jobs import Run

SCHEME = "s3://"


def linked(status: TrainingJobStatus, run: Run | None) -> TrainingJobStatus:
    """Return `status` with the address of the run's report, as the newest push or result told it; once known, it stays.

    A pod tells it only after it has written the page. Pushes may be lost, and pods be killed: either is enough.
    """
    told = [] if run is None else [end.result.report for end in run.ends if isinstance(end.result, Failed | Trained)]
    pushed = status.progress.report if status.progress is not None else None
    known = [address for address in (status.report, pushed, *told) if address and address.startswith(SCHEME)]
    return status.model_copy(update={"report": known[-1]}) if known else status
