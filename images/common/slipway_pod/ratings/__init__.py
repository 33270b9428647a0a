"""How do people judge answers without knowing whose they are?

    python -m slipway_pod.ratings

counts what they said; the sheet that they rate on is made by the evaluation.
"""
