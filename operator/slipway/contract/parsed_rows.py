"""Where in the object store do the rows lie that were read for a Dataset, and are kept for its next preparation?"""

from __future__ import annotations

from typing import Final

PARSED_ROWS: Final = "parsed-rows"
"""Folder below the store's prefix."""


def folder(namespace: str, name: str) -> str:
    """Return what is kept for one Dataset, below the store's prefix, without a / at its end."""
    return f"{PARSED_ROWS}/{namespace}/{name}"
