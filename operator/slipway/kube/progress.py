"""How does a pod's progress reach the status of its TrainingJob?"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from slipway.api.base import significant
from slipway.api.conditions import moment, timestamp
from slipway.api.trainingjob_status import TrainingProgress
from slipway.contract.job import PROGRESS_AUDIENCE
from slipway.contract.progress import BODY_LIMIT, PATH, Progress
from slipway.kube.api import ApiError, Conflict, KubeApi
from slipway.kube.clock import Clock
from slipway.kube.projection import root_uid
from slipway.kube.store import Store
from slipway.metrics.operator import OperatorMetrics
from slipway.names import KIND_LABEL, PROGRESS_MANAGER
from slipway.plan import Manifest

logger = logging.getLogger(__name__)

KIND = "TrainingJob"
EVERY_SECONDS = 2.0
REVIEW_SECONDS = 60.0
REVIEWS = 4096
POD_NAME = "authentication.kubernetes.io/pod-name"
POD_UID = "authentication.kubernetes.io/pod-uid"
ACCOUNT_PREFIX = "system:serviceaccount:"


@dataclass(frozen=True)
class PodIdentity:
    """The pod that a bound service account token names."""

    namespace: str
    name: str
    uid: str


class Refused(Exception):
    """The push is not accepted; `code` is the HTTP status."""

    def __init__(self, code: int, message: str):
        super().__init__(message)
        self.code = code


def decimal(value: float | None, places: int) -> str | None:
    """Return a float as the API writes numbers: a short decimal string."""
    if value is None:
        return None
    if abs(value) >= 1e12:
        return f"{value:.6e}".replace("e+", "e")
    text = f"{value:.{places}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def to_status(progress: Progress, at: str) -> TrainingProgress:
    """Return status.progress for what a pod pushed."""
    percent = min(progress.step * 100 // progress.steps, 100) if progress.steps else 0
    return TrainingProgress(
        step=progress.step,
        steps=progress.steps,
        percent=percent,
        epoch=decimal(progress.epoch, 3),
        eta_seconds=progress.eta_seconds,
        tokens_per_second=_rounded(progress.tokens_per_second),
        trained_tokens_per_second=_rounded(progress.trained_tokens_per_second),
        mfu_percent=_rounded(progress.mfu_percent),
        loss=decimal(progress.loss, 6),
        learning_rate=_significant(progress.learning_rate),
        gradient_norm=_significant(progress.gradient_norm),
        memory_bytes=progress.memory_bytes,
        memory=progress.memory,
        stop_seconds=progress.stop_seconds,
        validation_loss=decimal(progress.validation_loss, 6),
        validation_step=progress.validation_step,
        micro_batch_size=progress.micro_batch_size,
        recompute=progress.recompute,
        best_step=progress.best_step,
        best_validation_loss=decimal(progress.best_validation_loss, 6),
        report=progress.report,
        reward_margin=decimal(progress.reward_margin, 6),
        reward_accuracy_percent=None if progress.reward_accuracy is None else round(progress.reward_accuracy * 100),
        stage=progress.stage,
        stage_number=progress.stage_number,
        stages=progress.stages,
        phase=progress.phase or None,
        updated_at=at,
    )


def _significant(value: float | None) -> str | None:
    return None if value is None else significant(value)


def _rounded(value: float | None) -> int | None:
    return None if value is None else round(value)


@dataclass
class Writer:
    """Writes the newest progress of each job, once per `EVERY_SECONDS` at most; superseded figures are dropped."""

    api: KubeApi
    store: Store
    clock: Clock
    _newest: dict[str, TrainingProgress] = field(default_factory=dict)
    _writing: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    def offer(self, uid: str, progress: Progress) -> None:
        """Take the newest figures of the TrainingJob with this uid."""
        self._newest[uid] = to_status(progress, timestamp(self.clock.now()))
        if uid not in self._writing:
            self._writing[uid] = asyncio.create_task(self._write(uid), name="progress writer")

    async def close(self) -> None:
        """Stop writing; what is lost is repeated by the next push."""
        tasks = list(self._writing.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _write(self, uid: str) -> None:
        try:
            while (newest := self._newest.pop(uid, None)) is not None:
                try:
                    await self._write_once(uid, newest)
                except Conflict:
                    self._newest.setdefault(uid, newest)  # the job changed meanwhile; once more, in a moment
                except ApiError as error:
                    logger.warning("progress not written", extra={"uid": uid, "error": str(error)})
                await asyncio.sleep(EVERY_SECONDS)
        finally:
            self._writing.pop(uid, None)

    async def _write_once(self, uid: str, progress: TrainingProgress) -> None:
        root = self.store.root(uid)
        if root is None or self._is_older(progress, root):
            return
        meta = root["metadata"]
        manifest = {
            "apiVersion": root["apiVersion"],
            "kind": root["kind"],
            # The version makes sure that this is still the job of that uid, not a later one of the same name.
            "metadata": {name: meta[name] for name in ("name", "namespace", "resourceVersion")},
            "status": {"progress": progress.dump()},
        }
        self.store.put(await self.api.apply(manifest, manager=PROGRESS_MANAGER, subresource="status"))

    @staticmethod
    def _is_older(progress: TrainingProgress, root: Manifest) -> bool:
        """Tell whether another replica has written something newer: a pod's pushes reach any of them."""
        written = ((root.get("status") or {}).get("progress") or {}).get("updatedAt")
        return bool(written and progress.updated_at and moment(written) > moment(progress.updated_at))


@dataclass
class ProgressServer:
    """`POST /v1/progress`, on every replica. The bearer token names the pod; the body cannot name anything."""

    api: KubeApi
    store: Store
    clock: Clock
    metrics: OperatorMetrics
    writer: Writer
    ready: Callable[[], bool] = lambda: True
    _reviews: OrderedDict[str, tuple[float, PodIdentity | None]] = field(default_factory=OrderedDict)

    def app(self) -> web.Application:
        """Return the web application."""
        app = web.Application(client_max_size=BODY_LIMIT)
        app.router.add_post(PATH, self._post)
        return app

    async def _post(self, request: web.Request) -> web.Response:
        try:
            await self.accept(request.headers.get("Authorization", ""), await self._body(request))
            code, text = 202, ""
        except Refused as refusal:
            code, text = refusal.code, f"{refusal}\n"
        self.metrics.progress.labels(code=str(code)).inc()
        return web.Response(status=code, text=text)

    async def _body(self, request: web.Request) -> bytes:
        try:
            return await request.read()
        except web.HTTPRequestEntityTooLarge:
            raise Refused(413, f"the body is larger than {BODY_LIMIT} bytes") from None

    async def accept(self, authorization: str, body: bytes) -> None:
        """Check token, pod and body, and take the figures; raise `Refused` otherwise."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Refused(401, "send the projected token as `Authorization: Bearer …`")
        if not self.ready():
            raise Refused(503, "the operator is still starting; push again later")
        identity = await self._identify(token.strip())
        if identity is None:
            raise Refused(401, f"the token is not valid for the audience {PROGRESS_AUDIENCE}, or names no pod")
        uid = self._job_of(identity)
        try:
            progress = Progress.model_validate_json(body)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "body"
            raise Refused(400, f"{where}: {first['msg']}") from None
        self.writer.offer(uid, progress)

    def _job_of(self, identity: PodIdentity) -> str:
        pod = self.store.get("Pod", identity.namespace, identity.name)
        if pod is None or pod["metadata"]["uid"] != identity.uid:
            raise Refused(403, f"pod {identity.namespace}/{identity.name} is not one that Slipway knows")
        uid = root_uid(pod)
        if (pod["metadata"].get("labels") or {}).get(KIND_LABEL) != KIND or not uid or self.store.root(uid) is None:
            raise Refused(403, f"pod {identity.namespace}/{identity.name} does not belong to a {KIND}")
        return uid

    async def _identify(self, token: str) -> PodIdentity | None:
        key = hashlib.sha256(token.encode()).hexdigest()
        now = self.clock.monotonic()
        known = self._reviews.get(key)
        if known is not None and now < known[0]:
            return known[1]
        review = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "metadata": {},
            "spec": {"token": token, "audiences": [PROGRESS_AUDIENCE]},
        }
        try:
            found = await self.api.create(review)
        except ApiError as error:
            raise Refused(503, f"the token could not be checked: {error}") from error
        identity = identity_of(found.get("status") or {})
        self._reviews[key] = (now + REVIEW_SECONDS, identity)
        self._reviews.move_to_end(key)
        while len(self._reviews) > REVIEWS:
            self._reviews.popitem(last=False)
        return identity


def identity_of(status: dict[str, Any]) -> PodIdentity | None:
    """Return the pod that a TokenReview's status names, if it is authenticated for our audience."""
    if not status.get("authenticated") or PROGRESS_AUDIENCE not in (status.get("audiences") or ()):
        return None
    user = status.get("user") or {}
    extra: dict[str, list[str]] = user.get("extra") or {}
    account, names, uids = str(user.get("username", "")), extra.get(POD_NAME) or [], extra.get(POD_UID) or []
    if not account.startswith(ACCOUNT_PREFIX) or len(names) != 1 or len(uids) != 1:
        return None
    namespace = account.removeprefix(ACCOUNT_PREFIX).partition(":")[0]
    return PodIdentity(namespace, names[0], uids[0])
