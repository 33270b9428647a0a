"""Where else can a measurement come from than the sidecar's counts?"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from slipway.api.base import Decimal, Model, Rule, bounded
from slipway.api.common import Resources
from slipway.api.web import Header, SecretKeyRef, SecretRef, Url

PercentText = Annotated[
    str,
    bounded(
        8,
        pattern=r"^(100|[0-9]{1,2}(\.[0-9]{1,3})?)$",
        says='write a percentage from 0 to 100 in quotes, for example "1" or "0.5"',
    ),
]
AskSeconds = Annotated[int, Field(ge=1, le=30)]


class PrometheusServer(Model):
    """The Prometheus that answers this Rollout's questions instead of the installation's.

    The chart has to list its host (analysis.hosts), and allow Secrets (analysis.secrets) where it needs some.
    """

    rules = (
        Rule(
            "has(self.url) || !(has(self.caSecret) || has(self.bearerTokenSecret) || has(self.basicAuthSecret))",
            "Secrets belong to a server of your own: set url",
        ),
        Rule(
            "!(has(self.bearerTokenSecret) && has(self.basicAuthSecret))",
            "set bearerTokenSecret or basicAuthSecret, not both",
        ),
        Rule(
            "!has(self.url) || self.url.startsWith('https://') || !(has(self.bearerTokenSecret) || "
            "has(self.basicAuthSecret))",
            "credentials are sent over https only: write url with https://",
        ),
    )

    url: Url | None = Field(
        default=None,
        description="url of its API without /api/v1, for example https://prometheus.example.com. Absent means the "
        "installation's.",
    )
    timeout_seconds: AskSeconds | None = Field(
        default=None, description="timeoutSeconds is how long a query may take; absent means the installation's."
    )
    ca_secret: SecretKeyRef | None = Field(
        default=None, description="caSecret holds the certificates (PEM) by which its own is verified."
    )
    bearer_token_secret: SecretKeyRef | None = Field(
        default=None, description="bearerTokenSecret holds the token that it is asked with."
    )
    basic_auth_secret: SecretRef | None = Field(
        default=None,
        description="basicAuthSecret holds username and password that it is asked with, as a Secret of type "
        "kubernetes.io/basic-auth does.",
    )


class WebMetric(Model):
    """A number in a JSON document that a web server answers with. The chart has to list its host (analysis.hosts).

    null and status 204 are NoData; any other status than 200, and anything but a number at valuePath, is an Error.
    """

    rules = (
        Rule("has(self.min) || has(self.max)", "set min, max or both"),
        Rule(
            "!has(self.min) || !has(self.max) || double(self.min) <= double(self.max)",
            "nothing can pass, for min is above max: lower min or raise max",
        ),
        Rule("!has(self.body) || self.method == 'POST'", "a GET has no body: set method to POST"),
        Rule(
            "self.url.startsWith('https://') || !has(self.headers) || !self.headers.exists(h, has(h.secret))",
            "credentials are sent over https only: write url with https://",
        ),
    )

    url: Url = Field(
        description="url that is asked. {{model}}, {{rollout}}, {{namespace}}, {{candidate}} and {{stable}} "
        "(revisions) and {{window}} (for example 30s) are replaced behind the host."
    )
    method: Literal["GET", "POST"] = Field(default="GET", description="method of the request: GET or POST.")
    body: Annotated[str, bounded(4096)] | None = Field(
        default=None, description="body of a POST; placeholders are replaced as in url."
    )
    headers: list[Header] = Field(
        default=[],
        max_length=16,
        description="headers of the request.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    ca_secret: SecretKeyRef | None = Field(
        default=None, description="caSecret holds the certificates (PEM) by which the server's is verified."
    )
    value_path: Annotated[
        str,
        bounded(
            256,
            minimum=0,
            pattern=r"^(/([^~/]|~[01])*)*$",
            says="write a JSON pointer (RFC 6901), for example /data/score or /scores/0",
        ),
    ] = Field(
        default="",
        description="valuePath is the JSON pointer (RFC 6901) to the number, for example /data/score; absent means "
        "that the document is the number.",
    )
    min: Decimal | None = Field(default=None, description="min is the smallest value that passes, as a string.")
    max: Decimal | None = Field(default=None, description="max is the largest value that passes, as a string.")
    timeout_seconds: AskSeconds = Field(default=5, description="timeoutSeconds is how long the answer may take.")


class EnvVar(Model):
    """A variable of a container."""

    rules = (Rule("has(self.value) != has(self.secret)", "set value or secret, one of them"),)

    name: Annotated[
        str,
        bounded(
            128,
            pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
            says="write the name of a variable in letters, digits and '_', not beginning with a digit",
        ),
    ] = Field(description="name of the variable. Those that begin with SLIPWAY_ are set by the operator.")
    value: Annotated[str, bounded(4096, minimum=0)] | None = Field(
        default=None, description="value of the variable, for everyone to read."
    )
    secret: SecretKeyRef | None = Field(default=None, description="secret that holds the value.")


class JobMetric(Model):
    """A pod of your own that measures. It ends with code 0 and says what it found in /dev/termination-log.

    {"value": 0.93} is held against min and max; {"passed": true} is a verdict of its own, where neither is set. Either
    may add "message". Any other end is an Error. The pod is restricted, has no API token, and finds the versions at
    SLIPWAY_CANDIDATE_URL and SLIPWAY_STABLE_URL.
    """

    rules = (
        Rule(
            "!has(self.min) || !has(self.max) || double(self.min) <= double(self.max)",
            "nothing can pass, for min is above max: lower min or raise max",
        ),
        Rule(
            "!has(self.env) || !self.env.exists(e, e.name.startsWith('SLIPWAY_'))",
            "variables that begin with SLIPWAY_ are set by the operator: choose another name",
        ),
    )

    image: Annotated[
        str, bounded(512, pattern=r"^[^\s]+$", says="write the name of an image, for example registry/judge@sha256:…")
    ] = Field(description="image to run, as user 65532 with a read-only file system; /tmp can be written.")
    command: list[Annotated[str, bounded(4096)]] = Field(
        default=[],
        max_length=32,
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
        description="command to run; empty means the image's entrypoint.",
    )
    args: list[Annotated[str, bounded(4096, minimum=0)]] = Field(
        default=[],
        max_length=64,
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
        description="args of the command; empty means the image's.",
    )
    env: list[EnvVar] = Field(
        default=[],
        max_length=32,
        description="env is what the pod's environment holds besides the operator's variables.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    resources: Resources = Field(
        default=Resources(cpu="100m", memory="256Mi", storage="1Gi"), description="resources of the pod."
    )
    timeout_seconds: Annotated[int, Field(ge=1, le=86_400)] = Field(
        default=60, description="timeoutSeconds is how long one measurement may take, the start of its pod included."
    )
    min: Decimal | None = Field(default=None, description="min is the smallest value that passes, as a string.")
    max: Decimal | None = Field(default=None, description="max is the largest value that passes, as a string.")


class FeedbackMetric(Model):
    """Thumbs and ratings that users gave to a version's answers, counted by the sidecar of the pods of that version.

    Clients send POST /feedback/up, /feedback/down or /feedback/rating/1 to 5 to the served hostname, with the header
    x-slipway-revision that came with the answer.
    """

    rules = (
        Rule(
            "has(self.maxNegativePercent) || has(self.maxIncreasePercent)",
            "set maxNegativePercent, maxIncreasePercent or both",
        ),
    )

    max_negative_percent: PercentText | None = Field(
        default=None, description='maxNegativePercent of feedback that passes, as a string, for example "20".'
    )
    max_increase_percent: PercentText | None = Field(
        default=None,
        description="maxIncreasePercent is by how many percentage points the negative share may exceed that of "
        "stable, as a string.",
    )
    negative_ratings: Annotated[int, Field(ge=1, le=4)] = Field(
        default=2, description="negativeRatings is the highest rating (of 1 to 5) that counts as negative."
    )
    min_samples: Annotated[int, Field(ge=1, le=1_000_000_000)] = Field(
        default=30, description="minSamples is the number of votes on the candidate before any verdict."
    )
