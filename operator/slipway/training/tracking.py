"""What must a training pod be given to tell other tools how it goes?"""

from __future__ import annotations

from typing import Any

from slipway.api.trainingjob import TrainingJobSpec
from slipway.egress import port_of
from slipway.workload import from_secret


def environment(spec: TrainingJobSpec) -> tuple[dict[str, Any], ...]:
    """Return the variables by which MLflow's own clients find their server; credentials by reference."""
    mlflow = spec.tracking.mlflow if spec.tracking is not None else None
    if mlflow is None:
        return ()
    secrets: dict[str, tuple[str, str]] = {}
    if mlflow.token_secret is not None:
        secrets["MLFLOW_TRACKING_TOKEN"] = (mlflow.token_secret.name, mlflow.token_secret.key)
    if mlflow.basic_auth_secret is not None:
        secrets["MLFLOW_TRACKING_USERNAME"] = (mlflow.basic_auth_secret.name, "username")
        secrets["MLFLOW_TRACKING_PASSWORD"] = (mlflow.basic_auth_secret.name, "password")
    return (
        {"name": "MLFLOW_TRACKING_URI", "value": mlflow.tracking_uri},
        {"name": "MLFLOW_EXPERIMENT_NAME", "value": mlflow.experiment or spec.model},
        *(from_secret(name, secret, key) for name, (secret, key) in secrets.items()),
    )


def ports(spec: TrainingJobSpec) -> tuple[int, ...]:
    """Return the ports at which these tools are spoken to."""
    mlflow = spec.tracking.mlflow if spec.tracking is not None else None
    return () if mlflow is None else (port_of(mlflow.tracking_uri),)
