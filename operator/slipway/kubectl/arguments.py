"""What may be written after `kubectl slipway`?"""

from __future__ import annotations

import argparse

from slipway.kubectl.commands import COMMANDS

HELP = {
    "promote": "end the pause at which the version waits",
    "promote-full": "leave out all steps that are left: all traffic as soon as the pods are ready; the bake follows",
    "pause": "keep the version at its share; it is judged on",
    "resume": "undo a pause by command or by missing data",
    "abort": "return all traffic to stable now, and remember the version as failed",
    "retry": "try the failed version that the spec names once more",
    "skip-step": "end the present step: its time and metrics are not awaited",
}
VERBS = ("list", "get", "why", "history", *COMMANDS)
EPILOG = "exit codes: 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted"


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    common = _common()
    top = argparse.ArgumentParser(
        "kubectl slipway", description="Watch, explain and command Rollouts.", epilog=EPILOG, parents=[common],
        allow_abbrev=False,
    )  # fmt: skip
    groups = top.add_subparsers(dest="group", metavar="rollout", required=True)
    rollout = groups.add_parser(
        "rollout", aliases=["rollouts", "swr"], parents=[common], allow_abbrev=False, help="what serves, and what comes"
    )
    verbs = rollout.add_subparsers(dest="verb", metavar="COMMAND", required=True)

    def verb(name: str, words: str) -> argparse.ArgumentParser:
        return verbs.add_parser(
            name, parents=[common], allow_abbrev=False, help=words, description=words, epilog=EPILOG
        )

    listed = verb("list", "list Rollouts with share, step and state")
    listed.add_argument("-A", "--all-namespaces", action="store_true", help="of all namespaces")
    _output(listed, "json", "yaml", "name")

    got = verb("get", "show shares, step, metrics and events of a Rollout")
    _name(got)
    got.add_argument(
        "-w", "--watch", action="store_true", help="follow it, drawn anew on a terminal, else line by line"
    )
    _output(got, "json", "yaml", "name")

    _name(verb("why", "explain the present state: evidence, what was done, what to do"))

    told = verb("history", "list the revisions that served or tried to, the newest first")
    _name(told)
    _output(told, "json", "yaml")

    for command in COMMANDS:
        made = verb(command, HELP[command])
        _name(made)
        made.add_argument("--version", metavar="VERSION", help="the version meant, written without any check")
        made.add_argument("--wait", action="store_true", help="until the operator has handled it, and tell its outcome")
        made.add_argument(
            "--timeout", type=_seconds, default=60, metavar="SECONDS", help="of --wait (default: %(default)s)"
        )
    return top


def _common() -> argparse.ArgumentParser:
    """Return the flags that may stand before and after every word; the last one counts."""
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    common.add_argument("-n", "--namespace", help="namespace; else that of the context")
    common.add_argument("--context", help="context of the kubeconfig")
    common.add_argument("--kubeconfig", metavar="FILE", help="kubeconfig; else KUBECONFIG, else ~/.kube/config")
    common.add_argument("--as", dest="user", metavar="USER", help="user to act as")
    return common


def _name(made: argparse.ArgumentParser) -> None:
    made.add_argument("name", metavar="NAME", help="name of the Rollout")


def _output(made: argparse.ArgumentParser, *formats: str) -> None:
    made.add_argument("-o", "--output", choices=formats, help="instead of the text for people")


def _seconds(written: str) -> float:
    """Return a number of seconds, written as 30 or 30s."""
    try:
        found = float(written.removesuffix("s"))
    except ValueError:
        found = 0.0
    if not 0 < found <= 3600:
        raise argparse.ArgumentTypeError(f"{written} is no time: write seconds from 1 to 3600, for example 60")
    return found
