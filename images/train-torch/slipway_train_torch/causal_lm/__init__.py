"""How is a causal language model fine-tuned?

    python -m slipway_train_torch.causal_lm

`recipe.py` reads top to bottom: set up, train, evaluate, save, publish. The files beside it hold what it uses.
"""
