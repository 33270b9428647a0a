"""How do the rows of a dataset become a vendor's files?"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from slipway.contract.dataset import EXPORTS, LEFT_OUT
from slipway.contract.dataset_report import Exported, ExportedFile
from slipway_data.export.vendor import TOO_MANY_TOKENS, Broken, Vendor, messages_of
from slipway_data.report.funnel import Reasons
from slipway_data.rows import Rejected, Row


@dataclass
class Written:
    """Counts of one file."""

    rows: int = 0
    bytes: int = 0
    tokens: int = 0
    longest: int = 0
    may_be_cut: int = 0
    left_out: int = 0


class ExportWriter:
    """Writes the rows that a vendor takes, in the order they come, and lists those that it would not take.

    A file without rows is not written: an empty one would be refused.
    """

    def __init__(self, vendor: Vendor, dataset: Path) -> None:
        self.vendor = vendor
        self._folder = dataset / EXPORTS / vendor.folder
        self._open: dict[str, IO[bytes]] = {}
        self._reasons = Reasons()
        self.written = {split: Written() for split in vendor.files}

    def add(self, split: str, row: Row) -> None:
        """Write a row to the file of its split, or to the list of what is left out; the test split is passed over."""
        if split not in self.written:
            return
        counts, messages = self.written[split], messages_of(row.content)
        tokens = self.vendor.tokens(messages)
        long = tokens > self.vendor.most_tokens
        fault = self.vendor.broken(messages) or (self._refused(tokens) if long else None)
        if fault is not None:
            entry = Rejected(row.id, fault.reason, fault.message)
            self._reasons.add(entry)
            counts.left_out += 1
            self._file(LEFT_OUT).write(entry.line().encode())
            return
        line = encoded(self.vendor.line(messages))
        self._file(f"{split}.jsonl").write(line)
        counts.rows += 1
        counts.bytes += len(line)
        counts.tokens += tokens
        counts.longest = max(counts.longest, tokens)
        counts.may_be_cut += long

    def close(self) -> None:
        """Finish the files."""
        for file in self._open.values():
            file.close()

    def report(self) -> Exported:
        """Return what was written and what was left out."""
        files = tuple(
            ExportedFile(
                path=f"{EXPORTS}/{self.vendor.folder}/{split}.jsonl",
                rows=counts.rows,
                bytes=counts.bytes,
                tokens=counts.tokens,
                longest_tokens=counts.longest,
                may_be_cut=counts.may_be_cut,
            )
            for split, counts in self.written.items()
            if counts.rows
        )
        return Exported(
            format=self.vendor.format, counting=self.vendor.counting, files=files, left_out=self._reasons.ranked()
        )

    def _refused(self, tokens: int) -> Broken | None:
        """Return what is wrong with an example of too many tokens; None where the vendor takes it, and cuts it."""
        if self.vendor.longer == "Cut":
            return None
        counted = "up to" if self.vendor.counting == "UpperBound" else "about"
        said = f"{counted} {tokens} tokens, {self.vendor.who} takes {self.vendor.most_tokens}: shorten or split the row"
        return Broken(TOO_MANY_TOKENS, said)

    def _file(self, name: str) -> IO[bytes]:
        if name not in self._open:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._open[name] = (self._folder / name).open("wb")
        return self._open[name]


def encoded(line: dict[str, object]) -> bytes:
    """Return a line of JSON. What some readers take for the end of a line is escaped, as JSON allows."""
    text = json.dumps(line, ensure_ascii=False, separators=(",", ":"))
    for character in "\x85\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode() + b"\n"
