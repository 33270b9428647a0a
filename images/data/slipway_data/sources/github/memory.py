"""What is remembered of GitHub's answers, in the object store, so that nothing is asked twice?

sources/github/<format>/pages/<digest of url>.json     the last answer to a request, its ETag, the run that heard it
sources/github/<format>/runs/<digest of source>.json   the run that has not ended, for pods that go on with it
sources/github/<format>/blobs/<sha>                    files by the name that Git gives to their content
"""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

from pydantic import BaseModel, ConfigDict

from slipway.api.dataset_github import GitHubSource
from slipway.contract.artifact import digest_of
from slipway.contract.job import PrepareDataset
from slipway_pod.store import Bucket, open_store

FORMAT = 1
"""To be raised when pages are kept in another form."""
LONGEST_RUN = 24 * 3600.0
"""Seconds after which a run that never ended is given up, and everything is asked about again."""


class Remembered(BaseModel):
    """Something kept."""

    model_config = ConfigDict(extra="ignore")


class Run(Remembered):
    """Requests of one preparation, over all its pods."""

    id: str
    started: float
    calls: int = 0


class Answer(Remembered):
    """The answer to a request. No `value` means that there is nothing to be had."""

    url: str
    run: str
    etag: str = ""
    value: dict[str, Any] | None = None


class Memory:
    """The run that goes on, and what is known from others."""

    def __init__(self, source: GitHubSource, job: PrepareDataset, now: float) -> None:
        self._bucket = open_store(job.store)
        self._folder = f"{job.store.prefix}/sources/github/{FORMAT}"
        # A budget that was raised goes on with the run that it ended. Datasets share no run: they may share no token.
        what = source.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"max_calls"})
        # A look asks for what is there now, whatever a run before it has heard and made nothing of.
        looks = [job.look.mark] if job.look is not None else []
        digest = digest_of([job.namespace, job.name, what, *looks]).removeprefix("sha256:")
        self._key = f"{self._folder}/runs/{digest}.json"
        found = self._bucket.kept(self._key, Run)
        self.run = found if found is not None and now - found.started < LONGEST_RUN else self._new(now)

    def _new(self, now: float) -> Run:
        return Run(id=uuid.uuid4().hex, started=now)

    def called(self) -> None:
        """Count a request, before it is made: a pod that is killed over it has made it."""
        self.run.calls += 1
        self._write(self._key, self.run)

    def ended(self) -> None:
        """Forget the run: the next one asks what has changed since."""
        self._bucket.delete(self._key)

    def answer(self, url: str) -> Answer | None:
        """Return the last answer to a request, if there is one."""
        found = self._bucket.kept(self._page(url), Answer)
        return found if found is not None and found.url == url else None

    def keep(self, answer: Answer) -> None:
        """Remember the answer to a request."""
        self._write(self._page(answer.url), answer)

    def has(self, sha: str) -> bool:
        """Tell whether the content `sha` is kept."""
        return self._bucket.exists(self._blob(sha))

    def put(self, sha: str, content: bytes) -> None:
        """Keep the content `sha`."""
        self._bucket.put(self._blob(sha), content)

    def place(self, sha: str) -> tuple[Bucket, str]:
        """Return where the content `sha` is kept."""
        return self._bucket, self._blob(sha)

    def _page(self, url: str) -> str:
        return f"{self._folder}/pages/{hashlib.sha256(url.encode()).hexdigest()}.json"

    def _blob(self, sha: str) -> str:
        return f"{self._folder}/blobs/{sha[:2]}/{sha}"

    def _write(self, key: str, value: Remembered) -> None:
        self._bucket.put(key, value.model_dump_json().encode())
