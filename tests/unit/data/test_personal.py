"""Are telephone numbers, bank accounts and cards found, and what only looks like them left alone?"""

from __future__ import annotations

from collections import Counter

import pytest

from slipway_data.redact import Redactor


def redacted(text: str, *kinds: str) -> str:
    return Redactor(kinds or ("Phone", "IBAN", "Card"), Counter())(text)


@pytest.mark.parametrize(
    "number",
    ["+49 30 901820", "+4930901820", "+1 650-253-0000", "+1 (650) 253-0000", "+44 20 7031 3000", "+33 1 42 68 53 00"],
)
def test_telephone_numbers_with_the_code_of_a_country_are_replaced(number: str) -> None:
    assert redacted(f"Call {number}, or write.", "Phone") == "Call <PHONE>, or write."
    assert redacted(number, "Phone") == "<PHONE>"


@pytest.mark.parametrize(
    "text",
    [
        "030 901820",  # in which country?
        "+49 30 1",  # too short
        "+999 123 456 789",  # no such country
        "+1 123 456 7890",  # no such area
        "total+4930901820",
        "f(x)+4930901820",
        "x = 1 + 2 + 3",
        "FVector(X=1.0,Y=+2.500000,Z=-3.125)",
        "git show abc+16502530000ff",
        "2026-11-28T19:00:00+01:00",
        "C++ 17 20 23",
    ],
)
def test_what_is_no_telephone_number_stays(text: str) -> None:
    assert redacted(text, "Phone") == text


@pytest.mark.parametrize(
    "number",
    [
        "DE89 3704 0044 0532 0130 00",
        "DE89370400440532013000",
        "GB29 NWBK 6016 1331 9268 19",
        "FR14 2004 1010 0505 0001 3M02 606",
        "NO93 8601 1117 947",
        "MT84 MALT 0110 0001 2345 MTLC AST0 01S",
    ],
)
def test_bank_accounts_are_replaced(number: str) -> None:
    assert redacted(f"Pay to {number} by Friday.", "IBAN") == "Pay to <IBAN> by Friday."
    assert redacted(f"{number} IBAN OK\n{number}", "IBAN") == "<IBAN> IBAN OK\n<IBAN>"


@pytest.mark.parametrize(
    "text",
    [
        "DE89 3704 0044 0532 0130 01",  # check digits
        "DE89 3704 0044 0532 0130",  # too short for its country
        "XX89 3704 0044 0532 0130 00",  # no such country
        "xDE89370400440532013000",
        "DE89370400440532013000A7",
        "A1B2C3D4E5F60718293A4B5C6D7E8F90",  # a GUID
        "SM64 SHADER MODEL 0123 4567",
    ],
)
def test_what_is_no_bank_account_stays(text: str) -> None:
    assert redacted(text, "IBAN") == text


@pytest.mark.parametrize(
    "number",
    [
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "4111111111111111",
        "5555 5555 5555 4444",
        "2223 0031 2200 3222",
        "3782 822463 10005",
        "378282246310005",
        "3056 930902 5904",
        "6011 1111 1111 1117",
        "3530 1113 3330 0000",
    ],
)
def test_payment_cards_are_replaced(number: str) -> None:
    assert redacted(f"Charge {number}.", "Card") == "Charge <CARD>."


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112",  # check digit
        "4111 1111 1111 111",  # too short
        "4111-1111 1111-1111",  # no one writes it so
        "1234567890123452",  # a right check digit, and nobody's card
        "9999999999999995",
        "1732822752000",  # a time in milliseconds
        "4006381333931",  # the number of an article
        "0.4111111111111111",
        "-4111111111111111",
        "4111111111111111.5",
        "0x4111111111111111",
        "4111111111111111abcd",
    ],
)
def test_what_is_no_payment_card_stays(text: str) -> None:
    assert redacted(text, "Card") == text


def test_only_what_is_asked_for_is_replaced_and_counted() -> None:
    text = "+49 30 901820 DE89370400440532013000 4111111111111111 a@example.org"
    assert redacted(text, "Secret") == text
    counted = Counter[str]()
    found = Redactor(("Phone", "IBAN", "Card", "Email"), counted)(f"{text}\n{text}")
    assert found == "\n".join(["<PHONE> <IBAN> <CARD> <EMAIL>"] * 2)
    assert counted == {"Phone": 2, "IBAN": 2, "Card": 2, "Email": 2}
