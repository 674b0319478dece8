"""The words of a plan: small typed functions over Ibis expressions, equal on every engine.

What differs between engines (casts, dates, hashes, null-skipping joins) is settled here and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cache, reduce
from typing import Any

import ibis

from haemony.engine.dates import date_precision as date_precision
from haemony.engine.dates import to_date as to_date
from haemony.engine.session import Column, Table

#: A number as text: the gate before a cast, since engines accept different strange spellings. ``\\z`` is the end of the
#: text; ``$`` would on Spark also be the place before a last line end.
NUMBER = r"^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]{1,2})?\z"
#: A bound before a number, as laboratories write it.
OPERATOR = r"^(<=|>=|≤|≥|<|>)"
DECIMAL = "decimal(18,6)"
FACTOR = "decimal(20,12)"
#: Stands for an absent part of a key; NUL cannot stand in a literal.
ABSENT = "\u2400"
SEPARATOR = "\x1f"


def text_literal(value: str | None) -> Column:
    """Return a text constant; None gives a typed null."""
    return ibis.null("string") if value is None else ibis.literal(value, "string")


def no(kind: str) -> Column:
    """Return a typed null."""
    return ibis.null(kind)


def trimmed(text: Column) -> Column:
    """Trim white space, no-break spaces too; text that is nothing else becomes null."""
    return text.replace("\u00a0", " ").replace("\u202f", " ").strip().nullif("")


def without_missing(text: Column, missing: Sequence[str]) -> Column:
    """Trim, and turn the codes for 'missing' to null."""
    value = trimmed(text)
    codes = [code for code in missing if code]
    return ibis.ifelse(value.isin(codes), no("string"), value) if codes else value


def canonical(text: Column) -> Column:
    """Return the text under which a value row is looked up: ``1.0`` is ``1``."""
    decimals = ibis.ifelse(text.re_search(r"^[+-]?[0-9]+[.]0+\z"), text.re_extract(r"^([+-]?[0-9]+)[.]0+\z", 1), text)
    return ibis.ifelse(text.endswith("0"), decimals, text)


#: White space of any width separates thousands where a space does.
SPACES = " \u00a0\u2009\u202f"
APOSTROPHES = "'\u2019"


def without_thousands(text: Column, separator: str, thousands: str) -> Column:
    """Take the marks between thousands out of a number's text; other text, groups of less than three too, stays."""
    if not thousands:
        return text
    marks = next((group for group in (SPACES, APOSTROPHES) if thousands in group), thousands)
    grouped = rf"^[+-]?[0-9]{{1,3}}([{marks}][0-9]{{3}})+([{separator}][0-9]*)?\z"
    return ibis.ifelse(text.re_search(grouped), text.re_replace(f"[{marks}]", ""), text)


def to_decimal(text: Column, separator: str = ".", thousands: str = "") -> Column:
    """Read a number written with the given separators and no other; null where it is none."""
    text = without_thousands(text, separator, thousands)
    if separator == ",":
        text = ibis.ifelse(text.contains("."), no("string"), text.replace(",", "."))
    return ibis.ifelse(text.re_search(NUMBER), text.try_cast(DECIMAL), no(DECIMAL))


def bound(text: Column) -> Column:
    """Return the ``<``, ``<=``, ``>``, ``>=`` before a number, else null."""
    sign = text.re_extract(OPERATOR, 1).nullif("")
    return sign.cases(("≤", "<="), ("≥", ">="), else_=sign)


def without_bound(text: Column) -> Column:
    """Return a number's text without the bound before it."""
    return text.re_replace(OPERATOR + r"\s*", "")


def days_between(later: Column, earlier: Column) -> Column:
    """Return whole days from one date to another."""
    return later.delta(earlier, unit="day").cast("int64")


def years_between(later: Column, earlier: Column) -> Column:
    """Return completed years from one date to another."""
    before_birthday = (later.month() * 100 + later.day()) < (earlier.month() * 100 + earlier.day())
    return (later.year() - earlier.year() - before_birthday.cast("int64")).cast("int64")


def scaled(number: Column, factor: Column | Decimal) -> Column:
    """Multiply by a conversion factor, kept as a decimal of six places; null where the product is too large for one."""
    if isinstance(factor, Decimal):
        # a literal is typed here: Ibis would take three places of a Decimal, and make 30.438 days of a month
        return (number * ibis.literal(factor, FACTOR)).try_cast(DECIMAL)
    product = (number * factor.cast(FACTOR)).try_cast(DECIMAL)
    return ibis.ifelse(factor == 1, number.cast(DECIMAL), product)


def ratio(left: Column, right: Column) -> Column:
    """Divide decimals, rounded half away from zero to six places; null by zero, and where the result is too large.

    Engines divide and round decimals each in their own way, so this is the arithmetic of doubles, which is one.
    """
    quotient = _double(left) / _double(right).nullif(0.0)
    millionths = (quotient.abs() * 1e6 + 0.5).floor() * quotient.sign()
    fits = quotient.abs() < 1e12
    whole_ones = ibis.ifelse(fits, millionths, ibis.null("float64")).cast("int64")
    return (whole_ones.cast("decimal(25,6)") * ibis.literal("0.000001").cast("decimal(25,6)")).try_cast(DECIMAL)


def _double(number: Column) -> Column:
    """Return a decimal as the nearest double: engines agree on it for a text."""
    return number.cast("string").try_cast("float64")


def number_text(number: Column) -> Column:
    """Write a decimal without idle zeros."""
    return number.cast("string").re_replace(r"[.]?0+\z", "")


def last_place(number_text: Column) -> Column:
    """Return the worth of the last decimal place of a number's text: 0.01 for ``1.20``, 1 for ``7``."""
    places = number_text.re_extract(r"[.,]([0-9]+)", 1).length()
    worth = [(places == n, ibis.literal(f"{10.0**-n:.6f}").cast(DECIMAL)) for n in range(6)]
    return choose(worth, ibis.literal("0.000001").cast(DECIMAL))


def whole(number: Column) -> Column:
    """Return a decimal as an integer, null where it has a fraction."""
    return ibis.ifelse(number == number.round(0), number.round(0).cast("int64"), no("int64"))


def key_text(parts: Iterable[Column]) -> Column:
    """Join the parts of a key into one text in which an absent part differs from an empty one."""
    return ibis.literal(SEPARATOR).join([part.cast("string").fill_null(ABSENT) for part in parts])


def digest(parts: Iterable[Column]) -> Column:
    """Return the md5 of a key: the same on every engine."""
    return key_text(parts).hexdigest("md5")


#: Names while columns turn into rows: no delivered header looks like them.
_NAME, _VALUE = "haemony_column", "haemony_value"


def to_long(table: Table, columns: Mapping[str, int], keep: Sequence[str]) -> Table:
    """Turn columns into rows of ``variable``, the number that each is given, and ``text``, null cells left out."""
    long = table.select(*keep, *columns).pivot_longer(
        list(columns),
        names_to=_NAME,
        names_pattern="(?s)(.+)",  # a delivered header may hold a line end
        names_transform=columns.__getitem__,
        values_to=_VALUE,
    )
    long = long.filter(long[_VALUE].notnull()).rename(variable=_NAME, text=_VALUE)
    return long.mutate(variable=long.variable.cast("int64"))


def union(tables: Sequence[Table]) -> Table:
    """Put tables of equal columns one below the other."""
    return reduce(lambda above, below: above.union(below), tables)


def texts(*values: Column) -> Column:
    """Return a list of texts without its nulls; an empty literal list would lose its type on the way to Parquet."""
    return ibis.array([*values, no("string")]).filter(lambda value: value.notnull())


def item(values: Column, place: int) -> Column:
    """Return one value of a list, counted from 0, or with a negative number from the end; null past its ends."""
    length = values.length()
    there, index = (length > place, place) if place >= 0 else (length >= -place, length + place)
    return ibis.ifelse(there, values[index], no(str(values.type().value_type)))


def appended(first: Column, second: Column) -> Column:
    """Put one list behind another; a list that is null adds nothing."""
    kind = str(first.type())
    empty = ibis.literal([], kind)
    both_null = first.isnull() & second.isnull()
    return ibis.ifelse(both_null, no(kind), first.fill_null(empty).concat(second.fill_null(empty)))


def joined(values: Column, separator: str) -> Column:
    """Write the values of a list as one text: empty for an empty list, null for none."""
    listed = values if values.type().value_type.is_string() else values.map(lambda value: value.cast("string"))
    return ibis.ifelse(values.isnull(), no("string"), listed.join(separator).fill_null(""))


def disjoint(first: Column, second: Column) -> Column:
    """Tell whether two lists have no value in common; a list that is null has none."""
    nothing = first.isnull() | second.isnull()
    return nothing | (first.intersect(second).length() == 0).fill_null(True)


def gathered(column: Column) -> Column:
    """Gather the distinct values of a group in a sorted list, nulls left out: the order of rows must not show."""
    listed = column.collect(distinct=True).sort()
    return listed.fill_null(ibis.literal([], f"array<{column.type()}>"))


def at_lowest(column: Column, place: Column) -> Column:
    """Return, of a group's filled values, the one with the lowest ``place``, which no two rows may share."""
    return column.argmin(place, where=column.notnull())


def first_of(column: Column, group: Column, order: Sequence[Column]) -> Column:
    """Return, for each row, the first of its group's filled values, in an order that leaves no ties."""
    return column.first().over(ibis.window(group_by=group, order_by=[column.isnull(), *order]))


def numbered(group: Sequence[Column], order: Sequence[Column]) -> Column:
    """Number the rows of each group from 0, in an order that leaves no ties; nulls come last."""
    return ibis.row_number().over(ibis.window(group_by=list(group), order_by=list(order))).cast("int64")


def like(text: Column, pattern: str) -> Column:
    """Match SQL's ``LIKE``, in which ``%`` is any text, ``_`` any character, and nothing escapes them."""
    wild = {"%": ".*", "_": "."}
    return text.re_search("(?s)^" + "".join(wild.get(c) or re.escape(c) for c in pattern) + r"\z")


def upper(text: Column) -> Column:
    """Put letters into capitals, one for one: ``ß``, which has no single capital, stays."""
    return _in_case(text, text.upper(), *_cases()[0])


def lower(text: Column) -> Column:
    """Put letters into small ones, one for one, wherever in a word they stand."""
    return _in_case(text, text.lower(), *_cases()[1])


def _in_case(text: Column, native: Column, letters: str, others: str) -> Column:
    return ibis.ifelse(text.re_search(r"^[\x00-\x7f]*\z"), native, text.translate(letters, others))


@cache
def _cases() -> tuple[tuple[str, str], tuple[str, str]]:
    """Return the letters that have just one capital with their capitals, and the other way round."""
    every = [chr(code) for code in range(0x10000) if not 0xD800 <= code < 0xE000]
    pairs = [[(c, o) for c in every if (o := change(c)) != c and len(o) == 1] for change in (str.upper, str.lower)]
    upper_, lower_ = (("".join(c for c, _ in found), "".join(o for _, o in found)) for found in pairs)
    return upper_, lower_


def either(conditions: Sequence[Column]) -> Column:
    """Return true where any condition holds; false for none."""
    return reduce(lambda a, b: a | b, conditions, ibis.literal(False))


def both(conditions: Sequence[Column]) -> Column:
    """Return true where all conditions hold; true for none."""
    return reduce(lambda a, b: a & b, conditions, ibis.literal(True))


def choose(branches: Sequence[tuple[Column, Column]], otherwise: Column) -> Column:
    """Return the value of the first branch whose condition holds."""
    return ibis.cases(*branches, else_=otherwise) if branches else otherwise


def keyed_hash(text: Column) -> Column:
    """Return the keyed hash of a key's text: nested SHA-256 under the session's secret.

    The secret is a variable of the session (``set_secret``), so it stands in no statement.
    """
    secret = _variable("haemony_secret")
    return ibis.ifelse(text.isnull(), no("string"), (secret + (secret + text).hexdigest("sha256")).hexdigest("sha256"))


@ibis.udf.scalar.builtin(name="getvariable", signature=(("string",), "string"))  # type: ignore[untyped-decorator]
def _variable(variable: Any) -> Any:
    """Read a variable of the session."""
