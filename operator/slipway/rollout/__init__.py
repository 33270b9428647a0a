"""The room of Rollouts: which revision serves, and how a new one earns traffic."""
