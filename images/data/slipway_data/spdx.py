"""Which licence does a text say that it has?"""

from __future__ import annotations

import re
import tempfile
from functools import lru_cache
from typing import TypeAlias

from identify.identify import license_id
from license_expression import (
    AND,
    OR,
    ExpressionError,
    LicenseSymbol,
    LicenseWithExceptionSymbol,
    ParseError,
    get_spdx_licensing,
)

HEADER = re.compile(r"SPDX-License-Identifier:[ \t]*([A-Za-z0-9.+() \t-]*[A-Za-z0-9.+)])")
EXPRESSION_CHARACTERS = 1024
HEADER_CHARACTERS = 4096
"""How far into a file the header is looked for: further down, it is quoted rather than said."""


def header(text: str) -> str | None:
    """Return the expression behind the SPDX-License-Identifier at the top of `text`, as it stands there."""
    found = HEADER.search(text, 0, HEADER_CHARACTERS)
    return found[1] if found else None


def of_licence_text(text: str) -> str | None:
    """Return the SPDX identifier that a licence file names or whose words it has, or None.

    Words are compared with the licences of choosealicense.com; up to a twentieth may differ.
    """
    if (said := header(text)) is not None:
        return said
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", prefix="licence-") as file:
        file.write(text)
        file.flush()
        return license_id(file.name)


_LICENSING = get_spdx_licensing()
Expression: TypeAlias = LicenseSymbol | LicenseWithExceptionSymbol | AND | OR


@lru_cache(4096)
def expression(text: str) -> Expression | None:
    """Return an SPDX expression in its simplest form, in which equal ones are equal; None where `text` is none."""
    if len(text) > EXPRESSION_CHARACTERS:
        return None
    try:
        found = _LICENSING.parse(text, validate=True, strict=True)
    except (ExpressionError, ParseError):
        return None
    return None if found is None else found.simplify()
