"""How do objects name a web server, and the Secrets that it wants to see?"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from slipway.api.base import Model, Name, Rule, bounded

# The host is fixed: a Rollout's placeholders stand in the path and the query only, so that it is known whom it asks.
Url = Annotated[
    str,
    bounded(
        1024,
        pattern=r"^https?://([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(:[0-9]{1,5})?([/?][^\s\\#]*)?$",
        says="write an address as http(s)://host[:port]/path, without user, fragment or spaces",
    ),
]
SecretKeyName = Annotated[
    str,
    bounded(
        253, pattern=r"^[-._a-zA-Z0-9]+$", says="a key of a Secret has letters, digits, '-', '_' and '.', no others"
    ),
]
HeaderName = Annotated[
    str,
    bounded(
        64,
        pattern=r"^[A-Za-z0-9-]+$",
        says="write the name of a header in letters, digits and '-', for example X-Api-Key",
    ),
]


class SecretKeyRef(Model):
    """One value of a Secret of the object's own namespace."""

    name: Name = Field(description="name of the Secret.")
    key: SecretKeyName = Field(description="key whose value is meant.")


class SecretRef(Model):
    """A Secret of the object's own namespace."""

    name: Name = Field(description="name of the Secret.")


class Header(Model):
    """A header of a request."""

    rules = (Rule("has(self.value) != has(self.secret)", "set value or secret, one of them"),)

    name: HeaderName = Field(description="name of the header, for example X-Api-Key.")
    value: Annotated[str, bounded(1024, pattern=r"^[ -~]+$", says="write printable ASCII")] | None = Field(
        default=None, description="value of the header, for everyone to read."
    )
    secret: SecretKeyRef | None = Field(default=None, description="secret that holds the value.")
