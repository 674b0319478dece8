"""Compile a partner's expressions to Ibis, over a table of trimmed text in which NULL is missing."""

from __future__ import annotations

import decimal
from collections.abc import Callable
from functools import reduce

import ibis
from sqlglot import exp

from haemony.engine import plan
from haemony.engine.session import Column, Table
from haemony.mappings.language import Expression, ExpressionError, columns, kind_of, mentioned, parse, quoted

__all__ = ["Expression", "ExpressionError", "columns", "mentioned", "parse", "quoted", "to_ibis"]

_COMPARE: dict[type[exp.Expr], Callable[[Column, Column], Column]] = {
    exp.EQ: lambda a, b: a == b,
    exp.NEQ: lambda a, b: a != b,
    exp.LT: lambda a, b: a < b,
    exp.LTE: lambda a, b: a <= b,
    exp.GT: lambda a, b: a > b,
    exp.GTE: lambda a, b: a >= b,
}


def to_ibis(expression: str | Expression, table: Table, *, decimal_mark: str = ".", thousands: str = "") -> Column:
    """Compile an expression over a table of trimmed text columns with NULL for missing.

    The result is text (trimmed, empty is NULL; numbers without idle zeros) or, for a condition, a boolean.
    """
    parsed = parse(expression) if isinstance(expression, str) else expression
    compiler = _Compiler(table, decimal_mark, thousands)
    if parsed.kind == "boolean":
        return compiler.boolean(parsed.node)
    return plan.trimmed(compiler.text(parsed.node))


class _Compiler:
    """Compile nodes as what their place wants: text, a number or a condition."""

    def __init__(self, table: Table, decimal_mark: str, thousands: str) -> None:
        self.table = table
        self.decimal_mark = decimal_mark
        self.thousands = thousands

    def text(self, node: exp.Expr) -> Column:
        """Compile a node to text; a number is written without idle zeros."""
        if kind_of(node) == "number":
            return plan.number_text(self.number(node))
        return self._text(node)

    def _text(self, node: exp.Expr) -> Column:
        match node:
            case exp.Paren():
                return self.text(node.this)
            case exp.Column():
                return self.table[node.name]
            case exp.Literal():
                return ibis.literal(node.this, "string")
            case exp.Null():
                return plan.no("string")
            case exp.Case() | exp.Coalesce() | exp.Nullif():
                return self._choice(node, self.text, "string")
            case exp.DPipe():
                return self.text(node.this) + self.text(node.expression)
            case _:
                return self._function(node, self.text(node.this))

    def _function(self, node: exp.Expr, text: Column) -> Column:
        match node:
            case exp.Replace():
                new = node.args.get("replacement")
                return text.replace(self.text(node.expression), self.text(new) if new else "")
            case exp.Substring():
                length = node.args.get("length")
                return text.substr(int(node.args["start"].this) - 1, int(length.this) if length else None)
            case exp.RegexpExtract():
                group = node.args.get("group")
                return text.re_extract(node.expression.this, int(group.this) if group else 0).nullif("")
            case exp.Upper():
                return plan.upper(text)
            case exp.Lower():
                return plan.lower(text)
            case _:
                return text.strip()

    def number(self, node: exp.Expr) -> Column:
        """Compile a node to a decimal; text that is no number is NULL."""
        if kind_of(node) != "number":
            return self._read(self.text(node))
        match node:
            case exp.Paren():
                return self.number(node.this)
            case exp.Literal():
                return ibis.literal(decimal.Decimal(node.this), plan.DECIMAL)
            case exp.Neg():
                return _fit(-self.number(node.this))
            case exp.Anonymous():
                return self.number(node.expressions[0])
            case exp.Round():
                return _fit(self.number(node.this).round(0))
            case exp.Case() | exp.Coalesce() | exp.Nullif():
                return self._choice(node, self.number, plan.DECIMAL)
            case _:
                return _calculate(node, self.number(node.this), self.number(node.expression))

    def boolean(self, node: exp.Expr) -> Column:
        """Compile a condition, in the three-valued logic of SQL."""
        condition = self._condition(node)
        return ~condition if node.args.get("negate") else condition

    def _condition(self, node: exp.Expr) -> Column:
        match node:
            case exp.Paren():
                return self.boolean(node.this)
            case exp.Null():
                return plan.no("boolean")
            case exp.And():
                return self.boolean(node.this) & self.boolean(node.expression)
            case exp.Or():
                return self.boolean(node.this) | self.boolean(node.expression)
            case exp.Not():
                return ~self.boolean(node.this)
            case exp.Is():
                return self.text(node.this).isnull()
            case exp.Like():
                return plan.like(self.text(node.this), node.expression.this)
            case exp.In():
                return reduce(lambda a, b: a | b, [self._compare(exp.EQ, node.this, e) for e in node.expressions])
            case _:
                return self._compare(type(node), node.this, node.expression)

    def _compare(self, operator: type[exp.Expr], left: exp.Expr, right: exp.Expr) -> Column:
        as_number = "number" in (kind_of(left), kind_of(right))
        compile_side = self.number if as_number else self.text
        return _COMPARE[operator](compile_side(left), compile_side(right))

    def _choice(self, node: exp.Expr, side: Callable[[exp.Expr], Column], kind: str) -> Column:
        match node:
            case exp.Coalesce():
                return ibis.coalesce(*[side(e) for e in (node.this, *node.expressions)])
            case exp.Nullif():
                same = self._compare(exp.EQ, node.this, node.expression).fill_null(False)
                return ibis.ifelse(same, plan.no(kind), side(node.this))
            case _:
                branches = [(self._when(node, branch), side(branch.args["true"])) for branch in node.args["ifs"]]
                default = node.args.get("default")
                return plan.choose(branches, side(default) if default else plan.no(kind))

    def _when(self, case: exp.Expr, branch: exp.Expr) -> Column:
        return self._compare(exp.EQ, case.this, branch.this) if case.this else self.boolean(branch.this)

    def _read(self, text: Column) -> Column:
        return plan.to_decimal(text, self.decimal_mark, self.thousands)


def _calculate(node: exp.Expr, left: Column, right: Column) -> Column:
    match node:
        case exp.Add():
            return _fit(left.cast("decimal(38,6)") + right.cast("decimal(38,6)"))
        case exp.Sub():
            return _fit(left.cast("decimal(38,6)") - right.cast("decimal(38,6)"))
        case exp.Mul():
            # Factors wider than 18 digits make DuckDB compute in 38, where no product of two cells overflows.
            return _fit(left.cast("decimal(19,6)") * right.cast("decimal(19,6)"))
        case _:
            return plan.ratio(left, right)


def _fit(number: Column) -> Column:
    return number.try_cast(plan.DECIMAL)
