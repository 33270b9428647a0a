"""How are images built where a Docker daemon answers? By it, from the official Debian."""

from __future__ import annotations

import subprocess
from pathlib import Path

from e2e.cluster.dockerfile import Image

BASE = "docker.io/library/debian:bookworm-slim"


def answers() -> bool:
    """Return whether a Docker daemon answers this user."""
    try:
        return subprocess.run(["docker", "info"], capture_output=True, check=False, timeout=10).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


class Docker:
    """The docker command, with BuildKit's own layer cache."""

    def base(self) -> str:
        """Return the official Debian."""
        return BASE

    def has(self, tag: str) -> bool:
        """Return whether the daemon has an image."""
        return subprocess.run(["docker", "image", "inspect", tag], capture_output=True, check=False).returncode == 0

    def build(self, image: Image, tag: str, base: str, log: Path) -> None:
        """Build a Dockerfile."""
        command = ["docker", "build", "--progress", "plain", "--build-arg", f"BASE={base}", "--tag", tag]
        command += [word for argument in image.arguments() for word in ("--build-arg", argument)]
        command += ["--file", str(image.dockerfile), str(image.context)]
        with log.open("w") as out:
            if subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, check=False).returncode:
                raise SystemExit(f"image {image.name} did not build; the end of {log}:\n{log.read_text()[-3000:]}")

    def push(self, tag: str, destination: str) -> str:
        """Push an image and return the digest that the registry gave it."""
        docker("tag", tag, destination)
        docker("push", "--quiet", destination)
        repository = destination.rpartition(":")[0]
        listed = docker("image", "inspect", "--format", "{{range .RepoDigests}}{{println .}}{{end}}", destination)
        return next(line for line in listed.split() if line.startswith(f"{repository}@")).partition("@")[2]

    def prune(self, keep: set[str]) -> None:
        """Remove older images of ours."""
        for tag in docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}").split():
            if tag.startswith("localhost/slipway") and tag not in keep:
                docker("image", "rm", "--force", tag)


def docker(*arguments: str, stdin: str | None = None) -> str:
    """Run docker and return what it prints."""
    ran = subprocess.run(["docker", *arguments], input=stdin, text=True, capture_output=True, check=False)
    if ran.returncode:
        raise SystemExit(f"docker {' '.join(arguments[:3])} failed: {ran.stderr.strip()[-2000:]}")
    return ran.stdout
