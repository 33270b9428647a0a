"""What does the model that serves answer, when it is asked through the gateway as users ask it?"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from e2e.demo.prompts import Conversation
from e2e.demo.traffic import PATH, TIMEOUT_SECONDS, VERSION_HEADER
from e2e.example.cast import Example

PATIENCE_SECONDS = 60.0
"""A gateway may learn of a new host name a moment after the Rollout is Ready."""


class NotAnswered(Exception):
    """The model did not answer. The message has the question and what came instead."""


@dataclass(frozen=True)
class Said:
    """An answer, by whom, and how long it took. It is `cut` where it stopped at the limit of tokens."""

    question: str
    text: str
    cut: bool
    version: str
    seconds: float


Post = Callable[[Mapping[str, Any]], tuple[Mapping[str, Any], str]]
"""From the body of a request to that of the answer, and the version that answered."""


def ask(post: Post, example: Example, conversation: Conversation) -> Said:
    """Return what the model says to the last message of `conversation`; raise NotAnswered where that is nothing."""
    asked = {"model": example.model, "messages": [dict(one) for one in conversation]}
    begun = time.monotonic()
    answer, version = post(asked | {"max_tokens": example.answer_tokens, "temperature": 0})
    choice = answer["choices"][0]
    text, question = choice["message"]["content"] or "", str(conversation[-1]["content"])
    return Said(question, text, choice["finish_reason"] == "length", version, time.monotonic() - begun)


def through(gateway_url: str, example: Example) -> Post:
    """Return how a request gets through the gateway; a host that is not known there yet is tried again."""
    url = gateway_url.rstrip("/") + PATH
    headers = {"Host": example.hostname, "Content-Type": "application/json"}

    def post(body: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            request = urllib.request.Request(url, json.dumps(body).encode(), headers, method="POST")
            try:
                with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
                    return json.load(response), response.headers.get(VERSION_HEADER, "")
            except urllib.error.HTTPError as error:
                said = (
                    f"{example.hostname} answered with status {error.code}: {error.read(200).decode(errors='replace')}"
                )
                if error.code not in (404, 502, 503) or time.monotonic() > deadline:
                    raise NotAnswered(said) from error
            except OSError as error:
                if time.monotonic() > deadline:
                    raise NotAnswered(f"{url} cannot be reached: {error}") from error
            time.sleep(1)

    return post
