"""How do several processes, of one pod or of several, share a run?

`launch.py` starts those of a pod, `mates.py` brings pods together, `ranks.py` lets all agree and add up.
"""
