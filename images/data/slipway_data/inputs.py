"""Of what is a Dataset made, as far as that is known without reading it?"""

from __future__ import annotations

from slipway.api.dataset_refresh import Inputs
from slipway.api.dataset_steps import Decontaminate
from slipway.contract.job import PrepareDataset
from slipway_data import decontaminate
from slipway_data.sources.origin import Origin


def inputs(origin: Origin, job: PrepareDataset) -> Inputs:
    """Return what `job` makes data from: the files of `origin`, and the evaluation sets of its steps.

    A tokenizer is named in the spec with its digest, and what a language model answered is not asked again.
    """
    steps = [step.chosen for step in job.steps if isinstance(step.chosen, Decontaminate)]
    if not steps:
        return Inputs(files=origin.digest)
    addresses = sorted({uri for step in steps for uri in step.against})
    found = (pair for uri in addresses for pair in decontaminate.files(uri, job.store))
    return Inputs(files=origin.digest, sets=Origin.of(file for _, file in found).digest)
