"""How does a base model get more tokens? `learn.py` says which, `extend.py` gives them embeddings and trains these.
`foreign.py` tells whether those that it has are its own.
"""

from slipway_train_torch.causal_lm.vocabulary.extend import Vocabulary, extended, misfit
from slipway_train_torch.causal_lm.vocabulary.foreign import foreign

__all__ = ["Vocabulary", "extended", "foreign", "misfit"]
