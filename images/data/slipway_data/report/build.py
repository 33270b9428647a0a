"""Which report do the gathered numbers make?"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from slipway.api.dataset import Rows
from slipway.contract.dataset_report import (
    Categories,
    CutLinks,
    DatasetReport,
    Exported,
    FilesRead,
    Groups,
    Licences,
    Refusal,
    Rendered,
)
from slipway.contract.job import PrepareDataset
from slipway_data.counts import Counts
from slipway_data.report.funnel import Funnel
from slipway_data.report.kept import Kept
from slipway_data.report.scores import scored
from slipway_pod.errors import PodError
from slipway_pod.visible import one_line

LIMIT = 4_000


def built(
    job: PrepareDataset,
    recipe: str,
    files: int,
    rows: Rows,
    funnel: Funnel,
    kept: Kept,
    groups: Groups | None,
    licences: Licences | None,
    categories: Categories | None,
    counts: Counts,
    rendered: Rendered | None,
    exports: tuple[Exported, ...],
    reading: FilesRead | None,
) -> DatasetReport:
    """Return the report of a run, before it is known whether the data is refused or which digest it has."""
    return DatasetReport(
        namespace=job.namespace,
        name=job.name,
        schema_=job.schema_,
        source=source_words(job.source.dump()),
        recipe=recipe,
        files=files,
        reading=reading,
        rows=rows,
        steps=funnel.steps(rows.train + rows.validation + rows.test),
        left_out=funnel.reasons.ranked(),
        duplicates=funnel.pairs(),
        redacted=dict(sorted(counts.replaced.items())),
        cut_links=cut_links(counts),
        scores=scored(job.steps, counts),
        lengths=kept.lengths(),
        groups=groups,
        licences=licences,
        categories=categories,
        samples=kept.samples(),
        rendered=rendered,
        exports=exports,
    )


def cut_links(counts: Counts) -> tuple[CutLinks, ...]:
    """Return the links that were cut, most frequent reason first."""
    ranked = sorted(counts.cut_links.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(CutLinks(why=why, links=links, example=one_line(counts.cut_first[why])) for why, links in ranked)


def refused(report: DatasetReport, fault: PodError) -> DatasetReport:
    """Return the report of data that is no dataset."""
    why = Refusal(reason=fault.reason, message=one_line(fault.message, LIMIT), example=one_line(fault.example))
    return report.model_copy(update={"refusal": why})


def published(report: DatasetReport, digest: str) -> DatasetReport:
    """Return the report of a published dataset."""
    return report.model_copy(update={"digest": digest})


def source_words(source: Mapping[str, Any]) -> str:
    """Return a source as in the spec, without the texts of inline files and what may be a password in an address."""
    found = _plain(source)
    for file in found.get("inline", {}).get("files", []):
        file["text"] = f"{len(file['text'])} characters"
    return one_line(json.dumps(found, ensure_ascii=False, sort_keys=True), LIMIT)


def _plain(value: Any) -> Any:
    """Return a copy of `value`, its addresses without user, password and query: signed addresses have keys there."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, str) and re.match(r"https?://", value):
        return re.sub(r"[?#].*", "?…", re.sub(r"^(https?://)[^/?#]*@", r"\1", value), flags=re.DOTALL)
    return value
