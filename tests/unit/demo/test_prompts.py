"""Users ask first questions and come back with follow-ups, which are longer."""

from __future__ import annotations

from e2e.demo.prompts import conversations


def row(answer: int, name: str = "") -> list[dict[str, str]]:
    return [
        {"role": "system", "content": "You write graphs."},
        {"role": "user", "content": f"Write {name}"},
        {"role": "assistant", "content": "x" * answer},
    ]


def test_every_second_conversation_is_a_follow_up() -> None:
    found = conversations([row(600, str(i)) for i in range(9)])
    follow_ups = [c for c in found if any(m["role"] == "assistant" for m in c)]
    assert (len(found), len(follow_ups)) == (18, 9)


def test_every_conversation_ends_with_the_users_words_and_keeps_the_held_out_answer_out() -> None:
    for talk in conversations([row(600, "a"), row(700, "b")]):
        assert talk[-1]["role"] == "user"
        answered = [m for m in talk if m["role"] == "assistant"]
        assert not answered or talk[1]["content"] != talk[-1]["content"]


def test_answers_too_short_or_too_long_are_not_followed_up() -> None:
    assert all(len(talk) == 2 for talk in conversations([row(10), row(5000)]))
    assert conversations([]) == []
