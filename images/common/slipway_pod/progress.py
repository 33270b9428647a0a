"""How does a pod tell how far it is? By pushes that may be lost and never disturb the work."""

from __future__ import annotations

import logging
import threading
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType

from slipway.contract.job import PROGRESS_TOKEN
from slipway.contract.progress import PATH, Progress

log = logging.getLogger("slipway")

INTERVAL_SECONDS = 2.0
TIMEOUT_SECONDS = 5.0


class Reporter:
    """Pushes the newest figures from a background thread, at most one every `interval` seconds.

    `url` is the base address of the operator's progress server; without it nothing is pushed. The token file is read
    for each push, because the kubelet rotates it.
    """

    def __init__(self, url: str, *, token: Path = Path(PROGRESS_TOKEN), interval: float = INTERVAL_SECONDS) -> None:
        self._url = url.rstrip("/") + PATH if url else ""
        self._token = token
        self._interval = interval
        self._newest: Progress | None = None
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._complained = ""
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)
        if self._url:
            self._thread.start()

    def update(self, progress: Progress) -> None:
        """Note the newest figures; returns at once."""
        with self._lock:
            self._newest = progress
        self._wake.set()

    def close(self) -> None:
        """Push what is left and end the thread; takes no longer than one push."""
        self._closing.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(TIMEOUT_SECONDS + 1)

    def __enter__(self) -> Reporter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            closing = self._closing.is_set()  # before the figures are taken: what comes during the push is pushed too
            with self._lock:
                progress, self._newest = self._newest, None
            if progress is not None:
                self._push(progress)
            if closing:
                return
            self._closing.wait(self._interval)

    def _push(self, progress: Progress) -> None:
        try:
            token = self._token.read_text(encoding="ascii").strip()
            body = progress.model_dump_json(by_alias=True, exclude_none=True).encode()
            request = urllib.request.Request(
                self._url,
                data=body,
                method="POST",
                headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            )
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):
                self._complained = ""
        except (OSError, ValueError) as error:
            # URLError is an OSError. One line per kind of trouble, not one per push.
            if str(error) != self._complained:
                log.warning("progress is not shown: %s: %s", self._url, error)
                self._complained = str(error)
