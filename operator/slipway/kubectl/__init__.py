"""What does `kubectl slipway` do? It shows, explains and commands Rollouts from a person's terminal."""
