"""Profile: what the columns of a delivered table hold, found by the engine over all rows.

Texts leave the engine only where few of them are shared by many rows (``SHARED``); whatever else is said of a column is
a count or a pattern.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import duckdb
import ibis

from haemony.engine.dates import to_date
from haemony.engine.errors import DeliveryError, Problem
from haemony.engine.on_duckdb import DuckDBSession
from haemony.engine.sql import named
from haemony.graph_loader.delimited import Top, either_way, read_top, rejected_rows
from haemony.graph_loader.formats import format_of, frame_table, named_faults, peek
from haemony.mappings.model import TableSpec
from haemony.mappings.seen import SeenColumn, SeenDates, SeenTable

#: Most texts of a column that are listed, fewest rows that share each, and its longest.
LISTED, SHARED, LONGEST = 20, 5, 40
#: Distinct texts by which patterns are told.
SAMPLE: Final = 20_000
#: Share of a column's texts that a reading must fit.
FITS: Final = 0.9
#: Texts that say nothing but that there is no value; those that say why (unknown, not done) may be answers.
MISSING: Final = frozenset(
    (
        "na|n/a|n.a.|n.a|#n/a|<na>|nan|null|.|..|-|--|---|?|missing|not available|not applicable|not recorded"
        "|n.b.|k.a.|k. a.|o.a.|n.d.|nicht verfügbar|nicht erfasst|keine angabe|fehlend"
        "|s/d|no disponible|sin dato|sin datos|no consta|non disponible|non renseigné|manquant"
    ).split("|")
)
POINT: Final = r"[+-]?[0-9]*\.[0-9]+([eE][+-]?[0-9]+)?"
COMMA: Final = "[+-]?[0-9]*,[0-9]+([eE][+-]?[0-9]+)?"
#: Groups of three digits, by what parts them; and those that can be nothing else, for there are several or decimals.
GROUPED: Final = {
    ".": r"[+-]?[0-9]{1,3}(\.[0-9]{3})+(,[0-9]+)?",
    ",": r"[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?",
    "'": r"[+-]?[0-9]{1,3}(''[0-9]{3})+([.,][0-9]+)?",
}
CERTAIN: Final = {
    ".": r"[+-]?[0-9]{1,3}((\.[0-9]{3}){2,}|(\.[0-9]{3})+,[0-9]+)",
    ",": r"[+-]?[0-9]{1,3}((,[0-9]{3}){2,}|(,[0-9]{3})+\.[0-9]+)",
    "'": GROUPED["'"],
}
#: A text that may be a date at all.
DATELIKE: Final = r"[0-9]{1,4}[-./ ]?([0-9]{1,2}|[[:alpha:]]{3,5}\.?)[-./ ]?[0-9]{2,4}([T ][0-9:.,]+)?"
ISCN: Final = r"[0-9]{2,3}([~-][0-9]{2,3})?(<[0-9]n>)?,[XY?idem].*"
HGVS: Final = r"([A-Z]+_?[0-9.]+:)?[cpgn]\.\(?[A-Za-z0-9*_?+\-=\[\]>();]+"
#: Ways to write dates, by the place of their day where two ways may be taken for each other.
PATTERNS: Final = (
    *("yyyy-MM-dd", "yyyy/MM/dd", "yyyy.MM.dd", "yyyyMMdd", "yyyy-MM-ddTHH:mm:ss", "yyyy-MM-dd HH:mm:ss"),
    *("dd.MM.yyyy", "dd.MM.yyyy HH:mm", "dd/MM/yyyy", "dd-MM-yyyy"),
    *("dd/MM/yyyy HH:mm", "MM/dd/yyyy", "MM-dd-yyyy", "MM/dd/yyyy HH:mm"),
    *(f"dd{s}MMM{language}{s}yyyy" for language in ("", "[de]", "[es]", "[fr]") for s in ("-", " ", "")),
    *("dd. MMM[de] yyyy", "MM/yyyy", "yyyy-MM", "MM.yyyy"),
)
#: Years of two digits: the first year that they mean must be said, so no pattern is chosen.
SHORT: Final = ("dd.MM.yy(1930)", "dd/MM/yy(1930)", "MM/dd/yy(1930)", "dd-MMM-yy(1930)")


def load(session: DuckDBSession, path: Path, spec: TableSpec) -> tuple[tuple[str, ...], int]:
    """Keep a delivered file in the session's memory as a table of trimmed text; return its columns and its rows.

    The table has the name of the spec. Raises ``DeliveryError``.
    """
    with named_faults(spec):
        text = format_of(path, spec) == "csv"
        top = read_top(path, spec, 1) if text else None
    if top is not None:
        return top.columns, _load_text(session, path, spec, top)
    columns = peek(path, spec, 0).columns
    with frame_table(session, spec, path, columns):
        return columns, _create(session, spec, columns)


def _load_text(session: DuckDBSession, path: Path, spec: TableSpec, top: Top) -> int:
    """Load delimited text; raise ``DeliveryError`` with its broken rows."""
    try:
        rows, faults = either_way(session, spec, path, top, lambda _: _create(session, spec, top.columns))
    except (duckdb.InvalidInputException, duckdb.IOException, UnicodeError):
        rejected_rows(session, spec)
        faults = [Problem(spec.file, None, "", "the file cannot be read as a table.", "Deliver it again.")]
    if faults:
        raise DeliveryError(faults)
    return rows


def _create(session: DuckDBSession, spec: TableSpec, columns: Sequence[str]) -> int:
    """Keep a table in memory; blank cells are null."""
    texts = ", ".join(f"nullif(trim({named(c)}, ' \t\r\n\u00a0'), '') AS {named(c)}" for c in columns)
    con = session.connection.con
    con.execute(f"CREATE OR REPLACE TABLE {named(spec.name)} AS SELECT {texts} FROM {named('delivered_' + spec.name)}")
    return int(con.execute(f"SELECT count(*) FROM {named(spec.name)}").fetchone()[0])


def profile(
    session: DuckDBSession,
    view: str,
    spec: TableSpec,
    columns: Iterable[str],
    rows: int,
    readers: Mapping[str, Iterable[str]],
    *,
    text: bool,
) -> SeenTable:
    """Say what the columns of a loaded table hold; `readers` are texts that known readers take, by reader.

    Only `text` has marks of its own in numbers; the other formats hold numbers as such.
    """
    con = session.connection.con
    con.execute("CREATE OR REPLACE TEMP TABLE missing_words AS SELECT unnest($1) AS w", [sorted(MISSING)])
    for name, texts in readers.items():
        con.execute(f"CREATE OR REPLACE TEMP TABLE reader_{name} AS SELECT unnest($1) AS v", [sorted(set(texts))])
    seen = tuple(_column(session, view, name, tuple(readers)) for name in columns)
    if text:
        decimal, thousands = _number_marks(session, view, seen)
        spec = replace(spec, decimal=decimal, thousands=thousands)
    missing = {text for column in seen for text in column.missing if _says_missing(column, text)}
    return SeenTable(replace(spec, missing=("", *sorted(missing))), rows, seen)


def _says_missing(column: SeenColumn, text: str) -> bool:
    """Tell whether a text means that there is no value: among many texts, a mere sign may be one (`-`: no base)."""
    return column.kind != "text" or bool(column.shared) or any(c.isalpha() for c in text)


def _column(session: DuckDBSession, view: str, name: str, readers: Sequence[str]) -> SeenColumn:
    con = session.connection.con
    con.execute(
        f'CREATE OR REPLACE TEMP TABLE texts AS SELECT {named(name)} AS v, count(*) AS n FROM "{view}" '
        f"WHERE {named(name)} IS NOT NULL GROUP BY 1"
    )
    gone = con.execute("SELECT v, n FROM texts WHERE lower(v) IN (SELECT w FROM missing_words) ORDER BY v").fetchall()
    con.execute("DELETE FROM texts WHERE lower(v) IN (SELECT w FROM missing_words)")
    number = "|".join(("[+-]?[0-9]+", POINT, COMMA, *GROUPED.values()))
    filled, distinct, longest, numbers, wholes, spaced = (
        con.execute(
            "SELECT coalesce(sum(n), 0)::BIGINT, count(*), coalesce(max(length(v)), 0), "
            f"coalesce(sum(n) FILTER (regexp_full_match(v, '{number}')), 0)::BIGINT, "
            "coalesce(sum(n) FILTER (regexp_full_match(v, '[+-]?[0-9]+([.,]0+)?')), 0)::BIGINT, "
            "coalesce(sum(n * (length(v) - length(replace(v, ' ', '')))), 0)::BIGINT FROM texts"
        ).fetchone()
        or (0,) * 6
    )
    column = SeenColumn(
        name, "text", filled, distinct, longest, spaced / max(filled, 1) + 1, missing=tuple(text for text, _ in gone)
    )
    if not filled:
        return replace(column, kind="empty")
    con.execute(f"CREATE OR REPLACE TEMP TABLE sample AS SELECT * FROM texts ORDER BY hash(v) LIMIT {SAMPLE}")
    column = replace(column, **_shared(con, distinct, longest), dates=_dates(session, con), reads=_reads(con, readers))
    if column.dates.pattern or column.dates.doubt:
        return replace(column, kind="date", shared={}, rare=0)
    if numbers >= FITS * filled:
        low, high = _range(con, filled)
        return replace(column, kind="number", whole=wholes == numbers, low=low, high=high)
    return column


def _shared(con: Any, distinct: int, longest: int) -> dict[str, Any]:
    """Return the texts that many rows share, where a column has few; and how many are too rare to be said."""
    if distinct > LISTED or longest > LONGEST:
        return {"shared": {}, "rare": 0}
    found = con.execute(f"SELECT v, n FROM texts WHERE n >= {SHARED} ORDER BY n DESC, v").fetchall()
    return {"shared": dict(found), "rare": distinct - len(found)}


def _range(con: Any, filled: int) -> tuple[float | None, float | None]:
    """Return the numbers that nine in ten rows lie between, of two digits: no single patient's number is said."""
    if filled < 20 * SHARED:
        return None, None
    text = "replace(replace(v, '''', ''), ',', '.')"
    rows = con.execute(
        "SELECT quantile_cont(x, [0.05, 0.95]) "
        f"FROM (SELECT TRY_CAST({text} AS DOUBLE) AS x, unnest(range(n)) FROM texts)"
    ).fetchone()
    if not rows or not rows[0] or None in rows[0]:
        return None, None
    low, high = (float(f"{number:.2g}") for number in rows[0])
    return low, high


def _reads(con: Any, readers: Sequence[str]) -> frozenset[str]:
    """Return the readers that understand almost all rows of a column."""
    asked = {name: f"v IN (SELECT v FROM reader_{name})" for name in readers}
    asked |= {"iscn": f"regexp_full_match(v, '{ISCN}')", "hgvs": f"regexp_full_match(v, '{HGVS}')"}
    sums = ", ".join(f"coalesce(sum(n) FILTER ({test}), 0) / sum(n)" for test in asked.values())
    shares = con.execute(f"SELECT {sums} FROM sample").fetchone()
    # karyotypes and changes stand beside words that say why there is none
    needed = {"iscn": 0.5, "hgvs": 0.5, "unit": 0.98, "sex": 0.98}
    return frozenset(name for name, share in zip(asked, shares, strict=True) if share >= needed.get(name, FITS))


def _dates(session: DuckDBSession, con: Any) -> SeenDates:
    """Say how a column's dates are written; where a day may be a month and a month a day, that nobody can tell."""
    like, total = con.execute(
        "SELECT coalesce(sum(n) FILTER (regexp_full_match(v, $1) AND NOT regexp_full_match(v, $2)), 0), sum(n) "
        "FROM sample",
        [DATELIKE, r"[0-9]{1,7}|[0-9]*[.,][0-9]+|[0-9]{9,}"],
    ).fetchone()
    if like < FITS * total:
        return SeenDates()
    texts = session.connection.table("sample", database=("temp", "main"))
    tried = {f"p{i}": _rows_read(texts, pattern) for i, pattern in enumerate((*PATTERNS, *SHORT))}
    counts = texts.aggregate(**tried).to_pyarrow().to_pylist()[0]
    read = {pattern: int(counts[f"p{i}"] or 0) for i, pattern in enumerate((*PATTERNS, *SHORT))}
    best = max(PATTERNS, key=lambda p: (read[p], -PATTERNS.index(p)))
    if read[best] < FITS * total:
        short = max(SHORT, key=lambda p: read[p])
        if read[short] >= FITS * total:
            return SeenDates(doubt=f"dates with years of two digits: say how, and the first year, as in {short}")
        return SeenDates()
    twin = best.replace("d", "#").replace("M", "d").replace("#", "M") if "MMM" not in best else best
    if twin != best and twin in read and read[twin] == read[best] and "." not in best:
        return SeenDates(doubt=f"dates that fit {best} as well as {twin}: say which it is in `format`")
    return SeenDates(best)


def _rows_read(texts: Any, pattern: str) -> Any:
    return ibis.ifelse(to_date(texts.v, pattern).notnull(), texts.n, 0).sum()


def _number_marks(session: DuckDBSession, view: str, columns: Sequence[SeenColumn]) -> tuple[str, str]:
    """Say the decimal mark of a file and what parts its groups of digits; empty where no number has a mark."""
    votes = {".": 0, ",": 0}
    grouped: set[str] = set()
    for column in (c for c in columns if c.kind == "number"):
        tests = (POINT, COMMA, *CERTAIN.values())
        sums = ", ".join(f"count(*) FILTER (regexp_full_match({named(column.name)}, '{test}'))" for test in tests)
        counts = session.connection.con.execute(f'SELECT {sums} FROM "{view}"').fetchone()
        point, comma, *groups = counts or (0,) * len(tests)
        marked = dict(zip(CERTAIN, groups, strict=True))
        votes["."] += point + marked[","] > comma + marked["."]
        votes[","] += comma + marked["."] > point + marked[","]
        grouped |= {mark for mark, count in marked.items() if count}
    if not any(votes.values()):
        return "", ""
    decimal = "," if votes[","] > votes["."] else "."
    return decimal, next(iter(sorted(grouped - {decimal})), "")
