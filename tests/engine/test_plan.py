"""The words of a plan, run on the engine: what text means as number, date, flag, key."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from itertools import count
from typing import Any

import ibis
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from haemony.engine import plan
from haemony.engine.dates import MONTHS
from haemony.engine.session import Column, Session
from haemony.graph_loader.read import set_secret

NUMBERS = count()
FAST = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with Session(tmp_path_factory.mktemp("plan")) as session:
        yield session


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
@given(st.lists(st.decimals(min_value=-(10**9), max_value=10**9, places=6), min_size=1, max_size=20))
def test_every_decimal_of_six_places_is_read_exactly(session: Session, numbers: list[Decimal]) -> None:
    assert on(session, plan.to_decimal, [f"{n:f}" for n in numbers]) == numbers


@FAST
@given(st.lists(st.text(max_size=12), min_size=1, max_size=20))
def test_no_text_breaks_a_reader(session: Session, texts: list[str]) -> None:
    texts = [t.replace("\0", "") for t in texts]
    for word in (plan.trimmed, plan.canonical, plan.to_decimal, plan.bound, plan.without_bound):
        assert len(on(session, word, texts)) == len(texts)
    for pattern in ("dd.MM.yyyy", "dd-MMM[de]-yy(1930);yyyy-MM-ddTHH:mm:ss"):
        assert len(on(session, lambda c, p=pattern: plan.to_date(c, p), texts)) == len(texts)


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
@given(st.lists(st.dates(date(1900, 1, 1), date(2099, 12, 31)), min_size=1, max_size=20))
def test_every_date_is_read(session: Session, days: list[date]) -> None:
    for pattern, written in (("dd.MM.yyyy", "%d.%m.%Y"), ("yyyy-MM-dd", "%Y-%m-%d"), ("MM/dd/yyyy", "%m/%d/%Y")):
        assert on(session, lambda c, p=pattern: plan.to_date(c, p), [d.strftime(written) for d in days]) == days


def years(birth: date, now: date) -> int:
    return now.year - birth.year - ((now.month, now.day) < (birth.month, birth.day))


@FAST
@given(st.lists(st.tuples(st.dates(date(1900, 1, 1)), st.dates(date(1900, 1, 1))), min_size=1, max_size=20))
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


def scale(session: Session, number: str, by: str) -> Any:
    return on(session, lambda c: plan.scaled(c, Decimal(by)), [Decimal(number)], kind=pa.decimal128(18, 6))[0]


def test_scaled(session: Session) -> None:
    assert scale(session, "5", "1.6114") == Decimal("8.057")
    assert scale(session, "41.5", "0.01") == Decimal("0.415")
    assert scale(session, "161", "30.4375") == Decimal("4900.4375")  # months to days, to the last place


def test_scaled_overflow(session: Session) -> None:
    assert scale(session, "999999999999", "1000") is None


@FAST
@given(st.decimals(0, 10000, places=6), st.decimals(Decimal("0.000001"), 1000, places=6))
def test_scaled_is_the_rounded_product(session: Session, number: Decimal, by: Decimal) -> None:
    exact = (number * by).quantize(Decimal("0.000001"), ROUND_HALF_UP)
    assert abs(scale(session, str(number), str(by)) - exact) <= Decimal("0.000001")


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
    assert session.rows(plan.to_long(table, ["a", "b"], ["row"])) == [(2, "a", "x")]


def test_union_keeps_every_row(session: Session) -> None:
    one = session.table("one", {"n": pa.int64()}, [(1,), (1,)])
    assert sorted(session.rows(plan.union([one, one]))) == [(1,)] * 4


def test_the_keyed_hash_needs_the_secret(session: Session) -> None:
    def twice(secret: str, text: str) -> str:
        inner = hashlib.sha256((secret + text).encode()).hexdigest()
        return hashlib.sha256((secret + inner).encode()).hexdigest()

    set_secret(session, "it's secret")
    assert on(session, plan.keyed_hash, ["a", "", None]) == [twice("it's secret", "a"), twice("it's secret", ""), None]
    set_secret(session, "another")
    assert on(session, plan.keyed_hash, ["a"]) == [twice("another", "a")]
