"""Slipway: data, training, quality gates, canary and automatic rollback in one chain."""

__version__ = "0.1.0"
