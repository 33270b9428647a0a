"""How does one machine without Docker become a Kubernetes node? Real components, ours to start and to remove."""
