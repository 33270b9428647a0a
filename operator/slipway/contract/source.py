"""Through what does a preparation pod get what its source and steps keep secret, or keep on a volume?

The job file names Secrets; their values reach the pod in variables of these names.
"""

from __future__ import annotations

from collections.abc import Iterable

from slipway.api.dataset_annotate import Annotate
from slipway.api.dataset_github import GitHubSource
from slipway.api.dataset_source import GitSource, HttpSource, Source
from slipway.api.dataset_steps import Deduplicate, Step
from slipway.api.model_api import ModelApi
from slipway.api.web import SecretKeyRef

CLAIM_FOLDER = "/slipway/source"
"""Where the volume of a persistentVolumeClaim source is mounted."""


GITHUB = "https://api.github.com"
"""Where GitHub's API is, where source.github.apiUrl names no other."""
USERNAME = "SLIPWAY_SOURCE_USERNAME"
PASSWORD = "SLIPWAY_SOURCE_PASSWORD"
TOKEN = "SLIPWAY_SOURCE_TOKEN"


def header_variable(number: int) -> str:
    """Return the variable with the value of a header of source.http, counted from 0."""
    return f"SLIPWAY_SOURCE_HEADER_{number}"


def variables(source: Source) -> dict[str, SecretKeyRef]:
    """Return the variables that `source` needs, and the value of a Secret that each one holds."""
    match source.chosen:
        case HttpSource(headers=headers):
            named = {header_variable(at): header.secret for at, header in enumerate(headers)}
            return {name: secret for name, secret in named.items() if secret is not None}
        case GitSource(basic_auth_secret=secret) if secret is not None:
            keys = {USERNAME: "username", PASSWORD: "password"}
            return {name: SecretKeyRef(name=secret.name, key=key) for name, key in keys.items()}
        case GitSource(token_secret=token) | GitHubSource(token_secret=token) if token is not None:
            return {TOKEN: token}
    return {}


def step_variable(number: int) -> str:
    """Return the variable with the credentials of spec.steps[number]."""
    return f"SLIPWAY_STEP_{number}_TOKEN"


def model_apis(steps: Iterable[Step]) -> dict[int, ModelApi]:
    """Return the models that are asked, by the number of their step."""
    asked = ((number, _asked(step)) for number, step in enumerate(steps))
    return {number: model for number, model in asked if model is not None}


def _asked(step: Step) -> ModelApi | None:
    match step.chosen:
        case Annotate(language_model=model):
            return model
        case Deduplicate(semantic=model):
            return model
    return None


def step_variables(steps: Iterable[Step]) -> dict[str, SecretKeyRef]:
    """Return the variables that `steps` need, and the value of a Secret that each one holds."""
    keys = {step_variable(number): model.token_secret for number, model in model_apis(steps).items()}
    return {name: secret for name, secret in keys.items() if secret is not None}
