"""Are the bytes of a model what its ModelVersion says?"""

from __future__ import annotations

from slipway.contract.job import Evaluate
from slipway.contract.result import Evaluated
from slipway_pod import run, trust
from slipway_pod.artifact import verify


def check(job: Evaluate) -> Evaluated:
    """Read the artefact of `job`, and its base model where it is an adapter, and report what held."""
    key = trust.to_evaluate(job)
    verify(job.subject.artifact, job.store)
    if job.subject.base_model is not None:
        verify(job.subject.base_model, job.store)
    return Evaluated(digest=job.subject.artifact.digest, signature=key)


if __name__ == "__main__":
    run.main(check, Evaluate)
