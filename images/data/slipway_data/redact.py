"""How is private text replaced, and nothing else?

Secrets are told by the forms that name them: the key prefixes and token shapes that detect-secrets knows, and a few
more. Its entropy and keyword detectors are left out: in game data they take GUIDs and hashes for secrets.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from detect_secrets.plugins.aws import AWSKeyDetector
from detect_secrets.plugins.azure_storage_key import AzureStorageKeyDetector
from detect_secrets.plugins.base import RegexBasedDetector
from detect_secrets.plugins.basic_auth import BasicAuthDetector
from detect_secrets.plugins.discord import DiscordBotTokenDetector
from detect_secrets.plugins.github_token import GitHubTokenDetector
from detect_secrets.plugins.gitlab_token import GitLabTokenDetector
from detect_secrets.plugins.npm import NpmDetector
from detect_secrets.plugins.openai import OpenAIDetector
from detect_secrets.plugins.pypi_token import PypiTokenDetector
from detect_secrets.plugins.sendgrid import SendGridDetector
from detect_secrets.plugins.slack import SlackDetector
from detect_secrets.plugins.stripe import StripeDetector
from detect_secrets.plugins.telegram_token import TelegramBotTokenDetector

from slipway.api.dataset_redact import OwnWords
from slipway_data.own_words import OwnReplacer
from slipway_data.personal import Span, cards, ibans, phones

DETECTORS: tuple[RegexBasedDetector, ...] = (
    AWSKeyDetector(),
    AzureStorageKeyDetector(),
    BasicAuthDetector(),
    DiscordBotTokenDetector(),
    GitHubTokenDetector(),
    GitLabTokenDetector(),
    NpmDetector(),
    OpenAIDetector(),
    PypiTokenDetector(),
    SendGridDetector(),
    SlackDetector(),
    StripeDetector(),
    TelegramBotTokenDetector(),
)
# In these the first group is the secret; in the others groups are alternatives of a prefix.
GROUPED = (AWSKeyDetector, BasicAuthDetector, NpmDetector)
OWN = (
    r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*",  # JSON web token, signature included
    r"github_pat_\w{40,255}",
    r"hf_[A-Za-z0-9]{30,}",
    r"AIza[\w-]{35}",
    r"sk-(?:proj|svcacct|admin|ant)-[\w-]{20,}",
)


def _sign(pattern: re.Pattern[str]) -> str:
    """Return a text that is in everything that `pattern` matches: its beginning, as far as it means itself.

    Empty where that is not plain to see. To look for it costs a fraction of a search.
    """
    if pattern.flags & ~re.UNICODE or "|" in re.sub(r"\([^()]*\)", "", pattern.pattern):
        return ""
    found = re.match(r"(?:[\w/:=@ -]|\\[^\w])*", pattern.pattern)
    assert found is not None, "it matches nothing too"
    quantified = pattern.pattern[found.end() : found.end() + 1] in ("*", "?", "{")
    return re.sub(r"\\(.)", r"\1", found[0])[: -1 if quantified else None]


SECRETS: tuple[tuple[re.Pattern[str], int, str], ...] = tuple(
    (pattern, group, _sign(pattern))
    for pattern, group in (
        *((re.compile(pattern), 0) for pattern in OWN),
        *((p, int(isinstance(d, GROUPED) and p.groups > 0)) for d in DETECTORS for p in d.denylist),
    )
)
"""A pattern, the group of it that is the secret, and its sign."""
PEM = re.compile(r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?(?:-----END \1-----|\Z)", re.DOTALL)
EMAIL = re.compile(
    r"(?<![\w.+-])[A-Za-z0-9][\w.+%-]{0,63}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24}\b"
)
IPV4 = re.compile(r"\d(?<![\w.]\d)\d{0,2}\.(?:\d{1,3}\.){2}\d{1,3}(?![\w]|\.\d)")
"""Begins with a digit, not with a look at what is before it: for those, re skips fast."""
IPV4_SIGN = re.compile(r"\.\d{1,3}\.\d{1,3}\.\d")
"""What stands in every address of IPv4 after its first digits; numbers are in code at every turn, this is not."""
IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![\w:]|\.\d)")
IPV6_SIGN = re.compile(r":[0-9A-Fa-f]{0,4}:")
"""What stands in every address of IPv6 after its first digits. It begins with a sign: for those, re skips fast."""
IPV6_BEGIN = re.compile(r"(?:\A|[^\w:.])([0-9A-Fa-f]{0,4})\Z")
"""What may stand before that, with a character more, so that it is the begin of an address."""


class Redactor:
    """Replaces the kinds of text it was made for, and words of its owner, and counts what it replaced in `replaced`."""

    def __init__(self, kinds: Iterable[str], replaced: Counter[str], own: Sequence[OwnWords] = ()) -> None:
        steps: dict[str, Callable[[str], str]] = {
            "Secret": self._secrets,
            "IBAN": partial(self._spans, "IBAN", "<IBAN>", ibans),
            "Card": partial(self._spans, "Card", "<CARD>", cards),
            "Phone": partial(self._spans, "Phone", "<PHONE>", phones),
            "Email": self._emails,
            "IPAddress": self._addresses,
        }
        # Secrets first: the password in a URL's user:password@host looks like an e-mail address.
        self._steps = [step for kind, step in steps.items() if kind in set(kinds)]
        # Own words last: one of them may be a part of an address, which would then be none any more.
        self._steps += [OwnReplacer(own, self._count)] if own else []
        self.replaced = replaced

    def __call__(self, text: str) -> str:
        """Return `text` with private parts replaced by what they are, for example <SECRET> or <IP_ADDRESS>."""
        for step in self._steps:
            text = step(text)
        return text

    def _count(self, kind: str) -> None:
        self.replaced[kind] += 1

    def _secrets(self, text: str) -> str:
        text = self._counted("Secret", PEM.subn("<SECRET>", text))
        for pattern, group, sign in SECRETS:
            # No line has a match where the whole text has none: nothing in the patterns depends on where a line ends.
            if sign in text if sign else pattern.search(text):
                # Line by line, as detect-secrets does: its patterns may run to the end of what they are given.
                text = "\n".join([self._secrets_of(line, pattern, group) for line in text.split("\n")])
        return text

    def _secrets_of(self, line: str, pattern: re.Pattern[str], group: int) -> str:
        # From the right, so that the places of the matches before stay true.
        for start, end in reversed([match.span(group) for match in pattern.finditer(line)]):
            if not _inside_a_word(line, start, end):
                line = f"{line[:start]}<SECRET>{line[end:]}"
                self.replaced["Secret"] += 1
        return line

    def _spans(self, kind: str, placeholder: str, found: Callable[[str], Iterable[Span]], text: str) -> str:
        # From the right, so that the places of the matches before stay true.
        for start, end in reversed(list(found(text))):
            text = f"{text[:start]}{placeholder}{text[end:]}"
            self.replaced[kind] += 1
        return text

    def _emails(self, text: str) -> str:
        parts, end = [], 0
        while (sign := text.find("@", end)) >= 0:  # lines without one are not looked at
            begin = text.rfind("\n", end, sign) + 1 or end
            stop = text.find("\n", sign)
            line = text[begin : stop if stop >= 0 else None]
            parts += text[end:begin], self._emails_of(line)
            end = begin + len(line)
        return "".join((*parts, text[end:])) if parts else text

    def _emails_of(self, line: str) -> str:
        return self._counted("Email", EMAIL.subn("<EMAIL>", line))

    def _addresses(self, text: str) -> str:
        return self._ipv6(IPV4.sub(self._address, text) if IPV4_SIGN.search(text) else text)

    def _ipv6(self, text: str) -> str:
        """Return what IPV6.sub would, which looks at every character; `::` is in code at every turn."""
        parts, end = [], 0
        for sign in IPV6_SIGN.finditer(text):
            begin = IPV6_BEGIN.search(text[max(0, sign.start() - 5) : sign.start()])
            if begin is None:
                continue
            match = IPV6.match(text, sign.start() - len(begin[1]))
            if match is not None and match.start() >= end:
                parts += text[end : match.start()], self._address(match)
                end = match.end()
        return "".join((*parts, text[end:])) if parts else text

    def _counted(self, kind: str, done: tuple[str, int]) -> str:
        text, count = done
        if count:
            self.replaced[kind] += count
        return text

    def _address(self, match: re.Match[str]) -> str:
        try:
            found = ipaddress.ip_address(match[0])
        except ValueError:
            return match[0]
        # `::`, `a::b` and `::1` are code more often than addresses; loopback tells nothing about anybody.
        if found.is_loopback or found.is_unspecified or (found.version == 6 and len(match[0]) < 8):
            return match[0]
        self.replaced["IPAddress"] += 1
        return "<IP_ADDRESS>"


def _inside_a_word(line: str, start: int, end: int) -> bool:
    """Tell whether a match is only part of a longer run: key prefixes occur inside GUIDs and hashes by chance."""
    return line[start - 1 : start].isalnum() or line[end : end + 1].isalnum()
