"""What do libraries raise at files of a model that are cut, damaged, or not what their names say?"""

from __future__ import annotations

import struct

from safetensors import SafetensorError

RAISED = (OSError, ValueError, LookupError, RuntimeError, SafetensorError, struct.error)


def unreadable(error: Exception) -> bool:
    """Tell whether `error` is what transformers, or a library below it, says of such a file.

    tokenizers, which is written in Rust, raises Exception itself.
    """
    return isinstance(error, RAISED) or type(error) is Exception
