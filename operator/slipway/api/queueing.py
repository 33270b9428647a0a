"""How does an object say in which queue of Kueue its Job waits?"""

from __future__ import annotations

from pydantic import Field

from slipway.api.base import Model, Name


class Queue(Model):
    """A queue of Kueue."""

    local_queue: Name = Field(
        description="localQueue is the LocalQueue of the object's own namespace. Kueue starts the Job when the queue "
        "has quota for it, and takes it back for Jobs of higher priority."
    )
    priority_class: Name | None = Field(
        default=None,
        description="priorityClass is the WorkloadPriorityClass by which Jobs of the queue are ordered and preempted; "
        "absent means the priority of pod.priorityClassName.",
    )
