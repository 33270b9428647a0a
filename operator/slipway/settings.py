"""What does the operator need to know about its installation?"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from slipway.contract.job import Store


class Images(BaseModel):
    """Images of the pods that the operator starts, by digest where the installer knows it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: str
    train_torch: str
    eval_blender: str
    serve_llamacpp: str
    proxy: str


class Settings(BaseModel):
    """The operator's configuration: one JSON file that the chart writes and sums up in the pod's annotations."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    namespace: str = "slipway-system"
    watch_namespaces: tuple[str, ...] = ()
    """Empty means all namespaces."""
    images: Images
    image_pull_policy: str = "IfNotPresent"
    store: Store
    store_secret: str = "slipway-object-store"
    """Secret of each working namespace with the keys accessKeyId and secretAccessKey."""
    signing_secret: str = ""
    """Secret of each working namespace whose entry key.pem signs what TrainingJobs publish; empty means unsigned."""
    signatures_required: bool = False
    """Whether an artefact that no key in `public_keys` signed is neither evaluated nor served."""
    public_keys: str = ""
    """ConfigMap of each working namespace with public keys (PEM), one an entry."""
    prometheus_url: str = ""
    prometheus_timeout_seconds: float = Field(default=5.0, gt=0)
    """Of every question to Prometheus or the web that names no time of its own."""
    prometheus_ca_file: str = ""
    prometheus_bearer_token_file: str = ""
    prometheus_basic_auth_folder: str = ""
    """A folder with the files username and password."""
    analysis_hosts: tuple[str, ...] = ()
    """Hosts that Rollouts may make the operator ask, besides its own Prometheus: name, name:port, *.name or *."""
    analysis_secrets: bool = False
    """Whether the operator's role lets it read the Secrets that Rollouts name."""
    closed_namespaces: tuple[str, ...] = ()
    """Where the chart's policies shut our pods in, so that they need policies of their own to get out."""
    progress_url: str = ""
    drain_seconds: int = 10
    """How long a revision without traffic stays up, for requests in flight and gateways that lag."""
    http_port: int = 8080
    """Port of /metrics, /healthz and /readyz."""
    progress_port: int = 8081
    """Port to which training pods push their progress."""
    lease_name: str = "slipway-operator"
    workers: int = Field(default=16, ge=1)
    """Reconciles at a time."""
    resync_seconds: float = Field(default=1800.0, gt=0)
    """How often the four kinds are listed to find what a watch may have lost."""
