"""What does it cost an operator to compare the metadata of all objects once? `python -m bench.comparison KUBECONFIG`

A process of its own, with the operator's store and its settings of the garbage collector: a bench beside which it ran
would lend it a heap that no operator has. It prints CPU seconds.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time

from slipway.kube.client import KubeClient
from slipway.kube.clock import LoopClock
from slipway.kube.connection import Kubeconfig
from slipway.kube.resources import ROOT_KINDS
from slipway.kube.resync import Resync
from slipway.kube.store import Store
from slipway.main import YOUNG_OBJECTS, keep_for_good
from slipway.metrics.operator import OperatorMetrics


async def cost(kubeconfig: str) -> float:
    """Return the CPU seconds of one comparison, once everything is known."""
    metrics, store = OperatorMetrics(), Store()
    api = KubeClient(Kubeconfig(kubeconfig), metrics)
    resync = Resync(api, store, LoopClock(), metrics)
    gc.set_threshold(YOUNG_OBJECTS)
    try:
        await resync.take_all()
        keep_for_good()
        before = time.process_time()
        for kind in ROOT_KINDS:
            await resync.check(kind)
        return time.process_time() - before
    finally:
        await api.close()


if __name__ == "__main__":
    print(asyncio.run(cost(sys.argv[1])))
