"""What of the object store is in use? The half of garbage collection that asks the Kubernetes API."""
