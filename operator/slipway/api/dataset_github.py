"""Which files of which repositories of GitHub are raw data?"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, JsonValue

from slipway.api.base import Globs, Model, Rule, bounded
from slipway.api.web import SecretKeyRef, Url

SET: dict[str, JsonValue] = {"x-kubernetes-list-type": "set"}
Kibibytes = Annotated[int, Field(ge=0, le=1_073_741_824)]


class GitHubSearch(Model):
    """Which repositories are meant. All members must hold; of languages, licences and owners, one of each is enough."""

    rules = (
        Rule(
            "has(self.text) || has(self.topics) && self.topics.size() > 0 || has(self.languages) && "
            "self.languages.size() > 0 || has(self.licences) && self.licences.size() > 0 || has(self.owners) && "
            "self.owners.size() > 0",
            "a search for everything finds nothing of use: set text, topics, languages, licences or owners",
        ),
        Rule(
            "!has(self.maxKibibytes) || self.minKibibytes <= self.maxKibibytes",
            "nothing can be found, for minKibibytes is above maxKibibytes: lower the one or raise the other",
        ),
    )

    text: (
        Annotated[
            str,
            bounded(
                128,
                pattern=r"^[^:\x00-\x1f]+$",
                says="write plain words: what GitHub spells with ':' has fields of its own",
            ),
        ]
        | None
    ) = Field(default=None, description="text has words of the repository's name, description or topics.")
    topics: list[
        Annotated[
            str,
            bounded(50, pattern=r"^[a-z0-9][a-z0-9-]*$", says="a topic has lower case letters, digits and '-' only"),
        ]
    ] = Field(default=[], max_length=8, json_schema_extra=SET, description="topics that a repository has, all of them.")
    languages: list[
        Annotated[
            str,
            bounded(
                40, pattern=r"^[A-Za-z0-9][A-Za-z0-9 +#.*\x27-]*$", says="write a language as GitHub shows it, as C++"
            ),
        ]
    ] = Field(
        default=[], max_length=8, json_schema_extra=SET, description="languages, one of which is the repository's main."
    )
    licences: list[
        Annotated[
            str,
            bounded(
                40, pattern=r"^[A-Za-z0-9][A-Za-z0-9.+-]*$", says="write a licence by its SPDX id, as MIT or Apache-2.0"
            ),
        ]
    ] = Field(
        default=[],
        max_length=8,
        json_schema_extra=SET,
        description="licences by SPDX id as GitHub detects them, one of which is the repository's. Empty takes "
        "repositories of any licence and of none.",
    )
    owners: list[
        Annotated[
            str,
            bounded(39, pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$", says="write the login of a user or an organisation"),
        ]
    ] = Field(
        default=[],
        max_length=16,
        json_schema_extra=SET,
        description="owners, users or organisations, to one of which the repository belongs.",
    )
    min_stars: Annotated[int, Field(ge=0, le=10_000_000)] = Field(
        default=0, description="minStars leaves out repositories with fewer stars."
    )
    min_kibibytes: Kibibytes = Field(default=0, description="minKibibytes leaves out smaller repositories.")
    max_kibibytes: Kibibytes | None = Field(
        default=None, description="maxKibibytes leaves out larger repositories; absent takes any size."
    )
    max_repositories: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=100, description="maxRepositories is how many are read: those with the most stars."
    )


class GitHubSource(Model):
    """Files of the repositories that a search on GitHub finds, of the head of their default branches.

    Forks are left out. Answers and files are kept in the object store: what did not change is not fetched again.
    """

    rules = (
        Rule(
            "!has(self.apiUrl) || self.apiUrl.startsWith('https://') || has(self.plainHttp) && self.plainHttp",
            "an address begins with https://, or set plainHttp to read over unprotected http",
        ),
        Rule(
            "!has(self.tokenSecret) || !has(self.apiUrl) || self.apiUrl.startsWith('https://')",
            "credentials are sent over https only: write apiUrl with https://",
        ),
    )

    search: GitHubSearch = Field(description="search says which repositories are meant.")
    extensions: list[
        Annotated[
            str,
            bounded(16, pattern=r"^[A-Za-z0-9_+-]+$", says="write an extension without a dot in front, as py"),
        ]
    ] = Field(
        default=[], max_length=16, json_schema_extra=SET, description="extensions of files, one of which a file has."
    )
    include: Globs = Field(
        default=["**"],
        description="include lists glob patterns relative to the top of a repository; a file must match one of them. "
        "Where a licence step asks for them, licence files come besides.",
    )
    max_file_kibibytes: Annotated[int, Field(ge=1, le=102_400)] = Field(
        default=1024, description="maxFileKibibytes leaves out larger files."
    )
    max_files: Annotated[int, Field(ge=1, le=100_000)] = Field(
        default=10_000, description="maxFiles is the number of files above which the source is refused."
    )
    max_calls: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        default=5000,
        description="maxCalls is how many requests one preparation may make, those for what is unchanged included. "
        "Each repository takes one or more, and each new file one, licence files among them; each new try counts too.",
    )
    token_secret: SecretKeyRef | None = Field(
        default=None,
        description="tokenSecret holds an access token. Without one GitHub allows 60 requests an hour.",
    )
    api_url: Url | None = Field(
        default=None, description="apiUrl of a GitHub Enterprise Server, for example https://github.example.com/api/v3."
    )
    plain_http: bool = Field(default=False, description="plainHttp permits an apiUrl that begins with http://.")
