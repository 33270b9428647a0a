"""How does a step name a model that it asks over HTTP?"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from slipway.api.base import Model, Rule, bounded
from slipway.api.web import SecretKeyRef, Url


class ModelApi(Model):
    """A model behind an API like OpenAI's, as vLLM, llama.cpp and others have it too.

    Each answer is kept in the object store and never asked for again: not by a pod that goes on after another, and not
    by the next preparation.
    """

    rules = (
        Rule(
            "self.url.startsWith('https://') || has(self.plainHttp) && self.plainHttp",
            "an address begins with https://, or set plainHttp to send rows over unprotected http",
        ),
        Rule(
            "self.url.startsWith('https://') || !has(self.tokenSecret)",
            "credentials are sent over https only: write url with https://",
        ),
    )

    url: Url = Field(description="url of the API up to and with /v1, for example https://api.openai.com/v1.")
    model: Annotated[str, bounded(256)] = Field(description="model as the API calls it.")
    token_secret: SecretKeyRef | None = Field(
        default=None, description="tokenSecret holds the API key, which is sent as Authorization: Bearer."
    )
    parallel: Annotated[int, Field(ge=1, le=64)] = Field(
        default=4, description="parallel is how many questions are asked at a time."
    )
    timeout_seconds: Annotated[int, Field(ge=1, le=600)] = Field(
        default=60, description="timeoutSeconds is how long an answer may take."
    )
    plain_http: bool = Field(default=False, description="plainHttp permits an address that begins with http://.")
