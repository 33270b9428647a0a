"""What does Argo CD make of a Rollout, by the health check that docs/how-to/argo-cd.md gives it?"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lupa import LuaRuntime

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "argo-cd.md"
ENTRY = "resource.customizations.health.slipway.dev_Rollout: |\n"


def health(root: Mapping[str, Any]) -> tuple[str, str]:
    """Return the status and the message that Argo CD shows for an object."""
    lua = LuaRuntime(unpack_returned_tuples=True)
    lua.globals().obj = lua.table_from(root, recursive=True)
    found = lua.execute(_script())
    return found.status, found.message


def _script() -> str:
    text = PAGE.read_text().partition(ENTRY)[2].partition("\n  ```")[0]
    return textwrap.dedent(text)
