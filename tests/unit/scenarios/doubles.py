"""A cluster that answers every command with the same words."""

from __future__ import annotations

from e2e.cluster.base import Cluster


class Kubectl(Cluster):
    """Answers kubectl with what it was made with; everything else is nobody's business here."""

    provider = "double"
    kubeconfig = gateway_url = prometheus_from_here = None  # type: ignore[assignment]

    def __init__(self, answer: str) -> None:
        self.answer = answer

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self.answer

    def up(self, *, gpus: int = 0) -> None:
        raise NotImplementedError

    def down(self) -> None:
        raise NotImplementedError

    def images(self) -> dict[str, str]:
        raise NotImplementedError

    def status(self) -> str:
        raise NotImplementedError
