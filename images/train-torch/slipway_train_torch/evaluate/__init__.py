"""How good is a model, item by item, on the exact artefact that will serve?

    python -m slipway_train_torch.evaluate

Every figure of a model is kept in the object store under a key made of everything that determines it, so that a version
in production is not measured again for each candidate.
"""
