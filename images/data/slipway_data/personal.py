"""Which numbers in a text are a person's: telephone, bank account, payment card?

What is a number of its kind is told by maintained packages, with plans of numbers and check digits: phonenumbers
(Google's libphonenumber) and python-stdnum. Here is where such numbers begin and end in a text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from phonenumbers import Leniency, PhoneNumberMatcher
from stdnum import iban, luhn

Span = tuple[int, int]

PLUS = re.compile(r"[+\uff0b] ?[(\[]?\d")
IBAN_BEGIN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?=[ -]?[A-Z0-9]{4})")
IBAN_REST = re.compile(r"(?:[ -]?[A-Z0-9])*")
IBAN_LONGEST = 34 + 11
"""Letters and digits of the longest there may be, and the spaces between its groups."""
CARD = re.compile(
    r"""(?<![\w.+-])(?:
        \d{14,19}
        |\d{4}(?P<a>[ -])\d{4}(?P=a)\d{4}(?P=a)\d{1,4}(?:(?P=a)\d{1,3})?
        |\d{4}(?P<b>[ -])\d{6}(?P=b)\d{4,5}
    )(?![\w-]|\.\d)""",
    re.VERBOSE,
)
ISSUED = re.compile(
    r"""4\d{15}(?:\d{3})?                                                # Visa
    |(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}   # Mastercard
    |3[47]\d{13}                                                         # American Express
    |3(?:0[0-5]|[689]\d)\d{11}                                           # Diners Club
    |(?:6011|64[4-9]\d|65\d\d|62\d\d)\d{12,15}                           # Discover, UnionPay
    |35(?:2[89]|[3-8]\d)\d{12,15}                                        # JCB""",
    re.VERBOSE,
)
"""Numbers that networks of cards give out: of others one in ten would have a right check digit by chance."""


def phones(text: str) -> Iterator[Span]:
    """Yield where `text` has telephone numbers that begin with + and the code of a country, and may be somebody's.

    Numbers without it are left alone: in which country one would be valid is not known, and in some nearly any is.
    """
    if PLUS.search(text) is None:
        return
    at = 0
    for line in text.splitlines(keepends=True):
        if PLUS.search(line) is not None:  # The search is slow, and a line without this has none.
            yield from ((at + start, at + end) for start, end in _phones_of(line))
        at += len(line)


def _phones_of(line: str) -> Iterator[Span]:
    for match in PhoneNumberMatcher(line, None, leniency=Leniency.VALID):
        before = line[match.start - 1 : match.start] if match.start else ""
        # A sum, and no telephone number: `total+4930901820`.
        if not (before.isalnum() or before in ("_", ")", "]")):
            yield match.start, match.end


def ibans(text: str) -> Iterator[Span]:
    """Yield where `text` has international bank account numbers with the length and check digits of their country."""
    end = 0
    for begin in IBAN_BEGIN.finditer(text):
        if begin.start() < end:
            continue
        rest = IBAN_REST.match(text, begin.end(), begin.start() + IBAN_LONGEST)
        assert rest is not None, "it matches nothing too"
        # A word in capitals may follow: the longest of what can be it is it.
        for at in range(rest.end(), begin.end(), -1):
            if not text[at : at + 1].isalnum() and text[at - 1].isalnum() and iban.is_valid(text[begin.start() : at]):
                end = at
                yield begin.start(), at
                break


def cards(text: str) -> Iterator[Span]:
    """Yield where `text` has numbers that a network of payment cards gives out, with a right check digit."""
    for match in CARD.finditer(text):
        digits = re.sub(r"[ -]", "", match[0])
        if ISSUED.fullmatch(digits) and luhn.is_valid(digits):
            yield match.span()
