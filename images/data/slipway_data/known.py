"""What is known of a row that went through the first steps in a preparation before?"""

from __future__ import annotations

from dataclasses import dataclass

from slipway_data.counts import Counts
from slipway_data.rows import Rejected, Row


@dataclass(frozen=True)
class Known:
    """A row as the steps that look at it alone left it, or why one of them left it out.

    `step` is the number of the last that it went through, `counted` what they counted of it.
    """

    item: Row | Rejected
    step: int
    counted: Counts
