"""Does Python for Blender do what was asked? Judged by running it, in the real Blender.

    python -m slipway_eval_blender

It reads the answers of a model from one folder and writes verdicts there. It has no credentials and no use for a
network. Every answer runs in a process of its own that can open no socket and start no program (item, lockdown), whose
file a second process describes (describe): what ran cannot talk its own verdict up.
"""
