"""Which code reads files, and does what is kept of the steps? Rows that another code read may be other rows."""

from __future__ import annotations

from functools import cache

import slipway.api
import slipway.contract
import slipway_data
import slipway_formats
from slipway_pod.code import digest

PACKAGES = (slipway.api, slipway.contract, slipway_data, slipway_formats)
"""Whatever a reader may lean on, and more. Versions that people are to raise get forgotten."""
LIBRARIES = (
    "boolean-py",
    "detect-secrets",
    "identify",
    "license-expression",
    "markdown-it-py",
    "mdit-py-plugins",
    "numpy",
    "phonenumbers",
    "py3langid",
    "pyarrow",
    "pydantic",
    "pydantic-core",
    "python-stdnum",
    "pyyaml",
)
"""What readers read with and by, and steps that look at one row alone."""


@cache
def code() -> str:
    """Return a digest of the code of this image that reads files, its libraries and its Python."""
    return digest(PACKAGES, LIBRARIES)
