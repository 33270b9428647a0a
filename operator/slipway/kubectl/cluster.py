"""How does the plugin read, watch and annotate objects of a cluster?

The only file here that does I/O. It speaks JSON, with what the kubeconfig loader of the official client found.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any, Self

import urllib3
from kubernetes import client as official
from kubernetes import config as official_config

from slipway.api.base import API_VERSION
from slipway.kubectl.failures import Refused, Request, Unusable, refusal, unreachable

ROLLOUTS = f"/apis/{API_VERSION}"
PLURAL = "rollouts.slipway.dev"
MANAGER = "kubectl-slipway"
HOME_CONFIG = "~/.kube/config"
CONNECT_SECONDS, ANSWER_SECONDS = 5, 30
WATCH_SECONDS = 240
Object = dict[str, Any]


class Expired(Exception):
    """The cluster forgot where a watch stood: list again."""


class Cluster:
    """A cluster, and the right to speak to it."""

    def __init__(self, configuration: Any, namespace: str, user: str = "") -> None:
        """Take a Configuration of the official client, the namespace of its context, and a user to act as."""
        configuration.retries = False  # a person decides when to try again
        self.namespace = namespace
        self._server = str(configuration.host)
        self._client = official.ApiClient(configuration)
        if user:
            self._client.default_headers["Impersonate-User"] = user

    @classmethod
    def connect(cls, kubeconfig: str | None = None, context: str | None = None, user: str = "") -> Self:
        """Connect as kubectl does: by flag, then KUBECONFIG, then ~/.kube/config, then a pod's own account."""
        configuration = official.Configuration()
        files = kubeconfig or os.environ.get("KUBECONFIG") or os.path.expanduser(HOME_CONFIG)
        chosen_by_hand = bool(kubeconfig or context or os.environ.get("KUBECONFIG"))
        try:
            if "KUBERNETES_SERVICE_HOST" in os.environ and not chosen_by_hand and not os.path.exists(files):
                official_config.load_incluster_config(  # type: ignore[no-untyped-call]
                    client_configuration=configuration
                )
                return cls(configuration, _pod_namespace(), user)
            contexts, active = official_config.list_kube_config_contexts(files)  # type: ignore[no-untyped-call]
            chosen = next((c for c in contexts if c["name"] == context), None) if context else active
            if chosen is None:
                names = ", ".join(c["name"] for c in contexts) or "none"
                raise Unusable(f"the kubeconfig has no context {context}; it has: {names}")
            official_config.load_kube_config(  # type: ignore[no-untyped-call]
                files, context=chosen["name"], client_configuration=configuration, persist_config=False
            )
        except (official_config.ConfigException, OSError) as error:
            raise Refused(
                f"no usable kubeconfig at {files} ({_line(error)}): set KUBECONFIG or give --kubeconfig"
            ) from None
        return cls(configuration, chosen["context"].get("namespace") or "default", user)

    def rollouts(self, namespace: str) -> list[Object]:
        """Return the Rollouts of a namespace, or with an empty one of all, by namespace and name."""
        request = Request("list", PLURAL, namespace)
        found = self._json("GET", request, _path(ROLLOUTS, namespace, "rollouts"), {})
        return sorted(found["items"], key=lambda obj: (obj["metadata"]["namespace"], obj["metadata"]["name"]))

    def rollout(self, namespace: str, name: str) -> Object:
        """Return one Rollout."""
        request = Request("get", PLURAL, namespace, name)
        return self._json("GET", request, _path(ROLLOUTS, namespace, "rollouts", name), {})

    def annotate(self, rollout: Mapping[str, Any], key: str, value: str) -> Object:
        """Set an annotation of exactly this Rollout: one that was made anew under its name is left alone."""
        meta = rollout["metadata"]
        request = Request("patch", PLURAL, meta["namespace"], meta["name"])
        path = _path(ROLLOUTS, meta["namespace"], "rollouts", meta["name"])
        body = {"metadata": {"uid": meta["uid"], "annotations": {key: value}}}
        return self._json("PATCH", request, path, {"fieldManager": MANAGER}, body)

    def events(self, namespace: str, uid: str) -> list[Object]:
        """Return the Events of an object, in no order."""
        query = {"fieldSelector": f"involvedObject.uid={uid}"}
        found = self._json("GET", Request("list", "events", namespace), _path("/api/v1", namespace, "events"), query)
        return list(found["items"])

    def watch_rollout(self, namespace: str, name: str, seconds: float = WATCH_SECONDS) -> Iterator[Object | None]:
        """Yield the Rollout as it is now and whenever it changes, None when it is gone, for some `seconds`."""
        request = Request("watch", PLURAL, namespace, name)
        path = _path(ROLLOUTS, namespace, "rollouts")
        yield from self._watch(request, path, f"metadata.name={name}", seconds)

    def watch_events(self, namespace: str, uid: str, seconds: float = WATCH_SECONDS) -> Iterator[Object | None]:
        """Yield the Events of an object, those that there are first."""
        request = Request("watch", "events", namespace)
        yield from self._watch(request, _path("/api/v1", namespace, "events"), f"involvedObject.uid={uid}", seconds)

    def _watch(self, request: Request, path: str, selector: str, seconds: float) -> Iterator[Object | None]:
        query = {"fieldSelector": selector}
        page = self._json("GET", request, path, query)
        yield from page["items"] or [None]
        query |= {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": page["metadata"]["resourceVersion"],
            "timeoutSeconds": str(max(1, round(seconds))),
        }
        answer = self._send("GET", request, path, query, None, seconds + ANSWER_SECONDS)
        try:
            for line in _lines(answer):
                event = json.loads(line)
                if event["type"] == "ERROR":
                    if event["object"].get("code") == 410:
                        raise Expired
                    raise refusal(request, int(event["object"].get("code", 500)), event["object"])
                if event["type"] != "BOOKMARK":
                    yield None if event["type"] == "DELETED" else event["object"]
        except urllib3.exceptions.HTTPError as error:
            raise unreachable(self._server, _short(error)) from None
        finally:
            answer.close()

    def _json(
        self, method: str, request: Request, path: str, query: Mapping[str, str], body: object = None
    ) -> dict[str, Any]:
        answer = self._send(method, request, path, query, body, ANSWER_SECONDS)
        try:
            return _parsed(answer.read(decode_content=True))
        except urllib3.exceptions.HTTPError as error:
            raise unreachable(self._server, _short(error)) from None
        finally:
            answer.release_conn()

    def _send(
        self, method: str, request: Request, path: str, query: Mapping[str, str], body: object, seconds: float
    ) -> Any:
        """Return urllib3's answer, its body unread; raise Refused for every other than 2xx."""
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/merge-patch+json"
        made = self._client.param_serialize(
            method, path, query_params=list(query.items()), header_params=headers, body=body,
            auth_settings=["BearerToken"],
        )  # fmt: skip
        try:
            answer = self._client.call_api(*made, _request_timeout=(CONNECT_SECONDS, seconds)).response
            if not 200 <= answer.status < 300:
                raise refusal(request, answer.status, _parsed(answer.read(decode_content=True)))
        except (urllib3.exceptions.HTTPError, official.ApiException) as error:
            raise unreachable(self._server, _short(error)) from None
        return answer


def _path(group: str, namespace: str, plural: str, name: str = "") -> str:
    parts = [group, *(["namespaces", namespace] if namespace else []), plural, *([name] if name else [])]
    return "/".join(parts)


def _lines(answer: Any) -> Iterator[bytes]:
    """Yield the whole lines of a stream as they come; one that was cut off is not told."""
    rest = b""
    for chunk in answer.stream(amt=None, decode_content=True):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line for line in whole if line)


def _parsed(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except ValueError:  # a proxy's page, or the apiserver's "404 page not found"
        return {}
    return found if isinstance(found, dict) else {}


def _short(error: Exception) -> str:
    """Return the cause of a failed connection without the object that it happened to."""
    reason = getattr(error, "reason", None) or error
    return _line(str(reason).rpartition(">: ")[2])


def _line(words: object) -> str:
    return " ".join(str(words).split())


def _pod_namespace() -> str:
    try:
        with open("/var/run/secrets/kubernetes.io/serviceaccount/namespace", encoding="utf-8") as file:
            return file.read().strip() or "default"
    except OSError:
        return "default"
