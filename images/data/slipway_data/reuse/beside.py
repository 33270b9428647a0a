"""Is there something beside the content of a row that its steps would redact, if they looked at it?

They do not: names of files, ids and columns are no content. So rows that have private text there are not kept.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from slipway.api.dataset_steps import Redact, Step
from slipway_data.redact import Redactor
from slipway_data.rows import Rejected, Row

HASH = re.compile(r"[0-9a-f]{16}")
"""A group that is the digest of its row. It may look like the number of a card, and is none."""


class Beside:
    """Looks at rows with the eyes of the Redact steps among `steps`."""

    def __init__(self, steps: Sequence[Step]) -> None:
        found = [step.chosen for step in steps if isinstance(step.chosen, Redact)]
        self._redactors = [Redactor(step.kinds or (), Counter(), step.own or ()) for step in found]
        self._seen = lru_cache(maxsize=4096)(self._redacts)

    def private(self, item: Row | Rejected) -> bool:
        """Tell whether `item` has private text beside its content."""
        if isinstance(item, Rejected):
            return any(map(self._seen, (item.id, item.message, item.like)))
        group = "" if HASH.fullmatch(item.group) else item.group
        columns = json.dumps(dict(item.columns), ensure_ascii=False, default=str) if item.columns else ""
        return any(map(self._seen, (item.id, group, item.path, item.project, item.split, columns)))

    def _redacts(self, text: str) -> bool:
        return any(redactor(text) != text for redactor in self._redactors)
