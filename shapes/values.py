"""The constraints that look at one value, written once for every layout.

Source: https://www.w3.org/TR/shacl/#core-components.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

import duckdb
from rdflib.term import Node

from haemony.engine.sql import quoted
from haemony.shapes import algebra as a
from haemony.shapes.layout import Layout, Place, Term
from haemony.shapes.query import Condition, Sql, all_of, any_of, negated, same, written

Test = Callable[[Term], Condition]
#: Flags that the engines' regular expressions know by the same letter: https://www.w3.org/TR/xpath-functions/#flags.
INLINE_FLAGS = "ism"
#: ``[a-z-[aeiou]]`` of XPath, which engines read as something else without a word.
SUBTRACTION = re.compile(r"(?<!\\)\[(?:\\.|[^\]\\])*-\[")


def holds(constraint: a.ValueWise, place: Place, layout: Layout) -> Condition:
    """Return the condition under which the value at a place keeps a constraint that needs no other shape."""
    match constraint:
        case a.Class(cls):
            return instance(place, cls, layout)
        case a.In(values):
            constants = [layout.constant(place.sort, value) for value in values]
            return any_of(place.equals(c) for c in constants if c is not None)
        case _:
            return layout.test(place, _test(constraint, layout))


def instance(place: Place, cls: Node, layout: Layout) -> Condition:
    """Return the condition under which the node at a place is an instance of a class."""
    found: list[Condition] = []
    for extent in layout.instances(cls):
        if extent.sort != place.sort:
            continue
        if place.row and extent.keyed and extent.table == place.row.table:
            found.append(Sql(extent.where.replace("{t}", place.row.alias)) if extent.where else True)
        else:
            where = f" WHERE {extent.where}" if extent.where else ""
            inner = f"SELECT {extent.node} FROM {extent.table} AS x{where}".replace("{t}", "x")
            found.append(Sql(f"{place.node} IN ({inner})"))
    return any_of(found)


def _test(constraint: a.Constraint, layout: Layout) -> Test:
    match constraint:
        case a.NodeKind(kinds):
            return lambda term: any_of(same(term.kind, kind) for kind in sorted(kinds))
        case a.Datatype(datatype):
            return lambda term: all_of([same(term.datatype, str(datatype)), _true(term.valid)])
        case a.Range(_, operator, literal):
            bound = layout.bound(literal)
            if bound is None:
                return lambda term: False
            family, limit = bound
            return lambda term: all_of([same(term.family, family), compared(term.order, operator, limit)])
        case a.MinLength(length):
            return _text(lambda text: Sql(f"length({text}) >= {length}"))
        case a.MaxLength(length):
            return _text(lambda text: Sql(f"length({text}) <= {length}"))
        case a.Pattern(pattern, flags):
            expression = quoted(regular_expression(pattern, flags))
            return _text(lambda text: Sql(f"regexp_matches({text}, {expression})"))
        case a.LanguageIn(languages):
            return lambda term: any_of(_speaks(term, language.lower()) for language in languages)
        case _:
            raise AssertionError(constraint)


def compared(left: Sql, operator: a.Operator, right: Sql) -> Condition:
    """Return a comparison that is false where a side is null: two values that compare to nothing."""
    return Sql(f"COALESCE({left} {operator} {right}, FALSE)")


def _text(test: Callable[[Sql], Condition]) -> Test:
    """Test the text of a node; a blank node has none."""
    return lambda term: all_of([negated(same(term.kind, "blank")), test(written(term.text))])


def _speaks(term: Term, language: str) -> Condition:
    if not isinstance(term.language, Sql):
        return False
    tag = f"lower({term.language})"
    exact = f"{tag} = {quoted(language)} OR {tag} LIKE {quoted(language + '-%')}"
    return Sql(f"COALESCE({exact}, FALSE)")


def _true(value: object) -> Condition:
    return value if isinstance(value, Sql) else value is True


def regular_expression(pattern: str, flags: str) -> str:
    """Return a pattern of SPARQL as the engines read it; raises ``ValueError`` for a flag that none is.

    >>> regular_expression("a b", "ix"), regular_expression("a.b", "q")
    ('(?i)ab', 'a\\\\.b')
    """
    if unknown := set(flags) - set("ismxq"):
        raise ValueError(f"the flag {''.join(sorted(unknown))!r} is none of SPARQL's: i, s, m, x, q")
    if "q" in flags:
        pattern = re.escape(pattern)
    elif "x" in flags:
        pattern = re.sub(r"\s+", "", pattern)
    inline = "".join(f for f in INLINE_FLAGS if f in flags)
    return f"(?{inline}){pattern}" if inline else pattern


@cache
def pattern_fault(pattern: str, flags: str) -> str:
    """Return why the engines cannot honour a pattern, with the construct; empty where they can.

    >>> pattern_fault("^a(?=b)", ""), pattern_fault("[a-z-[b]]", ""), pattern_fault("a+", "i")
    ('invalid perl operator: (?=', 'a class is taken from a class: [a-z-[', '')
    """
    try:
        expression = regular_expression(pattern, flags)
    except ValueError as error:
        return str(error)
    if "q" not in flags and (found := SUBTRACTION.search(expression)):
        return f"a class is taken from a class: {found[0]}"
    with duckdb.connect() as connection:
        try:
            connection.execute(f"SELECT regexp_matches('', {quoted(expression)})")
        except duckdb.Error as error:
            return str(error).partition("Error: ")[2].splitlines()[0]
    return ""
