"""Who draws the parameters of trials? A short-lived process of its own, one at a time."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from typing import Final

from slipway.metrics.errors import Unavailable

COMMAND: Final = (sys.executable, "-m", "slipway.search")
# Determined draws need no randomness in the order of sets, and small matrices no threads.
ENVIRONMENT: Final = {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
LAST_WORDS: Final = 500


class Sampler:
    """Runs `python -m slipway.search`. One at a time: each takes its memory from the operator's limit."""

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        self._command = tuple(command)
        self._turn = asyncio.Semaphore(1)

    async def draw(self, study: str) -> str:
        """Return what the process answers to `study`; raise `Unavailable` with its last words when it fails."""
        async with self._turn:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={**os.environ, **ENVIRONMENT},
            )
            try:
                out, said = await process.communicate(study.encode())
            finally:
                if process.returncode is None:  # nobody waits for it any more
                    process.kill()
                    await process.wait()
        if process.returncode != 0:
            words = said.decode(errors="replace").strip()[-LAST_WORDS:]
            raise Unavailable(f"the sampler's process ended with code {process.returncode}: {words}")
        return out.decode()
