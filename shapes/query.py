"""The pieces of which queries are made: conditions that fold where they are known, and tables joined one by one.

The text is plain SQL of select, join, ``IN`` and ``GROUP BY``, written as DuckDB reads it; a session of another engine
translates it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from haemony.engine.sql import quoted


class Sql(str):
    """A piece of SQL. A plain text, beside it, is a value that is known while planning."""


class Negated(Sql):
    """What holds where a condition does not."""

    inner: Sql

    @classmethod
    def of(cls, inner: Sql) -> Negated:
        """Negate a condition."""
        made = cls(f"(NOT {inner})")
        made.inner = inner
        return made


#: A condition: known while planning, or a piece of SQL that is never null.
Condition = bool | Sql
#: A value: known while planning, or a piece of SQL.
Value = str | bool | None


def all_of(conditions: Iterable[Condition]) -> Condition:
    """Return the condition that all hold.

    >>> all_of([True, Sql("a"), Sql("b")]), all_of([Sql("a"), False]), all_of([])
    ('(a AND b)', False, True)
    """
    return _joined("AND", conditions, neutral=True)


def any_of(conditions: Iterable[Condition]) -> Condition:
    """Return the condition that one holds."""
    return _joined("OR", conditions, neutral=False)


def _joined(word: str, conditions: Iterable[Condition], neutral: bool) -> Condition:
    open_ = dict.fromkeys(c for c in conditions if c is not neutral)
    if (not neutral) in open_:
        return not neutral
    if not open_:
        return neutral
    first, *others = open_
    return Sql(f"({f' {word} '.join(map(str, open_))})") if others else first


def negated(condition: Condition) -> Condition:
    """Return the condition that one does not hold.

    >>> negated(negated(Sql("a"))), negated(Sql("a")), negated(True)
    ('a', '(NOT a)', False)
    """
    if isinstance(condition, bool):
        return not condition
    return condition.inner if isinstance(condition, Negated) else Negated.of(condition)


def same(value: Value, wanted: str | bool | None) -> Condition:
    """Return the condition that a value is just this."""
    if not isinstance(value, Sql):
        return value == wanted
    if wanted is None:
        return Sql(f"({value} IS NULL)")
    constant = quoted(wanted) if isinstance(wanted, str) else str(wanted).lower()
    return Sql(f"({value} IS NOT NULL AND {value} = {constant})")


def equal(left: Sql, right: Sql) -> Condition:
    """Return the condition that two pieces are equal; two texts are compared while planning.

    >>> equal(Sql("'a'"), Sql("'b'")), equal(Sql("t.x"), Sql("'b'"))
    (False, "t.x = 'b'")
    """
    if left.startswith("'") and right.startswith("'"):
        return left == right
    return Sql(f"{left} = {right}")


def written(value: Value) -> Sql:
    """Return a value as SQL."""
    if isinstance(value, Sql):
        return value
    if value is None:
        return Sql("NULL")
    return Sql(quoted(value)) if isinstance(value, str) else Sql(str(value).lower())


@dataclass(frozen=True)
class Query:
    """Tables, joined by conditions: what a walk has come through."""

    tables: tuple[str, ...]
    where: tuple[Condition, ...] = ()

    def joined(self, table: str, *where: Condition) -> Query:
        """Return the query with one table more."""
        return Query((*self.tables, table), (*self.where, *where))

    def only(self, *where: Condition) -> Query:
        """Return the query with more conditions."""
        return Query(self.tables, (*self.where, *where))

    @property
    def empty(self) -> bool:
        """Tell whether no row can come."""
        return all_of(self.where) is False

    def select(self, columns: str) -> Sql:
        """Return the query's text."""
        condition = all_of(self.where)
        where = "" if condition is True else f" WHERE {condition if condition is not False else 'FALSE'}"
        return Sql(f"SELECT {columns} FROM {', '.join(self.tables)}{where}")
