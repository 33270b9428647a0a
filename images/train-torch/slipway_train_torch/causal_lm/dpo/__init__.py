"""How does a language model learn from pairs of answers, of which people chose one?

Direct preference optimisation (arXiv:2305.18290): `pairs.py` reads the pairs, `logprobs.py` says how likely the model
finds an answer, `reference.py` how likely it found it before the run, and `recipe.py` compares the two.
"""
