"""How much memory will a run take? `estimate.py` is the arithmetic, `shape.py` reads what it needs of a model without
weights, `room.py` and `linux.py` say how much there is, `choose.py` cuts batches so that they fit, or gives up before
weights are read; `watch.py` tells what was expected and what came. `ahead.py` says it of a run with GPUs before it has
any, in a pod of its own, with what `sketch.py` and `lengths.py` find out of the model and the rows.
"""
