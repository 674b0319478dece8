"""The error tree: every error carries its problems, each with its place and what to do."""

from __future__ import annotations

import pytest

from haemony.engine.errors import (
    BuildError,
    DeliveryError,
    HaemonyError,
    MappingError,
    Problem,
    QueryError,
    VocabularyError,
)


def test_a_problem_says_where_what_and_what_to_do() -> None:
    assert str(Problem("a.csv", 7, "Hb", "is no number.", "Correct it.")) == "a.csv:7:Hb: is no number. Correct it."
    assert str(Problem("a.csv", None, "", "is missing.")) == "a.csv: is missing."
    assert str(Problem("", None, "", "There is no build.", "Make one.")) == "There is no build. Make one."
    assert str(Problem("a.csv", None, "Hb", "x")) == "a.csv:Hb: x"


@pytest.mark.parametrize("kind", [MappingError, DeliveryError, VocabularyError, BuildError, QueryError])
def test_an_error_lists_all_its_problems(kind: type[HaemonyError]) -> None:
    problems = [Problem("a.csv", 2, "", "first"), Problem("b.csv", None, "", "second")]
    error = kind(iter(problems))
    assert isinstance(error, HaemonyError)
    assert error.problems == tuple(problems)
    assert str(error) == "a.csv:2: first\nb.csv: second"


def test_a_text_is_a_problem_too() -> None:
    assert BuildError("cannot go on.").problems == (Problem("", None, "", "cannot go on."),)


def test_problems_sort_by_place() -> None:
    first, second, third = Problem("a", 2, "", "z"), Problem("a", 10, "", "a"), Problem("b", 1, "", "a")
    assert sorted([third, second, first]) == [first, second, third]
