"""What a person reads when the cluster says no: one line, with the cure."""

from __future__ import annotations

import pytest

from slipway.kubectl.cluster import Cluster
from slipway.kubectl.failures import Forbidden, Refused, Request, Unreachable, refusal, unreachable
from slipway.kubectl.main import main

GET = Request("get", "rollouts.slipway.dev", "games", "assistant")
LIST = Request("list", "rollouts.slipway.dev", "")
PATCH = Request("patch", "rollouts.slipway.dev", "games", "assistant")


@pytest.mark.parametrize(
    ("request_", "code", "body", "kind", "cure"),
    [
        (GET, 404, {"details": {"name": "assistant"}}, Refused, "kubectl slipway rollout list -A"),
        (GET, 404, {}, Refused, "install Slipway with its chart"),
        (LIST, 404, {"message": "the server could not find the requested resource"}, Refused, "install Slipway"),
        (GET, 401, {}, Refused, "log in again"),
        (GET, 403, {}, Forbidden, "the role view (check with `kubectl auth can-i get rollouts.slipway.dev -n games`)"),
        (LIST, 403, {}, Forbidden, "`kubectl auth can-i list rollouts.slipway.dev -A`"),
        (PATCH, 403, {}, Forbidden, "the role edit"),
        (PATCH, 422, {"details": {"causes": [{"field": "metadata.uid"}]}}, Refused, "was replaced by another"),
        (PATCH, 409, {"message": "conflict"}, Refused, "refused to patch rollouts.slipway.dev in namespace games: co"),
        (PATCH, 422, {"message": "webhook says no"}, Refused, "webhook says no"),
        (GET, 429, {"message": "slow down"}, Unreachable, "try again in a moment"),
        (GET, 503, {}, Unreachable, "HTTP 503"),
    ],
)  # fmt: skip
def test_every_answer_has_a_cure(
    request_: Request, code: int, body: dict[str, object], kind: type[Refused], cure: str
) -> None:
    found = refusal(request_, code, body)
    assert type(found) is kind
    assert cure in str(found)
    assert "\n" not in str(found)


def test_what_a_webhook_says_in_many_lines_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise refusal(PATCH, 400, {"message": "no:\n- this\x1b[2J\n- that"})

    monkeypatch.setattr(Cluster, "connect", refuse)
    assert main(["rollout", "list"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_a_cluster_that_does_not_answer_is_named() -> None:
    assert "https://10.0.0.1:6443 (Connection refused)" in str(
        unreachable("https://10.0.0.1:6443", "Connection refused")
    )
