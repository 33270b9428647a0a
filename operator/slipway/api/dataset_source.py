"""Where does a Dataset's raw data come from?"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from slipway.api.base import Globs, Model, Name, OneOf, Rule, StoreUri, bounded
from slipway.api.dataset_feedback import FeedbackSource
from slipway.api.dataset_github import GitHubSource
from slipway.api.dataset_mix import DatasetsSource
from slipway.api.web import Header, SecretKeyRef, SecretRef, Url

FileName = Annotated[
    str,
    bounded(128, pattern=r"^[A-Za-z0-9._-]+$", says="a file name has letters, digits, '.', '_' and '-' only"),
]
Sha256 = Annotated[
    str, bounded(64, pattern=r"^[0-9a-f]{64}$", says="a sha256 is 64 hexadecimal digits, as `sha256sum` prints it")
]


class ObjectStoreSource(Model):
    """Files below one address of the object store."""

    uri: StoreUri = Field(description="uri is a file, or a prefix that ends in /, for example s3://raw/blueprints/.")
    include: Globs = Field(
        default=["**"],
        description="include lists glob patterns relative to uri; a file must match one of them.",
    )


class InlineFile(Model):
    """A small file written in the spec."""

    name: FileName = Field(description="name of the file, unique in the list.")
    text: Annotated[str, bounded(262_144)] = Field(description="text is the file's content.")


class InlineSource(Model):
    """Files written in the spec itself."""

    files: list[InlineFile] = Field(
        min_length=1,
        max_length=64,
        description="files of the source. The whole object must stay below 1 MiB: larger data belongs in the object "
        "store.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )


class HttpFile(Model):
    """A file that a web server has."""

    url: Url = Field(description="url of the file. A query is sent, and left out of messages.")
    sha256: Sha256 = Field(description="sha256 of the file; other bytes are never used.")
    name: (
        Annotated[
            str,
            bounded(
                256,
                pattern=r"^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$",
                says="a name has letters, digits, '.', '_' and '-', with / between folders, as shop/items.jsonl",
            ),
        ]
        | None
    ) = Field(
        default=None, description="name that rows are known by, unique in the list; absent means the url's last part."
    )


class HttpSource(Model):
    """Files of web servers, each with its digest."""

    rules = (
        Rule(
            "has(self.plainHttp) && self.plainHttp || self.files.all(f, f.url.startsWith('https://'))",
            "an address begins with https://, or set plainHttp to read over unprotected http",
        ),
        Rule(
            "!has(self.headers) || !self.headers.exists(h, has(h.secret)) || "
            "self.files.all(f, f.url.startsWith('https://'))",
            "credentials are sent over https only: write every url with https://",
        ),
    )

    files: list[HttpFile] = Field(
        min_length=1,
        max_length=512,
        description="files of the source. The digest of the result depends on their content, not on their order.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["url"]},
    )
    headers: list[Header] = Field(
        default=[],
        max_length=8,
        description="headers of every request, for example Authorization. They follow no redirect to another server.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    plain_http: bool = Field(default=False, description="plainHttp permits addresses that begin with http://.")
    max_file_mebibytes: Annotated[int, Field(ge=1, le=1_048_576)] = Field(
        default=1024,
        description="maxFileMebibytes is the size from which a file is refused. One lies in the pod's "
        "storage at a time.",
    )


class GitSource(Model):
    """Files of one commit of a Git repository. Only that commit is fetched, without its history."""

    rules = (
        Rule(
            "self.url.startsWith('https://') || has(self.plainHttp) && self.plainHttp",
            "an address begins with https://, or set plainHttp to read over unprotected http",
        ),
        Rule(
            "self.url.startsWith('https://') || !(has(self.basicAuthSecret) || has(self.tokenSecret))",
            "credentials are sent over https only: write url with https://",
        ),
        Rule(
            "!(has(self.basicAuthSecret) && has(self.tokenSecret))",
            "set basicAuthSecret or tokenSecret, not both",
        ),
    )

    url: Url = Field(description="url of the repository, for example https://github.com/owner/name.git.")
    revision: Annotated[
        str,
        bounded(
            256,
            pattern=r"^[A-Za-z0-9][A-Za-z0-9._/+@-]*$",
            says="a revision is a branch, a tag, or the 40 digits of a commit",
        ),
    ] = Field(
        default="HEAD",
        description="revision is a branch, a tag, or the 40 digits of a commit; HEAD is the default branch. It is "
        "looked up when data is prepared, and status.revision says what was found: a branch that moves later changes "
        "nothing before the next look (spec.refresh).",
    )
    include: Globs = Field(
        default=["**"],
        description="include lists glob patterns relative to the top of the repository; a file must match one of them.",
    )
    basic_auth_secret: SecretRef | None = Field(
        default=None,
        description="basicAuthSecret holds username and password, as a Secret of type kubernetes.io/basic-auth has "
        "them.",
    )
    token_secret: SecretKeyRef | None = Field(
        default=None, description="tokenSecret holds an access token, as GitHub, GitLab and Gitea issue them."
    )
    plain_http: bool = Field(default=False, description="plainHttp permits an address that begins with http://.")
    max_file_mebibytes: Annotated[int, Field(ge=1, le=1024)] = Field(
        default=64,
        description="maxFileMebibytes is the size above which a file that matches include is refused, and any other is "
        "not even transferred where the server can leave it out.",
    )
    max_mebibytes: Annotated[int, Field(ge=1, le=1_048_576)] = Field(
        default=2048, description="maxMebibytes is the size of the transfer from which the repository is refused."
    )


class PersistentVolumeClaimSource(Model):
    """Files on a volume, which the preparation pod mounts read-only."""

    claim_name: Name = Field(description="claimName is the PersistentVolumeClaim, in the Dataset's namespace.")
    path: Annotated[
        str,
        bounded(
            512,
            minimum=0,
            pattern=r"^([^/\x00]+(/[^/\x00]+)*/?)?$",
            says="a path is relative to the top of the volume, for example exports/blueprints",
        ),
    ] = Field(default="", description="path of a folder on the volume; absent means its top.")
    include: Globs = Field(
        default=["**"],
        description="include lists glob patterns relative to path; a file must match one of them.",
    )


class Source(OneOf):
    """Where raw data comes from; exactly one member must be set."""

    object_store: ObjectStoreSource | None = Field(
        default=None, description="objectStore reads files from the object store that the operator is configured with."
    )
    inline: InlineSource | None = Field(
        default=None, description="inline reads files written in this object, for small data and trials."
    )
    http: HttpSource | None = Field(
        default=None, description="http reads files from web servers and checks the digest of each."
    )
    git: GitSource | None = Field(default=None, description="git reads files of one commit of a Git repository.")
    github: GitHubSource | None = Field(
        default=None, description="github reads files of the repositories that a search on GitHub finds."
    )
    persistent_volume_claim: PersistentVolumeClaimSource | None = Field(
        default=None, description="persistentVolumeClaim reads files from a volume."
    )
    feedback: FeedbackSource | None = Field(
        default=None, description="feedback reads what users said of a model's answers."
    )
    datasets: DatasetsSource | None = Field(default=None, description="datasets mixes the rows of other Datasets.")
