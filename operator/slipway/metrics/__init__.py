"""Prometheus: what we ask of it, and what we tell it."""
