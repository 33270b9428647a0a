"""The demo: the tutorial's commands run for real, watched from outside, and judged."""
