"""Identifiers and texts: CURIEs, the subject ids of variables, canonical cell text, near names."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from urllib.parse import quote, unquote

CURIE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*:\S+")
TABLE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_WHOLE = re.compile(r"([+-]?[0-9]+)[.]0+")


def canonical(text: str) -> str:
    """Return the form in which cell texts are compared: trimmed, and a whole number without its idle decimals.

    It is the twin of ``engine.plan.canonical``; leading zeros stay, for they may belong to a code.

    >>> canonical(" 1.0 "), canonical("007"), canonical("0.50"), canonical("Yes")
    ('1', '007', '0.50', 'Yes')
    """
    text = text.strip()
    match = _WHOLE.fullmatch(text)
    return match[1] if match else text


def encode(text: str) -> str:
    """Percent-encode what may not stand in the local part of a subject id.

    >>> encode("Patient ID"), encode("~x")
    ('Patient%20ID', '%7Ex')
    """
    return quote(text, safe="").replace("~", "%7E")


def subject_id(partner: str, table: str, variable: str) -> str:
    """Return the id under which the concept file knows a variable.

    >>> subject_id("amlsg", "clinical", "Hb (g/dL)")
    'amlsg:clinical.Hb%20%28g%2FdL%29'
    """
    return f"{partner}:{table}.{encode(variable)}"


def split_subject(subject: str) -> tuple[str, str, str] | None:
    """Return partner, table and variable of a subject id, or None where it is none.

    >>> split_subject("amlsg:clinical.Hb%20v.2")
    ('amlsg', 'clinical', 'Hb v.2')
    """
    partner, colon, local = subject.partition(":")
    table, dot, variable = local.partition(".")
    if not (partner and colon and table and dot and variable):
        return None
    return partner, table, unquote(variable)


def is_curie(text: str) -> bool:
    """Tell whether a text has the form ``prefix:local``."""
    return CURIE.fullmatch(text) is not None


def matches(pattern: str, column: str) -> bool:
    """Tell whether a dictionary glob covers a column; only ``*`` is special, and case counts.

    >>> matches("del_*", "del_5q"), matches("a[1]", "a[1]"), matches("*", "x")
    (True, True, True)
    """
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), column, re.DOTALL) is not None


def nearest(word: str, known: Iterable[str]) -> str:
    """Return advice that names the nearest known word, or all of a short list.

    >>> nearest("ignor", ["map", "ignore"])
    "Did you mean 'ignore'?"
    """
    known = list(dict.fromkeys(known))
    folded = {k.casefold(): k for k in known}
    close = difflib.get_close_matches(word.casefold(), folded, 1, 0.6)
    if close:
        return f"Did you mean {folded[close[0]]!r}?"
    return f"There are: {', '.join(known)}." if 0 < len(known) <= 20 else ""
