"""What else may happen to a cluster while a story runs, and what must be true afterwards?"""
