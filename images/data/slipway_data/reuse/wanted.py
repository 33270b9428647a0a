"""Are the rows of a job's files kept, and as what?"""

from __future__ import annotations

from typing import Literal

from slipway.api.dataset_feedback import FeedbackSource
from slipway.api.dataset_github import GitHubSource
from slipway.api.dataset_mix import DatasetsSource
from slipway.api.dataset_source import InlineSource
from slipway.api.dataset_steps import Parse, Redact
from slipway.contract.job import PrepareDataset
from slipway_data.alone import Work

Form = Literal["Nothing", "Read", "Redacted", "Described"]
"""Read: as the reader gave them. Redacted: as all steps left them that look at one row alone, Redact among them.
Described: what Blender said of each .blend (see descriptions.py), as raw as what is read."""


def form(job: PrepareDataset) -> Form:
    """Return as what rows of `job` are kept for its next preparation.

    Not those that no file has by itself (feedback), nor those that are at hand (inline, other Datasets). What a step
    redacts is not put where it was not before: such rows are kept after that step, and not at all where it comes after
    one that looks at other rows too, or where Blender has read the files.
    """
    if isinstance(job.source.chosen, InlineSource | FeedbackSource | DatasetsSource):
        return "Nothing"
    first = job.steps[0].chosen
    raw: Form = "Described" if isinstance(first, Parse) and first.format == "Blend" else "Read"
    match job.parsed_rows.keep:
        case "Never":
            return "Nothing"
        case "Always":
            return raw
    redacting = [number for number, step in enumerate(job.steps) if isinstance(step.chosen, Redact)]
    if not redacting or isinstance(job.source.chosen, GitHubSource):
        return raw
    if raw == "Described":
        return "Nothing"
    return "Redacted" if max(redacting) <= len(Work.of(job.steps).steps) else "Nothing"
