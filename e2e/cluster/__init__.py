"""Where does everything run? `open_cluster()` answers with a cluster: kind, an existing one, or an embedded node."""

from e2e.cluster.base import Cluster, CommandFailed
from e2e.cluster.provider import NoCluster, open_cluster

__all__ = ["Cluster", "CommandFailed", "NoCluster", "open_cluster"]
