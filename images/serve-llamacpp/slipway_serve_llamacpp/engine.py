"""How is llama.cpp set up, and how busy is it?"""

from __future__ import annotations

import argparse
import re
import urllib.request

import xllamacpp

from slipway.contract.model import ADAPTER_GGUF, MODEL_GGUF
from slipway_serve_llamacpp.files import gguf

HOST = "127.0.0.1"
HTTP_THREADS = 128
"""More than the connections that the proxy opens at most, so that probes are answered under any load."""
ALL_LAYERS = 999
_BUSY = re.compile(r"^llamacpp:requests_(?:processing|deferred) ([0-9.e+]+)$", re.MULTILINE)


def parameters(wanted: argparse.Namespace) -> xllamacpp.CommonParams:
    """Return llama.cpp's parameters. A request longer than a slot's context is refused with 400, never cut."""
    made = xllamacpp.CommonParams()
    made.model.path = str(gguf(wanted.model, MODEL_GGUF))
    if wanted.adapter is not None:
        made.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(gguf(wanted.adapter, ADAPTER_GGUF)), 1.0)]
    made.model_alias = {wanted.name}
    made.hostnames, made.port = [HOST], wanted.port
    made.n_parallel = wanted.parallel
    made.n_ctx = wanted.context_tokens * wanted.parallel
    made.ctx_shift = False
    made.fit_params = False  # it would shrink the context to the memory it finds, and change what was judged
    made.n_gpu_layers = ALL_LAYERS if wanted.gpus else 0
    made.cpuparams.n_threads = made.cpuparams_batch.n_threads = wanted.threads
    made.cache_ram_mib = 0  # prompts kept outside the slots grow to 8 GiB, beyond any pod's limit
    made.n_threads_http = HTTP_THREADS
    made.endpoint_metrics = True
    made.endpoint_slots = made.endpoint_props = made.ui = False
    return made


def requests_open(port: int) -> int:
    """Return the requests that are answered or queued now."""
    with urllib.request.urlopen(f"http://{HOST}:{port}/metrics", timeout=5) as answer:
        return busy(answer.read().decode())


def busy(metrics: str) -> int:
    """Return the open requests that the engine's metrics tell."""
    return sum(int(float(value)) for value in _BUSY.findall(metrics))
