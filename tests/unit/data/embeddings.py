"""A server of this machine with OpenAI's embeddings API: its checks, its answers, its errors."""

from __future__ import annotations

import hashlib
import json
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.unit.data.webserver import Answer, Asked

SYNONYMS = {"box": "cube", "block": "cube", "remove": "delete", "erase": "delete", "bright": "light", "lamp": "light"}
FILLERS = {"the", "a", "an", "please", "now"}


def meaning(text: str, size: int) -> list[float]:
    """Return an embedding that words of one meaning share: a sum of directions, one for each word."""
    words = sorted(SYNONYMS.get(word, word) for word in text.lower().split() if word not in FILLERS)
    drawn = [random.Random(f"{word}/{size}") for word in words]
    return [sum(one.gauss(0, 1) for one in drawn) for _ in range(size)]


def fault(status: int, message: str, **headers: str) -> Answer:
    """Return an error as the API says it."""
    body = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}
    return Answer(status, json.dumps(body).encode(), {"Content-Type": "application/json", **headers})


@dataclass
class Embeddings:
    """The model `tiny`, which embeds by `meaning`. `before` may answer in its place, `change` alter what it answers."""

    size: int = 32
    longest: int = 2_000
    """Characters of the longest text that it takes."""
    key: str = ""
    before: Callable[[int, list[str]], Answer | None] = lambda number, texts: None
    change: Callable[[dict[str, Any]], Any] = lambda answer: answer
    requests: list[list[str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    @property
    def texts(self) -> list[str]:
        """All texts that were asked for, in the order of their requests."""
        return [text for texts in self.requests for text in texts]

    def __call__(self, request: Asked) -> Answer:
        if request.path != "/v1/embeddings":
            return fault(404, f"Invalid URL (POST {request.path})")
        if self.key and request.headers.get("Authorization") != f"Bearer {self.key}":
            return fault(401, "Incorrect API key provided.")
        question = json.loads(request.body)
        texts = question["input"] if isinstance(question["input"], list) else [question["input"]]
        with self._guard:
            self.requests.append(texts)
            self.headers.append(dict(request.headers))
            number = len(self.requests)
        return self.before(number, texts) or self._answer(question, texts)

    def _answer(self, question: dict[str, Any], texts: list[str]) -> Answer:
        if question["model"] != "tiny":
            return fault(404, f"The model `{question['model']}` does not exist")
        if set(question) - {"model", "input", "encoding_format", "dimensions"} or not 1 <= len(texts) <= 2048:
            return fault(400, "Invalid request")
        if any(not text or len(text) > self.longest for text in texts):
            return fault(400, "This model's maximum context length is exceeded")
        if question.get("encoding_format") != "float":
            return fault(400, "this double speaks float only")
        size = question.get("dimensions", self.size)
        found = [{"object": "embedding", "index": at, "embedding": meaning(t, size)} for at, t in enumerate(texts)]
        tokens = sum(len(text.split()) for text in texts)
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        answer = self.change({"object": "list", "data": found, "model": "tiny", "usage": usage})
        return Answer(body=json.dumps(answer).encode(), headers={"Content-Type": "application/json"})


def scattered(number: int) -> str:
    """Return a text that means what no other number's does."""
    return " ".join(hashlib.sha256(f"{number}".encode()).hexdigest()[at : at + 8] for at in range(0, 32, 8))
