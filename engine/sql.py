"""Texts and names as SQL writes them, the same on every engine."""

from __future__ import annotations


def quoted(text: str) -> str:
    """Return a text as a constant of SQL.

    >>> quoted("O'Neill")
    "'O''Neill'"
    """
    return "'" + text.replace("'", "''") + "'"


def named(column: str) -> str:
    """Return the name of a column or table as SQL writes it."""
    return '"' + column.replace('"', '""') + '"'
