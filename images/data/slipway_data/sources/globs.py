"""Which paths do include patterns mean?"""

from __future__ import annotations

import re
from collections.abc import Iterable


def matcher(include: Iterable[str]) -> re.Pattern[str]:
    """Return what fully matches the paths that one of the globs means: ** crosses folders, * and ? do not."""
    return re.compile("|".join(map(_pattern, include)))


def _pattern(glob: str) -> str:
    words = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(words.get(part, re.escape(part)) for part in re.split(r"(\*\*/|\*\*|\*|\?)", glob))
