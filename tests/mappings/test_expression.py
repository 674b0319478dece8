from __future__ import annotations

from decimal import Decimal
from typing import Any

import ibis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haemony.mappings.expression import ExpressionError, columns, mentioned, parse, quoted, to_ibis

CONNECTION = ibis.duckdb.connect()
ROW = {"a": "x", "n": "1.0", "m": "-2.5", "e": None, "odd name": "FLT3 ITD", "lower": "straße"}


def run(expression: str, row: dict[str, str | None] | None = None, **options: str) -> Any:
    row = ROW if row is None else row
    table = ibis.memtable({name: [text] for name, text in row.items()}, schema=dict.fromkeys(row, "string"))
    return results(table, expression, **options)[0]


def results(table: Any, expression: str, **options: str) -> list[Any]:
    answers: list[Any] = CONNECTION.to_pyarrow(table.select(r=to_ibis(expression, table, **options)))["r"].to_pylist()
    return answers


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a", "x"),
        ("e", None),
        ("'text'", "text"),
        ('"odd name"', "FLT3 ITD"),
        ("a || '-' || n", "x-1.0"),
        ("a || e", None),
        ("COALESCE(e, a)", "x"),
        ("COALESCE(e, 7)", "7"),
        ("NULLIF(a, 'x')", None),
        ("NULLIF(n, 1)", None),
        ("NULLIF(a, 1)", "x"),
        ("NULLIF(a, e)", "x"),
        ("CASE WHEN a = 'x' THEN 'yes' ELSE 'no' END", "yes"),
        ("CASE WHEN a = 'y' THEN 'yes' END", None),
        ("CASE n WHEN 1 THEN 'one' WHEN 2 THEN 'two' END", "one"),
        ("CASE WHEN e = 'x' THEN 'yes' ELSE NULL END", None),
        ("replace(a, 'x', 'yz')", "yz"),
        ("replace(a, 'x', '')", None),
        ('substr("odd name", 6)', "ITD"),
        ('substr("odd name", 1, 4)', "FLT3"),
        ("upper(a)", "X"),
        ("lower('ABC')", "abc"),
        ("trim('  a ')", "a"),
        ("regexp_extract(\"odd name\", '([A-Z]+)([0-9])', 2)", "3"),
        ("regexp_extract(a, '[0-9]')", None),
        ("number(n)", "1"),
        ("number(a)", None),
        ("n + 1", "2"),
        ("m - n", "-3.5"),
        ("m * 4", "-10"),
        ("100 / 8", "12.5"),
        ("n / 0", None),
        ("n / 3", "0.333333"),
        ("-m", "2.5"),
        ("round(m)", "-3"),
        ("number(n) || 'x'", "1x"),
        ("100 * n", "100"),
    ],
)
def test_values(expression: str, expected: str | None) -> None:
    assert run(expression) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a = 'x'", True),
        ("a <> 'x'", False),
        ("n = 1", True),
        ("n = '1'", False),
        ("n IN (1, 2)", True),
        ("n IN ('1', '2')", False),
        ("a IN ('x', 'y')", True),
        ("a NOT IN ('x', 'y')", False),
        ("m < 0", True),
        ("m <= -2.5", True),
        ("m > n", False),
        ("n >= 1", True),
        ("a > 1", None),
        ("a LIKE 'x%'", True),
        ("a NOT LIKE '_'", False),
        ("e IS NULL", True),
        ("a IS NOT NULL", True),
        ("number(a) IS NULL", True),
        ("e = 'x'", None),
        ("e <> 'x'", None),
        ("e = 'x' OR a = 'x'", True),
        ("e = 'x' AND a = 'y'", False),
        ("NOT (a = 'x')", False),
    ],
)
def test_conditions(expression: str, expected: bool | None) -> None:
    assert run(expression) is expected


def test_text_is_compared_as_text_and_numbers_as_numbers() -> None:
    assert run("x > '10'", {"x": "9"}) is True
    assert run("x > 10", {"x": "9"}) is False


def test_a_number_too_large_to_keep_is_null() -> None:
    assert run("x * x", {"x": "999999999999"}) is None


@pytest.mark.parametrize(("text", "expected"), [("1,5", "3"), ("1.5", None), ("1", "2")])
def test_decimal_comma(text: str, expected: str | None) -> None:
    assert run("x * 2", {"x": text}, decimal_mark=",") == expected


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("a BETWEEN 1 AND 2", "character 1: BETWEEN is not"),
        ("a::INT = 1", "CAST is not"),
        ("a = TRUE", "character 5: BOOLEAN is not"),
        ("Patient ID", "odd column name stands in double quotes"),
        ("t.a", "odd column name stands in double quotes"),
        ("current_date", "odd column name stands in double quotes"),
        ("f(a)", "f() is not"),
        ("IF(a = 'x', 'y')", "CASE WHEN"),
        ("a IN (SELECT 1)", "IN takes no 'query'"),
        ("trim(BOTH 'x' FROM a)", "TRIM takes no"),
        ("round(a, 2)", "ROUND takes no 'decimals'"),
        ("number(a, 2)", "one argument"),
        ("a LIKE b", "pattern in single quotes"),
        ("a LIKE '10!%' ESCAPE '!'", "ESCAPE"),
        ("regexp_extract(a, '(')", "no regular expression"),
        ("regexp_extract(a, 'x', 1)", "0 groups"),
        ("regexp_extract(a, '(?i)x')", "(?...) other than (?:...)"),
        ("regexp_extract(a, 'x(?=y)')", "(?...) other than (?:...)"),
        ("regexp_extract(a, '(x)\\1')", "a back reference"),
        ("regexp_extract(a, '[[:alpha:]]')", "[ or && within brackets"),
        ("regexp_extract(a, 'x\\b')", "not all engines read alike"),
        ("substr(a, 0)", "from 1"),
        ("substr(a, n)", "from 1"),
        ("a IS TRUE", "IS takes NULL alone"),
        ("a AND b", "a condition is wanted here"),
        ("upper(a = 'x')", "a value is wanted here"),
        ("CASE WHEN a THEN 1 END", "a condition is wanted here"),
        ("a; b", "not one expression"),
        ("", "not one expression"),
        ("a ||", "cannot be parsed"),
        ("'open", "cannot be parsed"),
        ("max(a)", "MAX is not"),
        ("(SELECT 1)", "is not in the language"),
    ],
)
def test_anything_else_is_named_with_its_place(expression: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(expression)
    assert message in str(caught.value)


def test_columns() -> None:
    assert columns("CASE WHEN a = 'b' THEN \"c d\" || e END") == {"a", "c d", "e"}
    assert mentioned(["a", "not valid ||", "b IS NULL"]) == {"a", "b"}


NAMES = st.text(min_size=1, max_size=12).filter(lambda s: "\x00" not in s and s == s.strip() and s.isprintable())


@given(NAMES)
def test_any_column_name_can_be_quoted(name: str) -> None:
    assert columns(quoted(name)) == {name}


@given(st.text(max_size=40))
def test_no_text_is_more_than_an_error(text: str) -> None:
    try:
        parse(text)
    except ExpressionError:
        pass


NUMBERS = st.decimals(min_value=-10_000, max_value=10_000, places=2).map(lambda d: d + 0)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=30))
def test_arithmetic_is_decimal(pairs: list[tuple[Decimal, Decimal]]) -> None:
    table = ibis.memtable({"a": [str(a) for a, _ in pairs], "b": [str(b) for _, b in pairs]})
    assert [Decimal(text) for text in results(table, "a + b * 2")] == [a + b * 2 for a, b in pairs]
    assert results(table, "number(a) > b") == [a > b for a, b in pairs]
