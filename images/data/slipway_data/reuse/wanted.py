"""Are the rows of a job's files kept?"""

from __future__ import annotations

from slipway.api.dataset_feedback import FeedbackSource
from slipway.api.dataset_github import GitHubSource
from slipway.api.dataset_mix import DatasetsSource
from slipway.api.dataset_source import InlineSource
from slipway.api.dataset_steps import Parse, Redact
from slipway.contract.job import PrepareDataset


def keeps(job: PrepareDataset) -> bool:
    """Tell whether rows of `job` are kept for its next preparation.

    Not those that no file has by itself (feedback), nor those that are at hand (inline, other Datasets). Of a .blend,
    Blender in another container is asked, which is the work. What a step redacts is not put where it was not before.
    """
    if isinstance(job.source.chosen, InlineSource | FeedbackSource | DatasetsSource):
        return False
    first = job.steps[0].chosen
    if isinstance(first, Parse) and first.format == "Blend":
        return False
    match job.parsed_rows.keep:
        case "Never":
            return False
        case "Always":
            return True
    redacts = any(isinstance(step.chosen, Redact) for step in job.steps)
    return not redacts or isinstance(job.source.chosen, GitHubSource)
