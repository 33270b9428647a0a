"""Which files does spec.export ask for, and would their vendors take them?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from slipway.api.common import ArtifactStatus
from slipway.api.dataset import Rows
from slipway.api.dataset_export import ExportStatus, HostedFormat
from slipway.contract.dataset import EXPORTS
from slipway.contract.dataset_report import Exported
from slipway_data.export.bedrock_claude import BEDROCK_CLAUDE
from slipway_data.export.openai_chat import OPENAI_CHAT
from slipway_data.export.vendor import Vendor
from slipway_data.export.writer import ExportWriter, Written
from slipway_data.rows import Row
from slipway_pod.errors import BadData

VENDORS: dict[HostedFormat, Vendor] = {vendor.format: vendor for vendor in (OPENAI_CHAT, BEDROCK_CLAUDE)}
EXPORT_TOO_FEW_ROWS = "ExportTooFewRows"
EXPORT_TOO_MANY_ROWS = "ExportTooManyRows"
EXPORT_TOO_LARGE = "ExportTooLarge"


class Exports:
    """Writes the files of every format asked for."""

    def __init__(self, formats: Iterable[HostedFormat], dataset: Path) -> None:
        self._writers = [ExportWriter(VENDORS[name], dataset) for name in sorted(formats)]

    def add(self, split: str, row: Row) -> None:
        """Offer a row of `split` to every vendor."""
        for writer in self._writers:
            writer.add(split, row)

    def close(self) -> None:
        """Finish the files."""
        for writer in self._writers:
            writer.close()

    def reports(self) -> tuple[Exported, ...]:
        """Return what was written for whom."""
        return tuple(writer.report() for writer in self._writers)

    def fault(self, rows: Rows) -> BadData | None:
        """Return the first rule that a whole file breaks, with its cure, or None where all would be taken."""
        for writer in self._writers:
            for reason, message in _faults(writer.vendor, writer.written):
                left_out = sum(counts.left_out for counts in writer.written.values())
                said = f"; {left_out} rows were left out, the report says why" if left_out else ""
                cure = f"or take {writer.vendor.format} out of export"
                return BadData(reason, f"spec.export {writer.vendor.format}: {message}, {cure}{said}", rows=rows)
        return None

    def statuses(self, artifact: ArtifactStatus) -> tuple[ExportStatus, ...]:
        """Return where the files lie once the dataset is published."""
        return tuple(
            ExportStatus(
                format=writer.vendor.format,
                uri=f"{artifact.uri}{EXPORTS}/{writer.vendor.folder}/",
                train=writer.written["train"].rows,
                validation=writer.written["validation"].rows,
                left_out=sum(counts.left_out for counts in writer.written.values()),
                tokens=writer.written["train"].tokens,
            )
            for writer in self._writers
        )


def _faults(vendor: Vendor, written: dict[str, Written]) -> Iterator[tuple[str, str]]:
    """Yield every rule that a file breaks: its reason, and what is wrong and could be done."""
    for split, rules in vendor.files.items():
        counts, percent = written[split], f"split.{split}Percent"
        # A file to validate on may be missing; one to train on may not.
        if counts.rows < rules.least_rows and (counts.rows or counts.left_out or split == "train"):
            none = ", set it to 0 for no such file" if split == "validation" else ""
            yield (
                EXPORT_TOO_FEW_ROWS,
                f"{split}.jsonl has {counts.rows} examples, {vendor.who} takes {rules.least_rows} or more: add data, "
                f"raise {percent}{none}",
            )
        if rules.most_rows is not None and counts.rows > rules.most_rows:
            yield (
                EXPORT_TOO_MANY_ROWS,
                f"{split}.jsonl has {counts.rows} examples, {vendor.who} takes {rules.most_rows} at most: lower "
                f"{percent}",
            )
        if counts.bytes > rules.most_bytes:
            yield (
                EXPORT_TOO_LARGE,
                f"{split}.jsonl has {counts.bytes} bytes, {vendor.who} takes {rules.most_bytes} at most: lower "
                f"{percent}, filter by maxCharacters",
            )
    total = sum(counts.rows for counts in written.values())
    if vendor.most_rows is not None and total > vendor.most_rows:
        yield (
            EXPORT_TOO_MANY_ROWS,
            f"the files have {total} examples together, {vendor.who} takes {vendor.most_rows} at most: raise "
            "split.testPercent",
        )
