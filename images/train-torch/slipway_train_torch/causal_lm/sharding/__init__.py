"""How do processes divide a model among themselves, so that none holds it all?

`divide.py` wraps the model in torch's FSDP2, `parts.py` turns whole tensors into parts and back, `passes.py` says who
takes part in passes without rows of its own, `turns.py` lets one after the other read the model.
"""
