"""What will a run take of each GPU? `objects.py` makes the Job that says it, `ahead.py` decides what follows."""
