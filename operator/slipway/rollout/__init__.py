"""The room of Rollouts."""
