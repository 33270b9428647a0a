"""What does Slipway do on a real cluster? The tools, the cluster, the demo and its scenarios."""
