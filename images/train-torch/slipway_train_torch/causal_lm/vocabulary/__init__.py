"""How does a base model get more tokens? `learn.py` says which, `extend.py` gives them embeddings and trains these."""

from slipway_train_torch.causal_lm.vocabulary.extend import Vocabulary, extended, misfit

__all__ = ["Vocabulary", "extended", "misfit"]
