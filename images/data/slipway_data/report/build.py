"""Which report do the gathered numbers make?"""

from __future__ import annotations

import json
from collections.abc import Mapping

from slipway.api.dataset import Rows
from slipway.contract.dataset_report import DatasetReport, Exported, Groups, Refusal
from slipway.contract.job import PrepareDataset
from slipway_data.report.funnel import Funnel
from slipway_data.report.kept import Kept
from slipway_data.report.visible import one_line
from slipway_pod.errors import PodError

LIMIT = 4_000


def built(
    job: PrepareDataset,
    recipe: str,
    files: int,
    rows: Rows,
    funnel: Funnel,
    kept: Kept,
    groups: Groups | None,
    redacted: Mapping[str, int],
    exports: tuple[Exported, ...],
) -> DatasetReport:
    """Return the report of a run, before it is known whether the data is refused or which digest it has."""
    return DatasetReport(
        namespace=job.namespace,
        name=job.name,
        schema_=job.schema_,
        source=_source(job),
        recipe=recipe,
        files=files,
        rows=rows,
        steps=funnel.steps(rows.train + rows.validation + rows.test),
        left_out=funnel.reasons.ranked(),
        duplicates=funnel.pairs(),
        redacted=dict(sorted(redacted.items())),
        lengths=kept.lengths(),
        groups=groups,
        samples=kept.samples(),
        exports=exports,
    )


def refused(report: DatasetReport, fault: PodError) -> DatasetReport:
    """Return the report of data that is no dataset."""
    why = Refusal(reason=fault.reason, message=one_line(fault.message, LIMIT), example=one_line(fault.example))
    return report.model_copy(update={"refusal": why})


def published(report: DatasetReport, digest: str) -> DatasetReport:
    """Return the report of a published dataset."""
    return report.model_copy(update={"digest": digest})


def _source(job: PrepareDataset) -> str:
    found = job.source.dump()
    for file in found.get("inline", {}).get("files", []):
        file["text"] = f"{len(file['text'])} characters"
    return one_line(json.dumps(found, ensure_ascii=False, sort_keys=True), LIMIT)
