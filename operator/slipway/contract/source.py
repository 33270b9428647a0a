"""Through what does a preparation pod get what its source keeps secret, or keeps on a volume?

The job file names Secrets; their values reach the pod in variables of these names.
"""

from __future__ import annotations

from slipway.api.dataset_source import HttpSource, Source
from slipway.api.web import SecretKeyRef

CLAIM_FOLDER = "/slipway/source"
"""Where the volume of a persistentVolumeClaim source is mounted."""


def header_variable(number: int) -> str:
    """Return the variable with the value of a header of source.http, counted from 0."""
    return f"SLIPWAY_SOURCE_HEADER_{number}"


def variables(source: Source) -> dict[str, SecretKeyRef]:
    """Return the variables that `source` needs, and the value of a Secret that each one holds."""
    match source.chosen:
        case HttpSource(headers=headers):
            named = {header_variable(at): header.secret for at, header in enumerate(headers)}
            return {name: secret for name, secret in named.items() if secret is not None}
    return {}
