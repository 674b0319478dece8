"""The words of a plan, run on every engine: what text means as number, date, flag, key."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import ibis
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from haemony.engine import plan
from haemony.engine.dates import MONTHS
from haemony.engine.on_duckdb import DuckDBSession
from haemony.engine.session import Column, Session
from haemony.graph_loader.read import set_secret

NUMBERS = count()
#: Few examples of many values each: a statement costs more than its rows.
FAST = settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


#: The engine that the others must agree with where no expectation can be written down.
REFERENCE = DuckDBSession(Path(mkdtemp(prefix="haemony-")))


def on(
    session: Session, word: Callable[..., Column], *columns: Sequence[Any], kind: pa.DataType | None = None
) -> list[Any]:
    """Run a word over columns of values and return what it gives, in order."""
    kinds = {f"c{i}": kind or pa.string() for i in range(len(columns))}
    rows = [(n, *values) for n, values in enumerate(zip(*columns, strict=True))]
    # One name a call: the engine keeps pages of a file in memory, and would serve them for its successor.
    table = session.table(f"values/{next(NUMBERS)}", {"n": pa.int64(), **kinds}, rows)
    out = table.mutate(out=word(*(table[c] for c in kinds))).order_by("n")
    return [value for (value,) in session.rows(out.select("out"))]


def test_trimmed(session: Session) -> None:
    assert on(session, plan.trimmed, [" a b ", "\tx\r\n", "  ", "", None]) == ["a b", "x", None, None, None]


def test_without_missing(session: Session) -> None:
    found = on(
        session, lambda c: plan.without_missing(c, ["", "NA", "-9"]), ["NA", " NA ", "na", "-9", "-9.0", "", "1"]
    )
    assert found == [None, None, "na", None, "-9.0", None, "1"]
    assert on(session, lambda c: plan.without_missing(c, []), [" ", "x"]) == [None, "x"]


def test_canonical(session: Session) -> None:
    texts = ["1.0", "1", "-2.000", "+3.0", "1.50", "01.0", "1.", "x1.0", "1.0.0", None]
    assert on(session, plan.canonical, texts) == ["1", "1", "-2", "+3", "1.50", "01", "1.", "x1.0", "1.0.0", None]


def test_to_decimal(session: Session) -> None:
    good = {"1": "1", "+1.5": "1.5", "-.5": "-0.5", "2.": "2", "1e3": "1000", "1.5E-1": "0.15", "007": "7"}
    assert on(session, plan.to_decimal, list(good)) == [Decimal(v) for v in good.values()]
    bad = ["", "1,5", "1 000", "0x10", "NaN", "inf", "1e", "--1", "1_0", "ten", "1e40", "9999999999999", None]
    assert on(session, plan.to_decimal, bad) == [None] * len(bad)


def test_to_decimal_with_a_comma(session: Session) -> None:
    found = on(session, lambda c: plan.to_decimal(c, ","), ["1,5", "1.5", "1.000,5", "2", "1,5,5"])
    assert found == [Decimal("1.5"), None, None, Decimal(2), None]


SEVERAL = "dd-MMM[de]-yy(1930);yyyy-MM-ddTHH:mm:ss"
THOUSANDS = [
    (".", ",", "1,234.5", "1234.5"),
    (".", ",", "-1,234,567", "-1234567"),
    (".", ",", "12,34", None),
    (".", ",", "1,234,56", None),
    (".", ",", "1234", "1234"),
    (".", ",", "1234,567", None),
    (",", ".", "1.234,5", "1234.5"),
    (",", ".", "1.234", "1234"),
    (",", ".", "1.23", None),
    (",", ".", "12.34,5", None),
    (".", "'", "1'234'567.25", "1234567.25"),
    (".", "'", "1’234", "1234"),
    (",", " ", "1 234,5", "1234.5"),
    (",", "\u202f", "1\u202f234,5", "1234.5"),
    (",", "\u00a0", "1\u00a0234 567", "1234567"),
    (",", " ", "1 23", None),
    (".", "", "1,234", None),
]


@pytest.mark.parametrize(("decimal", "thousands"), sorted({row[:2] for row in THOUSANDS}))
def test_thousands_stand_in_groups_of_three(session: Session, decimal: str, thousands: str) -> None:
    texts, wanted = zip(*((t, w) for d, s, t, w in THOUSANDS if (d, s) == (decimal, thousands)), strict=True)
    found = on(session, lambda c: plan.to_decimal(c, decimal, thousands), texts)
    assert found == [None if w is None else Decimal(w) for w in wanted]


@FAST
@given(st.integers(-(10**11), 10**11))
def test_every_grouped_number_is_read(session: Session, number: int) -> None:
    assert on(session, lambda c: plan.to_decimal(c, ",", "."), [f"{number:,}".replace(",", ".")]) == [Decimal(number)]


@FAST
@given(st.lists(st.decimals(min_value=-(10**9), max_value=10**9, places=6), min_size=1, max_size=80))
def test_every_decimal_of_six_places_is_read_exactly(session: Session, numbers: list[Decimal]) -> None:
    assert on(session, plan.to_decimal, [f"{n:f}" for n in numbers]) == numbers


@FAST
@given(st.lists(st.text(max_size=12), min_size=1, max_size=80))
def test_no_text_breaks_a_reader(session: Session, texts: list[str]) -> None:
    def words(text: Column) -> Column:
        read = (plan.trimmed, plan.canonical, plan.to_decimal, plan.bound, plan.without_bound, plan.upper, plan.lower)
        dates = [plan.to_date(text, pattern) for pattern in ("dd.MM.yyyy", "yyyyMMdd", "M/yyyy", SEVERAL)]
        return plan.key_text([*(word(text) for word in read), *dates])

    texts = [t.replace("\0", "") for t in texts]
    assert on(session, words, texts) == on(REFERENCE, words, texts)


def test_bounds(session: Session) -> None:
    texts = ["<0.5", "<= 3", "≥7", "≤ 2", ">1", "> 500", ">= 500", "5", "a<b", "<", None]
    assert on(session, plan.bound, texts) == ["<", "<=", ">=", "<=", ">", ">", ">=", None, None, "<", None]
    assert on(session, plan.without_bound, texts) == ["0.5", "3", "7", "2", "1", "500", "500", "5", "a<b", "", None]


DATES = [
    ("dd.MM.yyyy", "31.12.2020", date(2020, 12, 31)),
    ("dd.MM.yyyy", "1.2.2020", date(2020, 2, 1)),
    ("dd.MM.yyyy", "29.02.2020", date(2020, 2, 29)),
    ("dd.MM.yyyy", "31.02.2020", None),
    ("dd.MM.yyyy", "29.02.2021", None),
    ("dd.MM.yyyy", "00.01.2020", None),
    ("dd.MM.yyyy", "01.13.2020", None),
    ("dd.MM.yyyy", "01-01-2020", None),
    ("dd.MM.yyyy", "01.01.20", None),
    ("dd.MM.yyyy", "01.01.2020 12:00", None),
    ("dd.MM.yyyy", "1x1.2020", None),
    ("MM/dd/yyyy", "02/01/2020", date(2020, 2, 1)),
    ("yyyy-MM-dd", "2020-02-01", date(2020, 2, 1)),
    ("yyyyMMdd", "20200201", date(2020, 2, 1)),
    ("MM/yyyy", "03/2020", date(2020, 3, 15)),
    ("M/yyyy", "3/2020", date(2020, 3, 15)),
    ("yyyy", "2020", date(2020, 7, 1)),
    ("yyyy", "20", None),
    ("dd/MM/yyyy;MM/yyyy;yyyy", "29/02/2020", date(2020, 2, 29)),
    ("dd/MM/yyyy;MM/yyyy;yyyy", "02/2020", date(2020, 2, 15)),
    ("dd/MM/yyyy;MM/yyyy;yyyy", "2020", date(2020, 7, 1)),
    ("dd/MM/yyyy;MM/yyyy;yyyy", "31/02/2020", None),
    ("dd/MM/yyyy; yyyy-MM-dd", "2020-02-01", date(2020, 2, 1)),
    ("dd.MM.yy(1930)", "01.02.30", date(1930, 2, 1)),
    ("dd.MM.yy(1930)", "01.02.29", date(2029, 2, 1)),
    ("dd.MM.yy(1930)", "01.02.99", date(1999, 2, 1)),
    ("dd.MM.yy(1930)", "01.02.1999", None),
    ("dd.MM.yy(1900)", "01.02.00", date(1900, 2, 1)),
    ("dd.MM.yy(2000)", "01.02.99", date(2099, 2, 1)),
    ("ddMMMyyyy", "01JAN2020", date(2020, 1, 1)),
    ("dd-MMM-yyyy", "1-Sept-2020", date(2020, 9, 1)),
    ("dd-MMM-yyyy", "1-Mai-2020", None),
    ("dd. MMM[de] yyyy", "3. Mär. 2020", date(2020, 3, 3)),
    ("dd. MMM[de] yyyy", "3. MRZ 2020", date(2020, 3, 3)),
    ("dd. MMM[de] yy(1950)", "3. Dez. 51", date(1951, 12, 3)),
    ("dd MMM[es] yyyy", "7 ene 2020", date(2020, 1, 7)),
    ("dd MMM[fr] yyyy", "7 août 2020", date(2020, 8, 7)),
    ("dd MMM[fr] yyyy", "7 juil. 2020", date(2020, 7, 7)),
    ("MMM-yyyy", "Feb-2020", date(2020, 2, 15)),
    ("yyyy-MM-ddTHH:mm:ss", "2020-02-01T23:59:59", date(2020, 2, 1)),
    ("yyyy-MM-ddTHH:mm:ss", "2020-02-01T23:59:59.123", date(2020, 2, 1)),
    ("yyyy-MM-ddTHH:mm:ss", "2020-02-01T24:00:00", None),
    ("yyyy-MM-ddTHH:mm:ss", "2020-02-01", None),
    ("yyyy-MM-ddTHH:mm:ssZ;yyyy-MM-dd", "2020-02-01T00:00:00Z", date(2020, 2, 1)),
    ("ddMMMyyyy:HH:mm:ss", "01JAN2020:07:05:00", date(2020, 1, 1)),
    ("dd.MM.yyyy HH:mm", "01.02.2020 7:05", date(2020, 2, 1)),
]


def test_dates_by_their_pattern(session: Session) -> None:
    for pattern in dict.fromkeys(p for p, _, _ in DATES):
        texts, wanted = zip(*((t, d) for p, t, d in DATES if p == pattern), strict=True)
        assert on(session, lambda c, p=pattern: plan.to_date(c, p), texts) == list(wanted), pattern


def test_the_precision_of_a_date_is_that_of_its_text(session: Session) -> None:
    texts = ["29/02/2020", "02/2020", "2020", "31/02/2020", "x", None]
    found = on(session, lambda c: plan.date_precision(c, "dd/MM/yyyy;MM/yyyy;yyyy"), texts)
    assert found == ["day", "month", "year", None, None, None]


@FAST
@given(st.sampled_from(sorted(MONTHS)), st.integers(1, 12), st.integers(1, 28), st.integers(1930, 2029))
def test_every_name_of_a_month_is_read(session: Session, language: str, month: int, day: int, year: int) -> None:
    names = [form for name in MONTHS[language][month - 1] for form in (name, name.upper(), f"{name.title()}.")]
    texts = [f"{day}-{name}-{year % 100:02}" for name in names]
    found = on(session, lambda c: plan.to_date(c, f"dd-MMM[{language}]-yy(1930)"), texts)
    assert found == [date(year, month, day)] * len(texts)


@FAST
@given(st.lists(st.dates(date(1900, 1, 1), date(2099, 12, 31)), min_size=1, max_size=80))
def test_every_date_is_read(session: Session, days: list[date]) -> None:
    for pattern, written in (("dd.MM.yyyy", "%d.%m.%Y"), ("yyyy-MM-dd", "%Y-%m-%d"), ("MM/dd/yyyy", "%m/%d/%Y")):
        assert on(session, lambda c, p=pattern: plan.to_date(c, p), [d.strftime(written) for d in days]) == days


def years(birth: date, now: date) -> int:
    return now.year - birth.year - ((now.month, now.day) < (birth.month, birth.day))


@FAST
@given(st.lists(st.tuples(st.dates(date(1900, 1, 1)), st.dates(date(1900, 1, 1))), min_size=1, max_size=80))
def test_days_and_completed_years(session: Session, pairs: list[tuple[date, date]]) -> None:
    births, nows = zip(*pairs, strict=True)
    assert on(session, plan.days_between, nows, births, kind=pa.date32()) == [(n - b).days for b, n in pairs]
    assert on(session, plan.years_between, nows, births, kind=pa.date32()) == [years(b, n) for b, n in pairs]


def test_years_turn_on_the_birthday(session: Session) -> None:
    nows = [date(2020, 2, 28), date(2020, 2, 29), date(2020, 3, 1), date(2021, 2, 28)]
    births = [date(2000, 2, 29)] * 4
    assert on(session, plan.years_between, nows, births, kind=pa.date32()) == [19, 20, 20, 20]


def test_whole(session: Session) -> None:
    numbers = [Decimal("2.000000"), Decimal("2.5"), Decimal("-3"), None]
    assert on(session, plan.whole, numbers, kind=pa.decimal128(18, 6)) == [2, None, -3, None]


def scale(session: Session, *pairs: tuple[str, str]) -> list[Any]:
    numbers, factors = ([Decimal(value) for value in values] for values in zip(*pairs, strict=True))
    return on(session, lambda n, f: plan.scaled(n.cast(plan.DECIMAL), f), numbers, factors, kind=pa.decimal128(20, 12))


def test_scaled(session: Session) -> None:
    pairs = [("5", "1.6114"), ("41.5", "0.01"), ("1", "0.0000005"), ("1", "0.000000499999"), ("-1", "0.0000005")]
    wanted = ["8.0570", "0.415", "0.000001", "0", "-0.000001"]
    assert scale(session, *pairs) == [Decimal(w) for w in wanted]


def test_a_product_is_rounded_once(session: Session) -> None:
    # Rounded to seventeen places first, it would come out one millionth higher.
    assert scale(session, ("0.999999", "0.000000500000")) == [Decimal(0)]
    assert scale(session, ("499999.999999", "0.000000000001")) == [Decimal(0)]


def test_a_factor_keeps_all_its_places(session: Session) -> None:
    found = on(session, lambda c: plan.scaled(c, Decimal("30.4375")), [Decimal(161)], kind=pa.decimal128(18, 6))
    assert found == [Decimal("4900.4375")]  # months to days


def test_scaled_overflow(session: Session) -> None:
    assert scale(session, ("99999999", "99999999"), ("99999999", "1000")) == [None, Decimal(99999999000)]


@FAST
@given(
    st.lists(
        st.tuples(st.decimals(0, 10000, places=6), st.decimals(Decimal("0.000001"), 1000, places=6)),
        min_size=1,
        max_size=80,
    )
)
def test_scaled_is_the_rounded_product(session: Session, pairs: list[tuple[Decimal, Decimal]]) -> None:
    exact = [(number * by).quantize(Decimal("0.000001"), ROUND_HALF_UP) for number, by in pairs]
    assert scale(session, *((str(n), str(b)) for n, b in pairs)) == exact


def divide(session: Session, pairs: Sequence[tuple[Decimal, Decimal]]) -> list[Any]:
    lefts, rights = zip(*pairs, strict=True)
    return on(session, plan.ratio, lefts, rights, kind=pa.decimal128(18, 6))


def test_ratio(session: Session) -> None:
    lefts = ["1", "1", "-2", "1", "1", "-1", "9e11", "0"]
    rights = ["8", "3", "3", "0", "2000000", "2000000", "0.1", "5"]
    wanted = ["0.125", "0.333333", "-0.666667", None, "0.000001", "-0.000001", None, "0"]
    found = divide(session, [(Decimal(a), Decimal(b)) for a, b in zip(lefts, rights, strict=True)])
    assert found == [None if w is None else Decimal(w) for w in wanted]


CELLS = st.decimals(-(10**6), 10**6, places=6)


@FAST
@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=80))
def test_every_engine_divides_alike(session: Session, pairs: list[tuple[Decimal, Decimal]]) -> None:
    def quotient(left: Decimal, right: Decimal) -> Decimal | None:
        if not right:
            return None
        double = float(f"{left:f}") / float(f"{right:f}")
        if abs(double) >= 1e12:
            return None
        return Decimal(math.copysign(math.floor(abs(double) * 1e6 + 0.5), double)) / 10**6

    assert divide(session, pairs) == [quotient(a, b) for a, b in pairs]


def test_last_place_and_number_text(session: Session) -> None:
    texts = ["7", "1.20", "1,5", "0.1234567", "x", None]
    wanted = ["1", "0.01", "0.1", "0.000001", "1"]
    assert on(session, plan.last_place, texts)[:5] == [Decimal(w) for w in wanted]
    numbers = [Decimal("2"), Decimal("100"), Decimal("0"), Decimal("-0.5"), Decimal("1.230001"), None]
    written = ["2", "100", "0", "-0.5", "1.230001", None]
    assert on(session, plan.number_text, numbers, kind=pa.decimal128(18, 6)) == written


def test_keys_tell_absent_from_empty_and_parts_from_each_other(session: Session) -> None:
    lefts = ["a", "", None, "a", "ab", "a"]
    rights = ["b", "b", "b", "", "", None]
    found = on(session, lambda a, b: plan.digest([a, b]), lefts, rights)
    assert len(set(found)) == 6
    assert found[0] == hashlib.md5(b"a\x1fb", usedforsecurity=False).hexdigest()


def test_choose_and_connectives(session: Session) -> None:
    def word(c: Column) -> Column:
        return plan.choose(
            [(c == "a", ibis.literal("first")), (plan.either([c == "a", c == "b"]), ibis.literal("second"))], c
        )

    assert on(session, word, ["a", "b", "c", None]) == ["first", "second", "c", None]
    assert on(session, lambda c: plan.choose([], c), ["x"]) == ["x"]
    assert on(session, lambda _: plan.either([]), ["x"]) == [False]
    assert on(session, lambda _: plan.both([]), ["x"]) == [True]


def test_texts_is_a_list_without_nulls(session: Session) -> None:
    assert on(session, lambda a, b: plan.texts(a, b), ["x", None, None], ["y", "z", None]) == [["x", "y"], ["z"], []]


def test_to_long_leaves_empty_cells_out(session: Session) -> None:
    table = session.table(
        "wide", {"row": pa.int64(), "a": pa.string(), "b": pa.string()}, [(2, "x", None), (3, None, None)]
    )
    assert session.rows(plan.to_long(table, {"a": 7, "b": 8}, ["row"])) == [(2, 7, "x")]


def test_union_keeps_every_row(session: Session) -> None:
    one = session.table("one", {"n": pa.int64()}, [(1,), (1,)])
    assert sorted(session.rows(plan.union([one, one]))) == [(1,)] * 4


def test_lists(session: Session) -> None:
    kinds = {"n": pa.int64(), "a": pa.list_(pa.int64()), "b": pa.list_(pa.int64()), "t": pa.list_(pa.string())}
    rows = [
        (0, [3, 1], [2, 3], ["x", "y"]),
        (1, [], [1], []),
        (2, None, [1], None),
        (3, [7], None, ["z"]),
        (4, None, None, [""]),
    ]
    table = session.table("lists", kinds, rows)
    found = table.select(
        "n",
        first=plan.item(table.a, 0),
        second=plan.item(table.a, 1),
        last=plan.item(table.a, -1),
        text=plan.item(table.t, 1),
        both=plan.appended(table.a, table.b),
        numbers=plan.joined(table.a, ","),
        words=plan.joined(table.t, "-"),
        apart=plan.disjoint(table.a, table.b),
        known=table.a.notnull(),
    ).order_by("n")
    assert session.rows(found) == [
        (0, 3, 1, 1, "y", [3, 1, 2, 3], "3,1", "x-y", False, True),
        (1, None, None, None, None, [1], "", "", True, True),
        (2, None, None, None, None, [1], None, None, True, False),
        (3, 7, None, 7, None, [7], "7", "z", True, True),
        (4, None, None, None, None, None, None, "", True, False),
    ]
    parts = table.select("n", v=table.a.unnest())
    assert session.rows(parts.order_by("n", "v")) == [(0, 1), (0, 3), (3, 7)]
    placed = table.select("n", "t").unnest("t", offset="at")
    assert session.rows(placed.order_by("n", "at").select("n", "t", "at")) == [
        (0, "x", 0), (0, "y", 1), (3, "z", 0), (4, "", 0),
    ]  # fmt: skip


GROUPED = [("g", 1, None), ("g", 2, "b"), ("g", 3, "a"), ("g", 4, "b"), ("h", 5, None)]


def test_groups_do_not_show_the_order_of_rows(session: Session) -> None:
    for rows in (GROUPED, GROUPED[::-1]):
        table = session.table("grouped", {"g": pa.string(), "n": pa.int64(), "t": pa.string()}, rows)
        summary = table.group_by("g").agg(
            all=plan.gathered(table.t),
            first=plan.at_lowest(table.t, table.n),
            kinds=table.t.nunique(),
            some=(table.t == "a").any(),
            most=table.t.max(where=table.n > 2),
        )
        assert session.rows(summary.order_by("g")) == [
            ("g", ["a", "b"], "b", 2, True, "b"), ("h", [], None, 0, None, None),
        ]  # fmt: skip
        placed = table.select(
            "n",
            place=plan.numbered([table.g], [table.t, table.n.desc()]),
            lead=plan.first_of(table.t, table.g, [table.n]),
            best=plan.first_of(table.t, table.g, [table.t, table.n]),
        )
        assert session.rows(placed.order_by("n")) == [
            (1, 3, "b", "a"), (2, 2, "b", "a"), (3, 0, "b", "a"), (4, 1, "b", "a"), (5, 0, None, None),
        ]  # fmt: skip


def test_joins_leave_null_keys_out(session: Session) -> None:
    left = session.table("left", {"k": pa.string(), "v": pa.int64()}, [("a", 1), (None, 2), ("A", 3), ("b", 4)])
    right = session.table("right", {"k": pa.string(), "v": pa.int64()}, [("a", 10), (None, 20), ("b ", 30)])
    assert session.rows(left.join(right, "k")) == [("a", 1, 10)]
    assert sorted(session.rows(left.left_join(right, "k").select("v", "k_right"))) == [
        (1, "a"), (2, None), (3, None), (4, None),
    ]  # fmt: skip
    assert sorted(session.rows(left.anti_join(right, "k").select("v"))) == [(2,), (3,), (4,)]
    assert session.rows(left.semi_join(right, "k").select("v")) == [(1,)]
    assert sorted(session.rows(left.select("k").union(left.select("k")).distinct()), key=repr) == [
        ("A",), ("a",), ("b",), (None,),
    ]  # fmt: skip


def test_case_is_changed_letter_by_letter(session: Session) -> None:
    words = ["straße", "MÜNCHEN", "İstanbul", "ΟΔΟΣ", "ﬁx", "abc", "Å", None]
    assert on(session, plan.upper, words) == ["STRAßE", "MÜNCHEN", "İSTANBUL", "ΟΔΟΣ", "ﬁX", "ABC", "Å", None]
    assert on(session, plan.lower, words) == ["straße", "münchen", "İstanbul", "οδοσ", "ﬁx", "abc", "å", None]


def test_like_has_no_escape(session: Session) -> None:
    words = ["a_b", "axb", "a\\xb", "a\nb", "a.b", "ab", "a%b\n", None]
    assert on(session, lambda c: plan.like(c, "a_b"), words) == [True, True, False, True, True, False, False, None]
    assert on(session, lambda c: plan.like(c, "a\\_b"), words) == [False, False, True, False, False, False, False, None]
    assert on(session, lambda c: plan.like(c, "a%"), words) == [True] * 7 + [None]


def test_constants_and_names_may_hold_anything(session: Session) -> None:
    odd = ["'", '"', "\\", "\\n", "`", "$1", "\n\t", "%", "ä😀", "a.b", "--", "{x}", ";"]
    table = session.table("odd", {**dict.fromkeys(odd, pa.string())}, [odd])
    found = table.select(**{f"is {name}": table[name] == plan.text_literal(name) for name in odd})
    assert session.rows(session.lay(found, "odd/laid")) == [(True,) * len(odd)]
    long = plan.to_long(table.mutate(id=ibis.literal(1)), {name: n for n, name in enumerate(odd)}, ["id"])
    assert sorted(session.rows(session.lay(long.select("variable", "text"), "odd/long"))) == list(enumerate(odd))


def test_white_space_and_substrings(session: Session) -> None:
    words = ["\t a \v\f\r\n", "\u00a0x\u00a0", "\u2003y", "äöü", "😀bc", "", None]
    assert on(session, plan.trimmed, words) == ["a", "x", "\u2003y", "äöü", "😀bc", None, None]
    assert on(session, lambda c: c.substr(1, 1), words)[3:] == ["ö", "b", "", None]
    assert on(session, lambda c: c.length(), words)[3:] == [3, 3, 0, None]
    assert on(session, lambda c: c.replace("", "x").replace("ö", "\\1"), words)[3:] == ["ä\\1ü", "😀bc", "", None]
    assert on(session, lambda c: plan.to_decimal(c), ["1\n", "1 ", "1", "١"]) == [None, None, Decimal(1), None]


def test_the_keyed_hash_needs_the_secret(tmp_path: Path) -> None:
    session = DuckDBSession(tmp_path)

    def twice(secret: str, text: str) -> str:
        inner = hashlib.sha256((secret + text).encode()).hexdigest()
        return hashlib.sha256((secret + inner).encode()).hexdigest()

    set_secret(session, "it's secret")
    assert on(session, plan.keyed_hash, ["a", "", None]) == [twice("it's secret", "a"), twice("it's secret", ""), None]
    set_secret(session, "another")
    assert on(session, plan.keyed_hash, ["a"]) == [twice("another", "a")]
