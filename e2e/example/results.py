"""What did an evaluation find, answer by answer, of a version and of the base model?

The report of a ModelVersion (`status.report`) is JSON lines: what was compared, then one line for each item of each
metric with what became of either's answer (slipway_train_torch.evaluate.results.Figure), the losses first. `item` is
its place in the choice by hash: who looks at the first few must not look at losers only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from slipway.api.modelversion import ModelVersionStatus


class NoResults(Exception):
    """There is nothing to make a table of. The message says what is missing, and where."""


@dataclass(frozen=True)
class Item:
    """One held-out item, with the report's notes on the version's answer and on that of the base model."""

    id: str
    tuned: Mapping[str, Any]
    base: Mapping[str, Any]


def read(lines: Iterable[str], metric: str) -> tuple[Item, ...]:
    """Return the items of `metric` in a report, in the order of their choice.

    Raises NoResults where no answers were compared.
    """
    found = []
    for line in lines:
        entry = json.loads(line) if line.strip() else {}
        if entry.get("metric") != metric:
            continue
        if "reference" not in entry:
            raise NoResults(f"the report compares item {entry['subject']['id']} of {metric} with nothing")
        found.append((entry["item"], Item(entry["subject"]["id"], entry["subject"], entry["reference"])))
    if not found:
        raise NoResults(f"the report has no item of metric {metric}: is that its name in spec.evaluation.metrics?")
    return tuple(item for _, item in sorted(found, key=lambda one: one[0]))


def report_of(status: ModelVersionStatus, version: str) -> str:
    """Return where the report of `version` lies; raise NoResults where it was not compared with the base model."""
    if status.report is None:
        raise NoResults(f"ModelVersion {version} has no status.report: it was not evaluated")
    if status.reference is None:
        raise NoResults(f"ModelVersion {version} was compared with nothing: its TrainingJob needs a baseModel")
    if status.reference.name is not None:
        raise NoResults(
            f"ModelVersion {version} was compared with {status.reference.name}, which was in production, not with the "
            "base model: start over in an empty namespace"
        )
    return status.report
