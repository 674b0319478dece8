"""The language of a partner's expressions: a small, closed part of SQL over one row of text.

The nodes allowed are a table; whatever else the parser finds is an error that names it and its place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

import sqlglot
from sqlglot import exp

from haemony.engine.sql import named

Kind = Literal["text", "number", "boolean", "null"]

COMPARISONS: tuple[type[exp.Expr], ...] = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE)
ARITHMETIC: tuple[type[exp.Expr], ...] = (exp.Add, exp.Sub, exp.Mul, exp.Div)
#: Each node allowed, and the arguments it may have; an argument outside the list is an error (``trim(BOTH ...)``).
ALLOWED: dict[type[exp.Expr], frozenset[str]] = {
    node: frozenset(arguments.split())
    for node, arguments in {
        **dict.fromkeys((*ARITHMETIC, *COMPARISONS), "this expression typed safe"),
        exp.Column: "this",
        exp.Identifier: "this quoted",
        exp.Literal: "this is_string",
        exp.Null: "",
        exp.Paren: "this",
        exp.Neg: "this",
        exp.Case: "this ifs default",
        exp.If: "this true",
        exp.Coalesce: "this expressions is_nvl is_null",
        exp.Nullif: "this expression",
        exp.In: "this expressions negate",
        exp.Like: "this expression negate",
        exp.Is: "this expression negate",
        exp.And: "this expression",
        exp.Or: "this expression",
        exp.Not: "this",
        exp.DPipe: "this expression safe",
        exp.Replace: "this expression replacement",
        exp.Substring: "this start length",
        exp.Upper: "this",
        exp.Lower: "this",
        exp.Trim: "this",
        exp.RegexpExtract: "this expression group null_if_pos_overflow",
        exp.Round: "this",
        exp.Anonymous: "this expressions",
    }.items()
}


class ExpressionError(ValueError):
    """An expression is not in the language; the message names the piece at fault."""


@dataclass(frozen=True)
class Expression:
    """A parsed and checked expression."""

    text: str
    node: exp.Expr
    kind: Kind


@cache
def parse(text: str) -> Expression:
    """Parse an expression and check every node of it.

    >>> parse("replace(Sample, 'WGA_', '')").kind
    'text'
    >>> parse("AGE BETWEEN 1 AND 2")
    Traceback (most recent call last):
    ...
    haemony.mappings.language.ExpressionError: 'AGE BETWEEN 1 AND 2' at character 1: BETWEEN is not in the language
    """
    node = _single(text)
    for child in node.walk():
        _check_node(child, text)
    return Expression(text, node, kind_of(node, text))


def columns(expression: str | Expression) -> set[str]:
    """Return the names of the columns that an expression mentions.

    >>> sorted(columns("CASE WHEN a = 'x' THEN \\"b c\\" END"))
    ['a', 'b c']
    """
    node = parse(expression).node if isinstance(expression, str) else expression.node
    return {column.name for column in node.find_all(exp.Column)}


def quoted(column: str) -> str:
    """Return the expression that is just a column, whatever its name."""
    return named(column)


def mentioned(expressions: Iterable[str]) -> set[str]:
    """Return the columns that any of several expressions mentions, those that do not parse left out."""
    found: set[str] = set()
    for text in expressions:
        try:
            found |= columns(text)
        except ExpressionError:
            continue
    return found


def _single(text: str) -> exp.Expr:
    try:
        nodes = sqlglot.parse(text, dialect="duckdb")
    except sqlglot.errors.SqlglotError as error:
        raise ExpressionError(f"{text!r} cannot be parsed{_parse_place(error)}") from error
    if len(nodes) != 1 or not isinstance(nodes[0], exp.Expr):
        raise ExpressionError(f"{text!r} is not one expression")
    return nodes[0]


def _parse_place(error: sqlglot.errors.SqlglotError) -> str:
    details = getattr(error, "errors", None) or [{}]
    highlight, column = details[0].get("highlight"), details[0].get("col")
    near = f" near {highlight!r}" if highlight else ""
    return f"{near} at character {column}" if column else near


def _check_node(node: exp.Expr, text: str) -> None:
    arguments = ALLOWED.get(type(node))
    if arguments is None:
        raise _fault(node, text, f"{_node_name(node)} is not in the language{_hint(node)}")
    extra = [name for name, value in node.args.items() if name not in arguments and value not in (None, False, [])]
    if extra:
        raise _fault(node, text, f"{_node_name(node)} takes no {extra[0]!r} here{_hint(node)}")
    problem = _SPECIAL.get(type(node), _nothing)(node)
    if problem:
        raise _fault(node, text, problem)


def _node_name(node: exp.Expr) -> str:
    if isinstance(node, exp.Anonymous):
        return f"{node.name}()"
    return str(getattr(type(node), "key", type(node).__name__)).upper()


def _hint(node: exp.Expr) -> str:
    if isinstance(node, exp.Alias | exp.Dot | exp.Column | exp.CurrentDate):
        return "; an odd column name stands in double quotes"
    return ""


def _fault(node: exp.Expr, text: str, message: str) -> ExpressionError:
    return ExpressionError(f"{text!r}{_place(node, text)}: {message}")


def _place(node: exp.Expr, text: str) -> str:
    starts = [child.meta["start"] for child in node.walk() if "start" in child.meta]
    if starts:
        return f" at character {min(starts) + 1}"
    at = text.upper().find(node.sql("duckdb").upper())
    return f" at character {at + 1}" if at >= 0 else ""


def _nothing(node: exp.Expr) -> str:
    return ""


def _check_anonymous(node: exp.Expr) -> str:
    if node.name.lower() != "number":
        return f"{node.name}() is not in the language"
    return "" if len(node.expressions) == 1 else "number() takes one argument"


def _check_if(node: exp.Expr) -> str:
    return "" if isinstance(node.parent, exp.Case) else "IF() is not in the language; say CASE WHEN ... THEN ... END"


def _check_is(node: exp.Expr) -> str:
    return "" if isinstance(node.expression, exp.Null) else "IS takes NULL alone"


def _check_in(node: exp.Expr) -> str:
    return "" if node.expressions else "IN takes a list of values"


def _check_like(node: exp.Expr) -> str:
    return "" if _is_text(node.expression) else "LIKE takes a pattern in single quotes"


def _check_substring(node: exp.Expr) -> str:
    places = [node.args[name] for name in ("start", "length") if node.args.get(name) is not None]
    whole = all(isinstance(p, exp.Literal) and not p.is_string and p.this.isdigit() for p in places)
    if not node.args.get("start") or not whole or int(node.args["start"].this) < 1:
        return "substr(x, start[, length]) counts whole numbers from 1"
    return ""


#: What engines read differently or not at all: DuckDB has RE2, Spark has Java's expressions.
#: https://github.com/google/re2/wiki/Syntax, https://docs.oracle.com/en/java/javase/17/docs/api/java.base/java/util/regex/Pattern.html
_UNSHARED: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?<!\\)(?:\\\\)*\(\?(?!:)"), "(?...) other than (?:...)"),
    (re.compile(r"(?<!\\)(?:\\\\)*\\[1-9]"), "a back reference"),
    (re.compile(r"(?<!\\)[*+?}]\+"), "a possessive repeat"),
    (re.compile(r"\[[^\]]*(?:\[|&&)"), "[ or && within brackets"),
    (re.compile(r"(?<!\\)(?:\\\\)*\\[bBGZ]"), "\\b, \\B, \\G or \\Z"),
)


def _check_regexp(node: exp.Expr) -> str:
    group = node.args.get("group")
    if not _is_text(node.expression):
        return "regexp_extract takes a pattern in single quotes"
    if unshared := next((what for fault, what in _UNSHARED if fault.search(node.expression.this)), ""):
        return f"the pattern of regexp_extract has {unshared}, which not all engines read alike"
    try:
        groups = re.compile(node.expression.this).groups
    except re.error as error:
        return f"the pattern of regexp_extract is no regular expression ({error})"
    known = [str(number) for number in range(groups + 1)]
    if group is not None and not (isinstance(group, exp.Literal) and group.this in known):
        return f"the pattern of regexp_extract has {groups} groups"
    return ""


def _is_text(node: exp.Expr | None) -> bool:
    return isinstance(node, exp.Literal) and node.is_string


_SPECIAL: dict[type[exp.Expr], Callable[[exp.Expr], str]] = {
    exp.Anonymous: _check_anonymous,
    exp.If: _check_if,
    exp.Is: _check_is,
    exp.In: _check_in,
    exp.Like: _check_like,
    exp.Substring: _check_substring,
    exp.RegexpExtract: _check_regexp,
}
_BOOLEAN: tuple[type[exp.Expr], ...] = (exp.In, exp.Like, exp.Is, exp.And, exp.Or, exp.Not, *COMPARISONS)
_NUMBER: tuple[type[exp.Expr], ...] = (exp.Neg, exp.Round, exp.Anonymous, *ARITHMETIC)


def kind_of(node: exp.Expr, text: str = "") -> Kind:
    """Return what a node gives; raise where a condition and a value are confused."""
    for child, wanted in _demands(node):
        given = kind_of(child, text)
        if (wanted == "boolean") != (given == "boolean") and given != "null":
            raise _fault(child, text, "a condition is wanted here" if wanted == "boolean" else "a value is wanted here")
    if isinstance(node, exp.Paren):
        return kind_of(node.this, text)
    if isinstance(node, _BOOLEAN):
        return "boolean"
    if isinstance(node, _NUMBER) or (isinstance(node, exp.Literal) and not node.is_string):
        return "number"
    if isinstance(node, exp.Null):
        return "null"
    if isinstance(node, exp.Case | exp.Coalesce | exp.Nullif):
        return _common({kind_of(result, text) for result in _results(node)})
    return "text"


def _demands(node: exp.Expr) -> Iterator[tuple[exp.Expr, Literal["boolean", "value"]]]:
    if isinstance(node, exp.Identifier | exp.Column | exp.Literal | exp.Paren):
        return
    if isinstance(node, exp.And | exp.Or | exp.Not):
        yield from ((child, "boolean") for child in node.iter_expressions())
        return
    if isinstance(node, exp.Case):
        for branch in node.args["ifs"]:
            yield branch.this, "value" if node.this else "boolean"
            yield branch.args["true"], "value"
        yield from ((child, "value") for child in (node.this, node.args.get("default")) if child)
        return
    yield from ((child, "value") for child in node.iter_expressions())


def _results(node: exp.Expr) -> list[exp.Expr]:
    if isinstance(node, exp.Case):
        default = node.args.get("default")
        return [branch.args["true"] for branch in node.args["ifs"]] + ([default] if default else [])
    return [node.this] if isinstance(node, exp.Nullif) else [node.this, *node.expressions]


def _common(kinds: set[Kind]) -> Kind:
    found = kinds - {"null"}
    if not found:
        return "null"
    return next(iter(found)) if len(found) == 1 else "text"
