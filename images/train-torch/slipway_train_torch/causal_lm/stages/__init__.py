"""How does a run go through stages, each from where the one before ended?

`plan.py` says what each stage is told and what its gate asks, `borders.py` keeps what stands between two stages,
`run.py` goes from one to the next.
"""
