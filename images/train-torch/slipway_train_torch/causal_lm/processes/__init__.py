"""How do several processes of one pod share a run? `launch.py` starts them, `ranks.py` lets them agree and add up."""
