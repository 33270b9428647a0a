"""Where does a search's page start? `python -m slipway_data.study`, with a PlotStudy job as its job file."""

from __future__ import annotations

from slipway.contract.job import PlotStudy
from slipway_data.study.page import page
from slipway_pod import run
from slipway_pod.store import open_store


def plot(job: PlotStudy) -> None:
    """Put the page of a study where the job says. It leaves no message: the operator knows the address."""
    open_store(job.store).put(job.key, page(job).encode())


if __name__ == "__main__":
    run.main(plot, PlotStudy)
