"""What do the engines make of one row? What Slipway's own code makes of it, in whichever process they call it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from bench.preparing.plan import Plan
from bench.preparing.slipway_side import job
from slipway_data.alone import Alone, Work
from slipway_data.rows import Completion, Row
from slipway_data.sketch import cut, hashed, minhash


@lru_cache(maxsize=1)
def alone(plan: Plan) -> Alone:
    """Return the filter and the redaction of `plan`, made once a process."""
    return Alone(Work(Work.of(job(plan, Path()).steps).steps))


def cleaned(plan: Plan, text: str) -> str | None:
    """Return a text after the filter and the redaction; None where it is left out."""
    row = alone(plan)(Row("", "", Completion("", text))).item
    return row.content.completion if isinstance(row, Row) else None


def bands(plan: Plan, text: str) -> tuple[int, ...]:
    """Return the bands of a text's signature, cut as for who drops every candidate unseen."""
    found: tuple[int, ...] = cut(minhash(hashed(text)), plan.peer_bands, plan.peer_band_size)
    return found
