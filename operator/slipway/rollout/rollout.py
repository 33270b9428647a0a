"""What does one Rollout object say?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from slipway.api.rollout import RolloutSpec, RolloutStatus
from slipway.plan import Manifest
from slipway.rollout.steps import Step, steps_of
from slipway.workload import Root


@dataclass(frozen=True)
class Rollout:
    """A parsed Rollout; `status` is what was last written."""

    root: Root
    generation: int
    annotations: Mapping[str, str]
    spec: RolloutSpec
    status: RolloutStatus

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The steps of the strategy, before promotion. Each rule asks for them."""
        return steps_of(self.spec)

    @classmethod
    def parse(cls, manifest: Manifest) -> Rollout:
        """Return the Rollout in `manifest`; raise pydantic.ValidationError when it is none."""
        meta = manifest["metadata"]
        return cls(
            root=Root.of(manifest),
            generation=int(meta.get("generation") or 0),
            annotations=meta.get("annotations") or {},
            spec=RolloutSpec.model_validate(manifest.get("spec") or {}),
            status=RolloutStatus.model_validate(manifest.get("status") or {}),
        )
