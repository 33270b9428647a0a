"""How fast and how light is it, beside argo-rollouts? One command per published table."""
