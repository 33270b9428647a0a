"""A study on standard input, the next trial's parameters on standard output.

A process of its own: Optuna and NumPy would add to the operator's memory for good, and a second to its start.
"""

from __future__ import annotations

import sys

from slipway.search.study import Study
from slipway.search.suggest import suggest


def main() -> int:
    """Answer one question."""
    sys.stdout.write(suggest(Study.model_validate_json(sys.stdin.buffer.read())).model_dump_json())
    return 0


if __name__ == "__main__":
    sys.exit(main())
