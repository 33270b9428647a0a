"""What may come next on the command line, as kubectl asks it of the executable `kubectl_complete-slipway`?

kubectl (1.26 and later) passes the words after `kubectl slipway`, the unfinished one last, and reads what cobra prints:
one candidate a line, then a directive.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence

from slipway.kubectl import arguments
from slipway.kubectl.cluster import Cluster
from slipway.kubectl.failures import Refused, Unusable

NO_FILES = ":4"
"""Cobra's directive ShellCompDirectiveNoFileComp."""
VALUED = {"-n": "namespace", "--namespace": "namespace", "--context": "context", "--kubeconfig": "kubeconfig"}
OTHER_VALUED = ("-o", "--output", "--version", "--timeout", "--as")


def main() -> int:
    """Print the candidates for the words of the command line; a cluster that does not answer has none."""
    words = sys.argv[1:] or [""]
    try:
        found = candidates(words, _names)
    except (Refused, Unusable):
        found = []
    print("\n".join([*found, NO_FILES]))
    return 0


def candidates(words: Sequence[str], names: Callable[[dict[str, str]], Iterable[str]]) -> list[str]:
    """Return what the last of `words` may become; `names` asks the cluster, with the flags given, for its Rollouts."""
    *before, unfinished = words
    if before and before[-1] in ("-o", "--output"):
        return _starting(("json", "yaml", "name"), unfinished)
    if before and before[-1] in (*VALUED, *OTHER_VALUED):
        return []
    flags, placed = _split(before)
    match placed:
        case []:
            return _starting(("rollout",), unfinished)
        case [_]:
            return _starting(arguments.VERBS, unfinished)
        case [_, verb] if verb in arguments.VERBS and verb != "list":
            return _starting(names(flags), unfinished)
        case _:
            return []


def _split(words: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Return the flags that choose a cluster and namespace, and the words that are no flags."""
    flags: dict[str, str] = {}
    placed: list[str] = []
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        if name in VALUED:
            flags[VALUED[name]] = value if equals else next(rest, "")
        elif word in OTHER_VALUED:
            next(rest, "")
        elif not word.startswith("-"):
            placed.append(word)
    return flags, placed


def _starting(choices: Iterable[str], with_what: str) -> list[str]:
    return [choice for choice in choices if choice.startswith(with_what)]


def _names(flags: dict[str, str]) -> list[str]:
    cluster = Cluster.connect(flags.get("kubeconfig"), flags.get("context"))
    return [found["metadata"]["name"] for found in cluster.rollouts(flags.get("namespace") or cluster.namespace)]


if __name__ == "__main__":
    sys.exit(main())
