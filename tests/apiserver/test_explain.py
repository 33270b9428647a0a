"""`kubectl explain` reads like documentation: whole sentences, defaults and choices, on every field."""

from __future__ import annotations

import pytest

from slipway.api.kinds import KINDS, Kind
from tests.apiserver.server import ApiServer

# One field of each kind that a user is likely to look up, and what the answer must contain.
LOOKED_UP = {
    "swd.spec.steps.deduplicate": ("method is Exact", "enum: Exact, MinHash", 'Defaults to "Exact"'),
    "swd.spec.split": ("Rows of one group never land in two splits", "Defaults to 80"),
    "swt.spec.recipe.causalLM": ('for example "2e-4"', 'Defaults to "2e-4"', "epochs is the number of passes"),
    "swt.spec.suspend": ("suspend stops the run after a checkpoint",),
    "swt.status.progress": ("etaSeconds", "time left at the present speed"),
    "swm.spec.artifact": ("Pickle is refused", "-required-", "enum: Adapter, Model"),
    "swm.status.stage": ("Candidate, Canary, Production, Archived or Rejected",),
    "swr.spec.strategy.canary.steps": (
        "percent of requests sent to the candidate",
        "Defaults to 60",
        "pause keeps the share",
    ),
    "swr.spec.analysis.metrics.prometheus": ("{{candidate}}", "NaN, infinity and an empty result are NoData"),
    "swr.status.conditions": ("lastTransitionTime is when status last changed",),
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_kind_explains_itself(server: ApiServer, kind: Kind) -> None:
    told = _flat(server.kubectl("explain", kind.plural))
    assert f"KIND: {kind.name}" in told
    assert kind.description in told
    whole = server.kubectl("explain", kind.plural, "--recursive")
    for field in ("conditions", "observedGeneration", "state", "message"):
        assert f"{field}\t<" in whole


@pytest.mark.parametrize("path", LOOKED_UP)
def test_what_users_look_up_is_answered(server: ApiServer, path: str) -> None:
    told = _flat(server.kubectl("explain", path))
    for words in LOOKED_UP[path]:
        assert words in told


def _flat(told: str) -> str:
    return " ".join(told.split())
