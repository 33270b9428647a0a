"""How can a measurement fail before it says anything? Each message names the cause and what to do."""

from __future__ import annotations


class SourceError(Exception):
    """A source gave no usable answer."""


class Unavailable(SourceError):
    """It could not be reached, was too slow, or failed."""


class BadQuery(SourceError):
    """It refuses the question, or the question has no answer of the right kind."""


class Missing(SourceError):
    """What is asked about does not exist."""


class Malformed(SourceError):
    """Its answer is not what was agreed."""


class Denied(SourceError):
    """The installation does not allow the question, or a Secret that it needs is not as it should be."""
