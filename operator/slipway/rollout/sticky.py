"""Which users does the candidate serve, where a user is served by one version?

A percent covers the buckets below it. So a larger percent keeps every user of a smaller one, a user moves at most once
on the way up, and a return to stable is a return of everyone.
"""

from __future__ import annotations

from slipway.api.traffic import Sticky
from slipway.contract.sticky import BUCKETS_PER_PERCENT, header_value
from slipway.rollout.routes import Header


def buckets(sticky: Sticky, percent: int) -> tuple[Header, ...]:
    """Return the headers of the users whom `percent` covers."""
    return tuple((sticky.bucket_header, header_value(number * BUCKETS_PER_PERCENT)) for number in range(percent))
