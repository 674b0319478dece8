from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haemony.mappings.curie import canonical, encode, is_curie, matches, nearest, split_subject, subject_id

VARIABLES = st.text(min_size=1, max_size=20).filter(lambda s: s.isprintable())


@given(VARIABLES)
def test_a_subject_id_gives_its_variable_back(variable: str) -> None:
    subject = subject_id("amlsg", "clinical", variable)
    assert split_subject(subject) == ("amlsg", "clinical", variable)
    assert set(subject.removeprefix("amlsg:clinical.")) <= set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-%"
    )


@pytest.mark.parametrize("subject", ["", "x", "amlsg:clinical", "amlsg:clinical.", ":a.b", "amlsg:.b"])
def test_what_is_no_subject(subject: str) -> None:
    assert split_subject(subject) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.0", "1"),
        (" 1.000 ", "1"),
        ("-2.0", "-2"),
        ("01", "01"),
        ("1.50", "1.50"),
        ("1.", "1."),
        ("x.0", "x.0"),
        ("", ""),
    ],
)
def test_canonical(text: str, expected: str) -> None:
    assert canonical(text) == expected


@given(st.text(max_size=15))
def test_canonical_is_settled_at_once(text: str) -> None:
    assert canonical(canonical(text)) == canonical(text)


@given(VARIABLES)
def test_globs(column: str) -> None:
    assert matches("*", column)
    assert matches(column, column)
    assert matches(f"{column}*", f"{column}tail")
    assert matches("Hb [g/dL]", column) == (column == "Hb [g/dL]")


def test_case_counts_in_globs() -> None:
    assert not matches("DEL_*", "del_5q")


def test_curies() -> None:
    assert is_curie("OMOP:3000963")
    assert is_curie("UCUM:10*9/L")
    assert not is_curie("Lexical")
    assert not is_curie("a: b")


def test_nearest() -> None:
    assert nearest("Measurment", ["Measurement", "Mutation"]) == "Did you mean 'Measurement'?"
    assert nearest("zzz", ["a", "b"]) == "There are: a, b."
    assert nearest("zzz", []) == ""
    assert encode("a~b") == "a%7Eb"
