"""What does datatrove make of the plan? `python -m bench.preparing.datatrove_side PLAN TEXT OUT SETTING`

Run by a Python that has datatrove. Its four stages of MinHash, with the filter and the formatter in the first one, so
that rows are read and written once; as many tasks at a time as there are cores, processes forked, nothing compressed.
The last line is one JSON object: seconds, and the folder of the rows kept.
"""

from __future__ import annotations

import ipaddress
import json
import re
import sys
import time
import unicodedata
from functools import partial
from pathlib import Path
from typing import Any

from datatrove.data import Document
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.filters import LambdaFilter
from datatrove.pipeline.formatters import PIIFormatter
from datatrove.pipeline.formatters.pii import PIIReplacer
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter
from datatrove.utils.text import TextNormConfig
from datatrove.utils.word_tokenizers import WordTokenizer

from bench.preparing.plan import Plan
from bench.preparing.settings import SETTINGS, Setting

SPACES = bytes(code for code in range(128) if chr(code).isspace())
SIGNS = bytes(code for code in range(128) if not chr(code).isalnum())


class Words(WordTokenizer):  # type: ignore[misc]
    """Finds words by a pattern, as Slipway does."""

    def __init__(self, pattern: str) -> None:
        super().__init__()
        self._pattern = re.compile(pattern)

    def word_tokenize(self, text: str) -> list[str]:
        """Return the words of `text`."""
        return self._pattern.findall(unicodedata.normalize("NFC", text))

    def sent_tokenize(self, text: str) -> list[str]:
        """Return `text` as one sentence; nothing here asks for more."""
        return [text]

    def span_tokenize(self, text: str) -> list[tuple[int, int]]:
        """Return where that sentence is."""
        return [(0, len(text))]


def wanted(plan: Plan, document: Document) -> bool:
    """Tell whether the filter of `plan` lets a document through; the same conditions in the same order."""
    text: str = document.text
    if not plan.min_characters <= len(text) <= plan.max_characters:
        return False
    if max(map(len, text.splitlines()), default=0) > plan.max_line_characters:
        return False
    if text.isascii():
        raw = text.encode()
        shown, count = len(raw.translate(None, SPACES)), len(raw.translate(None, SIGNS))
    else:
        whole = "".join(text.split())
        shown, count = len(whole), sum(map(str.isalnum, whole))
    return count * 100 >= plan.min_alphanumeric_percent * shown


def is_address(text: str) -> bool:
    """Tell whether what looks like an address is one that tells of somebody."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not found.is_loopback and not found.is_unspecified


def row(self: Any, data: dict[str, str], path: str, number: int) -> dict[str, Any]:
    """Return the document of a line."""
    return {"text": data["completion"], "id": f"{path}:{number + 1}", "media": [], "metadata": {}}


def formatter(plan: Plan, setting: Setting) -> PIIFormatter:
    """Return what replaces private text."""
    made = PIIFormatter(only_remove_public_ips=False, email_replacement="<EMAIL>", ip_replacement="<IP_ADDRESS>")
    if not setting.own_patterns:
        made.emails_replacer = PIIReplacer(plan.email, "<EMAIL>")
        made.ip_replacer = PIIReplacer(plan.ipv4, "<IP_ADDRESS>", validator=is_address)
    return made


def signature(plan: Plan, setting: Setting, folder: str) -> tuple[MinhashDedupSignature, MinhashConfig]:
    """Return what draws hashes, and its settings: xxhash in 64 bits, as installed, which is faster than SHA-1."""
    config = MinhashConfig(n_grams=plan.words, num_buckets=plan.peer_bands, hashes_per_bucket=plan.peer_band_size)
    if setting.own_words:
        return MinhashDedupSignature(folder, config), config
    config.norm_config = TextNormConfig(
        lowercase=False,
        norm_whitespace=False,
        remove_punctuation=False,
        norm_unicode_diacritics=False,
        norm_numbers=False,
    )
    return MinhashDedupSignature(folder, config, language=Words(plan.word)), config


def run(plan: Plan, setting: Setting, text: Path, out: Path) -> None:
    """Do the plan: the rows kept are in `out/kept`."""

    def stage(number: int, tasks: int, *steps: Any) -> None:
        LocalPipelineExecutor(
            list(steps),
            tasks=tasks,
            workers=min(tasks, plan.workers),
            logging_dir=str(out / "logs" / str(number)),
            start_method="fork",
        ).run()

    clean, signatures, pairs, remove = (str(out / name) for name in ("clean", "signatures", "pairs", "remove"))
    drawn, config = signature(plan, setting, signatures)
    reader = JsonlReader(str(text), compression=None, adapter=row, add_file_path=False)
    writer = JsonlWriter(clean, compression=None)
    stage(1, plan.workers, reader, LambdaFilter(partial(wanted, plan)), formatter(plan, setting), writer, drawn)
    stage(2, plan.peer_bands, MinhashDedupBuckets(signatures, pairs, config=config, lines_to_buffer=-1))
    stage(3, 1, MinhashDedupCluster(pairs, remove, config=config, lines_to_buffer=-1))
    cleaned = JsonlReader(clean, compression=None, add_file_path=False)
    chosen = MinhashDedupFilter(remove, lines_to_buffer=-1)
    stage(4, plan.workers, cleaned, chosen, JsonlWriter(str(out / "kept"), compression=None))


def main() -> None:
    """Run the command line."""
    plan, setting = Plan.read(Path(sys.argv[1])), SETTINGS[sys.argv[4]]
    text, out = Path(sys.argv[2]), Path(sys.argv[3])
    begun = time.monotonic()
    run(plan, setting, text, out)
    print(json.dumps({"seconds": time.monotonic() - begun, "folder": str(out / "kept")}))


if __name__ == "__main__":
    main()
