"""Is private text replaced, and everything else left alone?"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipway_data.redact import EMAIL, IPV6, SECRETS, Redactor, _sign

T3D = Path(__file__).parents[2] / "data" / "t3d"
ALL = ("Secret", "Email", "IPAddress")
# Made of parts, so that no scanner takes this file for a leak.
AWS = "AKIA" + "IOSFODNN7EXAMPLE"
GITHUB = "ghp_" + "a1B2" * 9
JWT = "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0In0" + ".dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nabc==\n-----END RSA PRIVATE KEY-----"


def redacted(text: str, *kinds: str) -> str:
    return Redactor(kinds or ALL, Counter())(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mail ann.lee+x@mail.example.co.uk, please", "mail <EMAIL>, please"),
        ("<bob@example.org>;eve@example.org.", "<<EMAIL>>;<EMAIL>."),
        ("ping 192.168.1.20:8080 now", "ping <IP_ADDRESS>:8080 now"),
        ("at 10.0.0.1.", "at <IP_ADDRESS>."),
        ("from 2001:db8::ff00:42:8329 on", "from <IP_ADDRESS> on"),
        (f"key = {AWS} # mine", "key = <SECRET> # mine"),
        (f"git clone https://ann:{'hunter' + '2'}@host/x", "git clone https://ann:<SECRET>@host/x"),
        (f"token {GITHUB} twice {GITHUB}", "token <SECRET> twice <SECRET>"),
        (f"Bearer {JWT}, next", "Bearer <SECRET>, next"),
        ("hf_" + "aB3" * 11, "<SECRET>"),
        ("//registry.example.org/:_authToken=npm_" + "abc123", "//registry.example.org/:_authToken=<SECRET>"),
        (f"a\n{PEM}\nb", "a\n<SECRET>\nb"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE cut off", "<SECRET>"),
    ],
)
def test_private_text_is_replaced(text: str, expected: str) -> None:
    assert redacted(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "NodeGuid=968059974A02AF6B67D2879EC909179A",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "K2Node_CallFunction_31 C213898047FB4EE388496E786C75A377",
        "K2Node_CallFunction_31 C213ACCA47FB4EE388496E786C75A377 ACCA898047FB4EE388496E786C75A377",
        'password = "hunter2 is what they all say"',
        "FVector::Dot(a::b, ::c)",
        "Path'/Game/New.New:PersistentLevel.Graph'",
        "version 1.2.3.4.5 and 4.27.2",
        "127.0.0.1 and ::1 and 0.0.0.0",
        "12:30:45 at 256.300.1.1",
        "user@localhost, @decorator, a@b, me@",
        "x = cls.__init__@property",
        "(R=0.000000,G=0.660000,B=1.000000,A=1.000000)",
    ],
)
def test_everything_else_is_left_alone(text: str) -> None:
    assert redacted(text) == text


@pytest.mark.parametrize("path", sorted(T3D.glob("*.t3d")), ids=lambda p: p.stem)
def test_blueprints_come_through_unharmed(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert redacted(text) == text


def test_only_the_kinds_asked_for_are_replaced_and_counted() -> None:
    text = f"{AWS} ann@example.org 192.168.1.20"
    assert redacted(text, "Email") == f"{AWS} <EMAIL> 192.168.1.20"
    counts: Counter[str] = Counter()
    redactor = Redactor(ALL, counts)
    redactor(text)
    redactor("bob@example.org")
    assert counts == {"Secret": 1, "Email": 2, "IPAddress": 1}


def test_redacting_twice_changes_nothing() -> None:
    once = redacted(f"{AWS} ann@example.org 192.168.1.20 https://ann:secret@host")
    assert redacted(once) == once


@pytest.mark.parametrize(("pattern", "sign"), [(p, sign) for p, _, sign in SECRETS if sign], ids=lambda x: str(x)[:20])
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_what_a_pattern_matches_has_its_sign(pattern: re.Pattern[str], sign: str, data: st.DataObject) -> None:
    assert sign in data.draw(st.from_regex(pattern))


def test_most_patterns_have_a_sign_and_those_without_are_searched_for() -> None:
    signs = {pattern.pattern: sign for pattern, _, sign in SECRETS}
    assert sum(map(bool, signs.values())) * 2 > len(signs)
    assert signs[r"hf_[A-Za-z0-9]{30,}"] == "hf_"
    assert _sign(re.compile("abc?d")) == "ab"
    assert _sign(re.compile("ab|cd")) == ""
    assert _sign(re.compile("ab", re.IGNORECASE)) == ""
    assert _sign(re.compile(r"\/\/a(?:b|c)")) == "//a"


pieces = st.sampled_from(
    [
        AWS,
        GITHUB,
        JWT,
        "a@b.example",
        "line without a sign",
        "1.2.3",
        "\n",
        "1.2.3.4",
        "10.0.0.1",
        "2001:db8::ff00:42:8329",
        "1:2:3:4:5:6:7:8",
        "::1",
        "::",
        "cafe",
        "(",
        "x",
        ".",
        ":",
        "@",
        " ",
        "\n",
        "//h/:_authToken=",
        "npm_abc",
        "https://u:pw@h",
        "1234567890:" + "A" * 35,
        "é",
    ]
)


@given(st.lists(pieces, max_size=12).map("".join))
def test_short_cuts_change_nothing(text: str) -> None:
    """Against every pattern on every line, and addresses by the plain patterns."""
    wanted = "\n".join(map(_slowly, text.split("\n")))
    assert redacted(text) == wanted


def _slowly(line: str) -> str:
    redactor = Redactor(ALL, Counter())
    for pattern, group, _ in SECRETS:
        line = redactor._secrets_of(line, pattern, group)
    line = EMAIL.sub("<EMAIL>", line)
    plain = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)")
    return IPV6.sub(redactor._address, plain.sub(redactor._address, line))
