"""Are the words that somebody called private replaced, whole and nowhere else?"""

from __future__ import annotations

from collections import Counter

import pytest

from slipway.api.dataset_redact import OwnWords
from slipway.api.dataset_steps import Redact
from slipway_data.alone import change
from slipway_data.counts import Counts
from slipway_data.own_words import placeholder
from slipway_data.redact import Redactor
from slipway_data.rows import Completion, Row


def redacted(
    text: str, *words: str, name: str = "Person", ignore_case: bool = False, kinds: tuple[str, ...] = ()
) -> str:
    return Redactor(kinds, Counter(), (OwnWords(name=name, words=list(words), ignore_case=ignore_case),))(text)


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("Jane Doe wrote it.", "<PERSON> wrote it."),
        ("by Jane\n  Doe, Jane  Doe's friend", "by <PERSON>, <PERSON>'s friend"),
        ("(Jane Doe)", "(<PERSON>)"),
        ("Jane Doe Jane Doe", "<PERSON> <PERSON>"),
        ("O'Brien-Łuczak", "<PERSON>"),
        ("# jdoe: fix", "# <PERSON>: fix"),
        ("owner=@jdoe", "owner=<PERSON>"),
        ("Jane Doe Jr. left", "<PERSON> left"),
        ("Jane Doe Jr.", "<PERSON>"),
    ],
)
def test_words_are_replaced_where_they_stand_whole(text: str, becomes: str) -> None:
    assert redacted(text, "Jane Doe", "Jane Doe Jr.", "O'Brien-Łuczak", "jdoe", "@jdoe") == becomes


@pytest.mark.parametrize(
    "text", ["Janet Doe", "MaryJane Doe", "Jane_Doe", "jane doe", "Jane, Doe", "Jane Does", "Jane", ""]
)
def test_what_only_looks_like_them_stays(text: str) -> None:
    assert redacted(text, "Jane Doe") == text


def test_case_makes_no_difference_where_that_is_said() -> None:
    assert redacted("WILL will Will willing", "Will", ignore_case=True) == "<PERSON> <PERSON> <PERSON> willing"
    assert redacted("WILL will Will", "Will") == "WILL will <PERSON>"
    # Folding changes the length of these; they are other words to it, and no error.
    assert redacted("İstanbul straße STRASSE", "istanbul", "straße", ignore_case=True) == "İstanbul <PERSON> STRASSE"


def test_addresses_are_found_before_words_in_them_and_placeholders_stay() -> None:
    found = redacted("jane@acme.org of acme, <EMAIL> and EMAIL", "acme", "EMAIL", name="GameMaster", kinds=("Email",))
    assert found == "<EMAIL> of <GAME_MASTER>, <EMAIL> and <GAME_MASTER>"


def test_of_a_word_that_two_kinds_have_the_first_one_counts() -> None:
    counted = Counter[str]()
    own = (OwnWords(name="Person", words=["Ada"]), OwnWords(name="Ship", words=["Ada", "Ada Lovelace"]))
    assert Redactor((), counted, own)("Ada, Ada Lovelace, Ada") == "<PERSON>, <SHIP>, <PERSON>"
    assert counted == {"Person": 2, "Ship": 1}


def test_a_row_has_them_replaced_in_both_of_its_texts() -> None:
    counts = Counts()
    step = Redact(own=[OwnWords(name="Customer", words=["Acme"])])
    done = change(step, 1, counts)(Row("a#1", "a", Completion("For Acme:", "Acme's sword")))
    assert isinstance(done, Row)
    assert done.content == Completion("For <CUSTOMER>:", "<CUSTOMER>'s sword")
    assert counts.replaced == {"Customer": 2}


def test_names_of_kinds_become_placeholders() -> None:
    assert [placeholder(name) for name in ("Person", "GameMaster", "NPC", "Npc2Name")] == [
        "<PERSON>", "<GAME_MASTER>", "<NPC>", "<NPC2_NAME>",
    ]  # fmt: skip


def test_many_words_are_looked_for_in_one_pass() -> None:
    """As many as the API takes; with one search for each word this would take minutes."""
    own = [OwnWords(name=f"K{k}", words=[f"Name{k}x{n} Surname" for n in range(128)]) for k in range(4)]
    text = "Name3x127 Surname met Name0x0 Surname and nobody else. " * 5000
    counted = Counter[str]()
    Redactor((), counted, own)(text)
    assert counted == {"K3": 5000, "K0": 5000}
