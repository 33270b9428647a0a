"""What happens when somebody types `kubectl slipway …`?"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

import yaml

from slipway.kubectl import arguments, live
from slipway.kubectl.cluster import Cluster
from slipway.kubectl.commands import COMMANDS, Order, meant
from slipway.kubectl.failures import Refused, Unusable
from slipway.kubectl.following import follow
from slipway.kubectl.picture import picture
from slipway.kubectl.release import Told, read, story
from slipway.kubectl.tables import history, listing
from slipway.kubectl.text import plain
from slipway.kubectl.waiting import await_answer
from slipway.kubectl.why import why

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
REDRAW_SECONDS = 1.0
Verb = Callable[[Cluster, str, argparse.Namespace, TextIO], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line asks and return the exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # bars on a terminal without Unicode
    given = arguments.parser().parse_args(argv)
    try:
        return run(given, sys.stdout)
    except (Refused, Unusable) as refused:
        print(f"error: {plain(str(refused))}", file=sys.stderr)
        return USAGE if isinstance(refused, Unusable) else FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # `| head` has seen enough; the interpreter's last flush must not complain either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK


def run(given: argparse.Namespace, out: TextIO) -> int:
    """Carry out a parsed command line, writing to `out`."""
    cluster = Cluster.connect(
        getattr(given, "kubeconfig", None), getattr(given, "context", None), getattr(given, "user", "")
    )
    namespace = getattr(given, "namespace", None) or cluster.namespace
    return VERBS[given.verb](cluster, namespace, given, out)


def _list(cluster: Cluster, namespace: str, given: argparse.Namespace, out: TextIO) -> int:
    everywhere = given.all_namespaces
    found = cluster.rollouts("" if everywhere else namespace)
    if given.output:
        _dump(found, given.output, out)
    elif found:
        live.write(listing([read(one) for one in found], _now(), live.screen_of(out), everywhere), out)
    else:
        print("No Rollouts found" + ("." if everywhere else f" in namespace {namespace}."), file=sys.stderr)
    return OK


def _get(cluster: Cluster, namespace: str, given: argparse.Namespace, out: TextIO) -> int:
    if given.output and given.watch:
        raise Unusable("--watch shows text for people: leave out --output, or use `kubectl get rollout -w -o …`")
    found = cluster.rollout(namespace, given.name)
    if given.output:
        _dump(found, given.output, out)
    elif given.watch:
        live.show(follow(cluster, found, REDRAW_SECONDS), out, _now)
    else:
        live.write(picture(read(found), _events(cluster, found), _now(), live.screen_of(out)), out)
    return OK


def _why(cluster: Cluster, namespace: str, given: argparse.Namespace, out: TextIO) -> int:
    found = cluster.rollout(namespace, given.name)
    live.write(why(read(found), _events(cluster, found), _now(), live.screen_of(out)), out)
    return OK


def _history(cluster: Cluster, namespace: str, given: argparse.Namespace, out: TextIO) -> int:
    found = cluster.rollout(namespace, given.name)
    if given.output:
        status = found.get("status") or {}
        _dump({key: status.get(key, []) for key in ("history", "failed")}, given.output, out)
    else:
        live.write(history(read(found), live.screen_of(out)), out)
    return OK


def _command(cluster: Cluster, namespace: str, given: argparse.Namespace, out: TextIO) -> int:
    found = cluster.rollout(namespace, given.name)
    order = Order(given.verb, given.version or meant(given.verb, read(found)), _now())
    cluster.annotate(found, order.key, order.value)
    live.write([f"rollout.slipway.dev/{given.name} annotated: {order.key}={order.value}"], out)
    if not given.wait:
        return OK
    answer = await_answer(cluster, found, order, given.timeout, time.monotonic, time.sleep)
    live.write([f"{answer.outcome}: {plain(answer.message)}"], out)
    return OK if answer.outcome == "Done" else FAILED


VERBS: dict[str, Verb] = {
    "list": _list,
    "get": _get,
    "why": _why,
    "history": _history,
    **dict.fromkeys(COMMANDS, _command),
}


def _events(cluster: Cluster, found: dict[str, Any]) -> list[Told]:
    """Return the story so far; who may not read Events is told so, and still sees the rest."""
    try:
        return story(cluster.events(found["metadata"]["namespace"], found["metadata"]["uid"]))
    except Refused as refused:
        print(f"without events: {refused}", file=sys.stderr)
        return []


def _dump(found: Any, form: str, out: TextIO) -> None:
    """Write objects for programs, as kubectl does."""
    if form == "name":
        items = found if isinstance(found, list) else [found]
        live.write([f"rollout.slipway.dev/{item['metadata']['name']}" for item in items], out)
        return
    whole = {"apiVersion": "v1", "kind": "List", "items": found} if isinstance(found, list) else found
    text = json.dumps(whole, indent=4) if form == "json" else yaml.safe_dump(whole, sort_keys=False).rstrip()
    live.write([text], out)


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    sys.exit(main())
