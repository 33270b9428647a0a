"""In which words is a preparation told of?"""

from __future__ import annotations

from typing import Final

from slipway.attempt import Terms
from slipway.contract.result import Prepared

TERMS: Final = Terms(
    result=Prepared,
    doing="preparing",
    failed="PreparationFailed",
    timed_out="PreparationTimedOut",
    more_time="raise spec.deadlineSeconds, or split the data",
    more_memory="raise spec.resources.memory",
    more_storage="raise spec.resources.storage",
)
