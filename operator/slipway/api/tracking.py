"""Who else is told how a run goes?"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from slipway.api.base import Model, Rule, bounded
from slipway.api.web import SecretKeyRef, SecretRef, Url


class MLflow(Model):
    """An MLflow tracking server, and how it is spoken to."""

    rules = (
        Rule("!(has(self.tokenSecret) && has(self.basicAuthSecret))", "set tokenSecret or basicAuthSecret, not both"),
        Rule(
            "self.trackingUri.startsWith('https://') || !(has(self.tokenSecret) || has(self.basicAuthSecret))",
            "credentials are sent over https only: write trackingUri with https://",
        ),
    )

    tracking_uri: Url = Field(
        description="trackingUri is the address of the server, for example http://mlflow.ml.svc:5000. A server that "
        "does not answer stops no run: what it missed is sent when it answers again."
    )
    experiment: Annotated[str, bounded(250)] | None = Field(
        default=None, description="experiment that the run is added to, made if it is missing; absent means spec.model."
    )
    token_secret: SecretKeyRef | None = Field(
        default=None, description="tokenSecret holds a token that is sent as `Authorization: Bearer`."
    )
    basic_auth_secret: SecretRef | None = Field(
        default=None,
        description="basicAuthSecret holds username and password, as a Secret of type kubernetes.io/basic-auth has "
        "them.",
    )


class Tracking(Model):
    """Tools beside Slipway's own report that are told how a run goes."""

    rules = (
        Rule("self.tensorBoard || has(self.mlflow)", "tracking asks for nothing: set tensorBoard to true, or mlflow"),
    )

    tensor_board: bool = Field(
        default=False,
        description="tensorBoard writes an event file for TensorBoard, in the folder tensorboard beside the run's "
        "report.",
    )
    mlflow: MLflow | None = Field(default=None, description="mlflow sends figures and parameters to a tracking server.")
