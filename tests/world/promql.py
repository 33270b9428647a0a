"""What does a PromQL query find in samples? The part of the language that the operator's questions use.

Selectors with `=` matchers, ranges, `@` and `offset`; increase, rate, last_over_time, timestamp; sum, max, min and
count by labels; label_replace by a constant; arithmetic, comparisons, `and`, `or` and `unless`, with `ignoring`;
numbers. Anything else is an error, so that a question in new words is noticed instead of being answered wrongly.
"""

from __future__ import annotations

import functools
import operator
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise

Labels = tuple[tuple[str, str], ...]
Key = tuple[str, Labels]
Samples = dict[Key, tuple[list[float], list[float]]]
"""By series: the times of its samples, rising, and their values."""
Vector = dict[Labels, float]
STALE_SECONDS = 300.0
TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[A-Za-z_:][\w:]*|[0-9.]+(?:[smhd])?|[<>]=|[(){}\[\],=@+*/<>-])')
UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
EPOCH = 1_795_143_600.0
"""2026-11-20 03:00 UTC: the calendar's time at virtual second 0."""


def key(name: str, labels: Mapping[str, str]) -> Key:
    """Return the identity of a series."""
    return name, tuple(sorted(labels.items()))


def keep(samples: Samples, read: Iterable[tuple[Key, float]], at: float) -> None:
    """Add to `samples` what a scrape read at `at`."""
    for series, value in read:
        times, values = samples.setdefault(series, ([], []))
        times.append(at)
        values.append(value)


def evaluate(query: str, samples: Samples, now: float) -> list[tuple[dict[str, str], float]]:
    """Return the instant vector that `query` yields at `now`."""
    return [(dict(labels), value) for labels, value in compile_query(query)(samples, now).items()]


Query = Callable[[Samples, float], Vector]
Scalar = float
Part = Query | Scalar
LOOSEST_FIRST = (("or",), ("and", "unless"), (">", "<", ">=", "<="), ("+", "-"), ("*", "/"))
OPERATORS: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda one, other: one / other if other else float("nan"),
}
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}


@functools.lru_cache(maxsize=4096)
def compile_query(query: str) -> Query:
    """Return `query` as a function of samples and time."""
    parser = _Parser(query)
    found = parser.expression()
    assert parser.peek() is None, f"PromQL not understood at {parser.rest()!r} in {query!r}"
    return found if callable(found) else lambda samples, now: {(): found}


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[str] = []
        position, text = 0, text.rstrip()
        while position < len(text):
            match = TOKEN.match(text, position)
            assert match is not None, f"PromQL not understood at {text[position:]!r}"
            self._tokens.append(match[1])
            position = match.end()
        self._at = 0

    def peek(self) -> str | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def rest(self) -> str:
        return " ".join(self._tokens[self._at :])

    def take(self, wanted: str = "") -> str:
        found = self.peek()
        assert found is not None, "PromQL ends too early"
        assert not wanted or found == wanted, f"PromQL: expected {wanted!r} before {self.rest()!r}"
        self._at += 1
        return found

    def expression(self, level: int = 0) -> Part:
        if level == len(LOOSEST_FIRST):
            return self.term()
        left = self.expression(level + 1)
        while self.peek() in LOOSEST_FIRST[level]:
            word = self.take()
            ignored: tuple[str, ...] = ()
            if self.peek() == "ignoring":
                self.take()
                ignored = self.names()
            left = _binary(word, left, self.expression(level + 1), frozenset(ignored))
        return left

    def term(self) -> Part:
        if self.peek() == "(":
            self.take("(")
            inner = self.expression()
            self.take(")")
            return inner
        word = self.take()
        if word[0].isdigit():
            return float(word)
        if word in ("sum", "max", "min", "count"):
            return self.aggregation(word)
        if word == "label_replace":
            return self.label_replace()
        if word == "timestamp":
            self.take("(")
            selected = self.selector(self.take())
            self.take(")")
            return _instant(*selected, times=True)
        if word in ("increase", "rate", "last_over_time"):
            self.take("(")
            selected = self.selector(self.take())
            self.take(")")
            return _over_time(word, *selected)
        return _instant(*self.selector(word))

    def vector(self) -> Query:
        found = self.expression()
        assert callable(found), "PromQL: a vector is expected, not a number"
        return found

    def aggregation(self, word: str) -> Query:
        by: tuple[str, ...] = ()
        if self.peek() == "by":
            self.take("by")
            by = self.names()
        self.take("(")
        inner = self.vector()
        self.take(")")
        if self.peek() == "by":
            self.take("by")
            by = self.names()
        return _aggregate(word, by, inner)

    def names(self) -> tuple[str, ...]:
        self.take("(")
        found = []
        while self.peek() != ")":
            found.append(self.take())
            if self.peek() == ",":
                self.take(",")
        self.take(")")
        return tuple(found)

    def label_replace(self) -> Query:
        self.take("(")
        inner = self.vector()
        texts = []
        for _ in range(4):
            self.take(",")
            texts.append(self.take()[1:-1])
        self.take(")")
        label, value, source, pattern = texts
        assert "$" not in value, "label_replace by a part of the label is not understood"

        def relabelled(labels: Labels) -> Labels:
            found = dict(labels)
            matches = re.fullmatch(pattern, found.get(source, "")) is not None
            return tuple(sorted({**found, label: value}.items())) if matches else labels

        def replaced(samples: Samples, now: float) -> Vector:
            return {relabelled(labels): v for labels, v in inner(samples, now).items()}

        return replaced

    def selector(self, name: str) -> tuple[str, dict[str, str], float, float, float | None]:
        """Return metric, matchers, range, offset and the moment after `@`."""
        matchers: dict[str, str] = {}
        if self.peek() == "{":
            self.take("{")
            while self.peek() != "}":
                label = self.take()
                self.take("=")
                matchers[label] = self.take()[1:-1]
                if self.peek() == ",":
                    self.take(",")
            self.take("}")
        window, offset, at = 0.0, 0.0, None
        if self.peek() == "[":
            self.take("[")
            window = _duration(self.take())
            self.take("]")
        while self.peek() in ("@", "offset"):
            if self.take() == "@":
                at = float(self.take()) - EPOCH
            else:
                offset = _duration(self.take())
        return name, matchers, window, offset, at


def _duration(text: str) -> float:
    return float(text[:-1]) * UNITS[text[-1]]


def _matching(name: str, matchers: Mapping[str, str], samples: Samples) -> list[Key]:
    wanted = set(matchers.items())
    return [found for found in samples if found[0] == name and wanted <= set(found[1])]


def _instant(
    name: str, matchers: dict[str, str], window: float, offset: float, at: float | None, *, times: bool = False
) -> Query:
    assert not window, "a range needs a function around it"

    def found(samples: Samples, now: float) -> Vector:
        end = (at if at is not None else now) - offset
        result: Vector = {}
        for series in _matching(name, matchers, samples):
            taken, values = samples[series]
            last = bisect_right(taken, end) - 1
            if last >= 0 and taken[last] > end - STALE_SECONDS:
                result[series[1]] = taken[last] + EPOCH if times else values[last]
        return result

    return found


def _over_time(word: str, name: str, matchers: dict[str, str], window: float, offset: float, at: float | None) -> Query:
    assert window, f"{word} needs a range"

    def found(samples: Samples, now: float) -> Vector:
        end = (at if at is not None else now) - offset
        result: Vector = {}
        for series in _matching(name, matchers, samples):
            times, values = samples[series]
            first, last = bisect_right(times, end - window), bisect_right(times, end)
            if word == "last_over_time" and last > first:
                result[series[1]] = values[last - 1]
            elif word != "last_over_time" and last - first > 1:
                grown = _increase(times[first:last], values[first:last], end, window)
                result[series[1]] = grown / window if word == "rate" else grown
        return result

    return found


def _increase(times: list[float], values: list[float], end: float, window: float) -> float:
    """Return the growth, extrapolated to the window's edges as Prometheus does it (promql/functions.go)."""
    grown = sum(after - before if after >= before else after for before, after in pairwise(values))
    span = times[-1] - times[0]
    usual = span / (len(times) - 1)
    before, after = times[0] - (end - window), end - times[-1]
    if before >= usual * 1.1:
        before = usual / 2
    if grown > 0 and values[0] >= 0:
        before = min(before, span * values[0] / grown)  # a counter cannot have been below zero
    if after >= usual * 1.1:
        after = usual / 2
    return grown * (span + before + after) / span


def _aggregate(word: str, by: tuple[str, ...], inner: Query) -> Query:
    join: Callable[[list[float]], float] = {"sum": sum, "max": max, "min": min, "count": len}[word]  # type: ignore[assignment]

    def found(samples: Samples, now: float) -> Vector:
        groups: dict[Labels, list[float]] = {}
        for labels, value in inner(samples, now).items():
            group = tuple((name, text) for name, text in labels if name in by)
            groups.setdefault(group, []).append(value)
        return {labels: join(values) for labels, values in groups.items()}

    return found


def _binary(word: str, left: Part, right: Part, ignored: frozenset[str]) -> Part:
    """Return an operation of two vectors, matched by the labels that are not ignored, or of a vector and a number."""
    if not callable(left) and not callable(right):
        return OPERATORS[word](left, right)

    def found(samples: Samples, now: float) -> Vector:
        one = left(samples, now) if callable(left) else left
        other = right(samples, now) if callable(right) else right
        if isinstance(one, dict) and isinstance(other, dict):
            return _matched(word, one, other, ignored)
        if isinstance(one, dict):
            assert not isinstance(other, dict)
            return {labels: v for labels, value in one.items() if (v := _applied(word, value, other)) is not None}
        assert isinstance(other, dict)
        assert word in OPERATORS, f"a number {word} a vector is not understood"
        return {labels: OPERATORS[word](one, value) for labels, value in other.items()}

    return found


def _matched(word: str, one: Vector, other: Vector, ignored: frozenset[str]) -> Vector:
    def group(labels: Labels) -> Labels:
        return tuple(pair for pair in labels if pair[0] not in ignored) if ignored else labels

    theirs = {group(labels): value for labels, value in other.items()}
    match word:
        case "or":
            mine = {group(labels) for labels in one}
            return {**one, **{labels: value for labels, value in other.items() if group(labels) not in mine}}
        case "and":
            return {labels: value for labels, value in one.items() if group(labels) in theirs}
        case "unless":
            return {labels: value for labels, value in one.items() if group(labels) not in theirs}
    pairs = ((labels, value, theirs[group(labels)]) for labels, value in one.items() if group(labels) in theirs)
    return {group(labels): v for labels, a, b in pairs if (v := _applied(word, a, b)) is not None}


def _applied(word: str, one: float, other: float) -> float | None:
    """Return the result of an operation; None where a comparison does not hold."""
    if word in COMPARISONS:
        return one if COMPARISONS[word](one, other) else None
    return OPERATORS[word](one, other)
