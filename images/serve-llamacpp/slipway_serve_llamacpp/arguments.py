"""How is the engine told what to serve?"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the arguments that the operator passes (operator/slipway/rollout/pod.py)."""
    parser = argparse.ArgumentParser(prog="slipway_serve_llamacpp", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="GGUF file, or a folder with one")
    parser.add_argument("--adapter", type=Path, help="LoRA adapter as GGUF file, or a folder with one")
    parser.add_argument("--name", required=True, help="model name in the API")
    parser.add_argument("--context-tokens", type=int, default=2048, help="context of each request slot")
    parser.add_argument("--parallel", type=int, default=2, help="request slots")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--gpus", type=int, default=0, help="GPUs; 0 keeps every layer on the CPU")
    parser.add_argument("--port", type=int, default=8081, help="port on 127.0.0.1")
    return parser.parse_args(words)
