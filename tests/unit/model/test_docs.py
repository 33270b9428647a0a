"""Does the page on gates know every reason that a version can show?"""

from __future__ import annotations

from pathlib import Path

import pytest

from slipway import attempt
from slipway.model import awaiting, decide

PAGE = (Path(__file__).parents[3] / "docs" / "explanation" / "gates.md").read_text(encoding="utf-8")
REASONS = [
    decide.GATE_FAILED,
    decide.DIGEST_MISMATCH,
    decide.RETRYING,
    decide.TERMS.timed_out,
    attempt.OUT_OF_MEMORY,
    decide.TERMS.failed,
    awaiting.AWAITING_RATINGS,
    awaiting.COUNTING,
    awaiting.TERMS.failed,
    awaiting.TERMS.timed_out,
    "SheetKeyMissing",
    "SignatureMissing",
    "SignatureKeyUnknown",
    "SignatureInvalid",
    "SignatureMismatch",
    "BaseModelUnsigned",
    "PublicKeysMissing",
]


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_that_stops_a_version_is_explained(reason: str) -> None:
    assert f"`{reason}`" in PAGE
