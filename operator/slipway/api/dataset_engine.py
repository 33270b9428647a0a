"""Where are the steps done that look at one row alone?"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from slipway.api.base import Model, OneOf, Rule, bounded

_PORT = r"([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"


class RayEngine(Model):
    """An existing Ray cluster, whose nodes run the image of the preparation pod."""

    address: Annotated[
        str,
        bounded(
            262,
            pattern=rf"^ray://([A-Za-z0-9]([A-Za-z0-9.-]{{0,251}}[A-Za-z0-9])?|\[[0-9a-fA-F:]+\]):{_PORT}$",
            says="write the address of the cluster's client server as ray://host:port (port 10001, unless the cluster "
            "was told another); a pod cannot join a cluster by the port of its head (6379)",
        ),
    ] = Field(
        description="address of the cluster's client server, for example "
        "ray://ray-head.data.svc:10001. Rows are sent to it unencrypted, so it belongs in this cluster."
    )


class Engine(OneOf):
    """What does the heavy steps; exactly one member must be set."""

    ray: RayEngine | None = Field(
        default=None,
        description="ray spreads the steps filter and redact that follow parse, and the signatures of a MinHash step "
        "after them, over a Ray cluster. The data, and its digest, are the same as without.",
    )


ENGINE_RULE = Rule(
    "!has(self.engine) || self.steps.size() > 1 && (has(self.steps[1].filter) || has(self.steps[1].redact) || "
    "has(self.steps[1].deduplicate) && self.steps[1].deduplicate.method == 'MinHash')",
    "an engine does what looks at one row alone, and nothing does that right after parse: put filter, redact or "
    "deduplicate by MinHash there, or leave engine out",
)
