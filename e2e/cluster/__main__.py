"""What should happen to the cluster? `python -m e2e.cluster up|down|status|shell|images|kubectl ...`."""

from __future__ import annotations

import argparse
import os
import sys

from e2e.cluster import NoCluster, open_cluster
from e2e.cluster.base import CommandFailed
from e2e.setup import tools
from e2e.setup.progress import say


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m e2e.cluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="bring the cluster up, or find it running")
    up.add_argument("--gpu", type=int, default=0, metavar="N", help="claim N nvidia.com/gpu (embedded only)")
    commands.add_parser("down", help="remove the cluster and everything it made on this machine")
    commands.add_parser("status", help="say what there is")
    commands.add_parser("shell", help="open a shell with kubectl and helm pointed at the cluster")
    commands.add_parser("images", help="build and push what changed, and print the references")
    kubectl = commands.add_parser("kubectl", help="run kubectl against the cluster")
    kubectl.add_argument("arguments", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    try:
        cluster = open_cluster()
    except NoCluster:
        if arguments.command == "down":  # as a part of `make clean` it must not keep the rest from going
            say("no cluster is possible here, so there is none to remove")
            return
        raise
    try:
        match arguments.command:
            case "up":
                cluster.up(gpus=arguments.gpu)
            case "down":
                cluster.down()
            case "status":
                print(cluster.status())
            case "shell":
                sys.exit(cluster.shell())
            case "images":
                for name, reference in cluster.images().items():
                    print(f"{name} {reference}")
            case "kubectl":
                os.execve(tools.kubectl(), ["kubectl", *arguments.arguments], cluster.environment())
    except CommandFailed as failure:
        raise SystemExit(str(failure)) from failure
    except KeyboardInterrupt:
        raise SystemExit("interrupted; the same command goes on from here") from None


if __name__ == "__main__":
    main()
