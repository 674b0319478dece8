"""Formats: the same table in every format lands as the same text; a damaged file is one error with advice."""

from __future__ import annotations

import base64
import datetime as dt
import gzip
import random
import zipfile
import zlib
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyreadr
import pyreadstat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haemony.engine.errors import DeliveryError
from haemony.engine.on_duckdb import DuckDBSession as Session
from haemony.graph_loader.formats import contents, frame_table, peek
from haemony.graph_loader.frames import ROWS
from haemony.graph_loader.texts import ROW, number_text, series_text, text_of
from haemony.mappings.model import PatientKey, TableSpec
from tests.graph_loader.delivered_files import r_data, r_list, r_numbers, r_rows, r_texts, write_sas7bdat
from tests.graph_loader.partners import Ward, check_ledger
from tests.mappings.partner_files import row, value

COLUMNS = ("ID", "hb", "n", "day")
ROWS_AS_TEXT = (("a", "12.3", "1", "2020-01-31"), ("größer", "9", "2", None), ("c", None, "30", "1950-03-04"))
DAYS = [dt.date(2020, 1, 31), None, dt.date(1950, 3, 4)]
SAS_EPOCH = dt.date(1960, 1, 1)


def frame() -> pd.DataFrame:
    columns = {"ID": ["a", "größer", "c"], "hb": [12.3, 9.0, np.nan], "n": [1, 2, 30]}
    return pd.DataFrame({**columns, "day": pd.Series(DAYS, dtype=object)})


def _excel(path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(COLUMNS)
    for cells in frame().itertuples(index=False):
        sheet.append([None if isinstance(v, float) and np.isnan(v) else v for v in cells])
    book.save(path)


def _sas(path: Path) -> None:
    days = [None if d is None else float((d - SAS_EPOCH).days) for d in DAYS]
    columns: dict[str, Any] = {"ID": ["a", "größer", "c"], "hb": [12.3, 9, None], "n": [1, 2, 30], "day": days}
    write_sas7bdat(path, columns, {"hb": "haemoglobin"}, {"day": "DATE9"})


def _r(path: Path) -> None:
    days = r_numbers([18292, float("nan"), -7243], **{"class": r_texts("Date")})
    values = [r_texts("a", "größer", "c"), r_numbers([12.3, 9, float("nan")]), r_numbers([1, 2, 30]), days]
    names = {"names": r_texts(*COLUMNS), "row.names": r_rows(3), "class": r_texts("data.frame")}
    path.write_bytes(gzip.compress(r_data(d=r_list(values, **names))))


def _compressed(path: Path, write: Callable[[Path], None]) -> None:
    write(path.with_suffix(""))
    path.write_bytes(gzip.compress(path.with_suffix("").read_bytes()))


WRITERS: dict[str, Callable[[Path], object]] = {
    "t.csv": lambda p: frame().to_csv(p, index=False),
    "t.csv.gz": lambda p: frame().to_csv(p, index=False),
    "t.zip": lambda p: frame().to_csv(p, index=False, compression={"method": "zip", "archive_name": "inner.csv"}),
    "t.xlsx": _excel,
    "t.xlsx.gz": lambda p: _compressed(p, _excel),
    "t.parquet": lambda p: frame().to_parquet(p),
    "t.sas7bdat": _sas,
    "t.xpt": lambda p: pyreadstat.write_xport(frame(), p),
    "t.sav": lambda p: pyreadstat.write_sav(frame(), p),
    "t.zsav": lambda p: pyreadstat.write_sav(frame(), p, compress=True),
    "t.dta": lambda p: pyreadstat.write_dta(frame(), p),
    "t.RData": _r,
    "t.rds": lambda p: pyreadr.write_rds(p, frame()),
}


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with Session(tmp_path_factory.mktemp("formats")) as opened:
        yield opened


def spec(path: Path, **how: Any) -> TableSpec:
    return TableSpec("t", path.name, PatientKey(""), **how)


def landed(session: Session, path: Path, columns: tuple[str, ...] = COLUMNS, **how: Any) -> list[tuple[Any, ...]]:
    with frame_table(session, spec(path, **how), path, columns) as table:
        return session.rows(table.select(ROW, *columns))


def fault(path: Path, **how: Any) -> str:
    """Return the one problem of a file."""
    with pytest.raises(DeliveryError) as caught:
        peek(path, spec(path, **how))
    (problem,) = caught.value.problems
    assert problem.file == path.name
    assert problem.advice
    return str(problem)


# --- the same table in every format ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_text(session: Session, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    WRITERS[name](path)
    found = peek(path)
    assert found.columns == COLUMNS
    assert tuple(tuple(v or None for v in r) for r in found.rows) == as_written(name)
    assert len(peek(path, rows=1).rows) == 1
    if "csv" not in name and name != "t.zip":
        part = landed(session, path, ("n", "ID"))
        assert [(r[0], r[1] or None, r[2]) for r in part] == [(i, t[2], t[0]) for i, t in enumerate(ROWS_AS_TEXT, 2)]
        assert landed(session, path, ()) == [(2,), (3,), (4,)]


def as_written(name: str) -> tuple[tuple[str | None, ...], ...]:
    """Return the rows: pandas itself writes ``9.0`` into a CSV file."""
    text = "csv" in name or name == "t.zip"
    return tuple((a, "9.0" if text and b == "9" else b, c, d) for a, b, c, d in ROWS_AS_TEXT)


def test_a_file_lands_whole_whatever_its_format(tmp_path: Path) -> None:
    """Keys are hashed, columns of use drop are not read, every cell is accounted for, no copy is left."""
    names = [n for n in WRITERS if n != "t.csv"]
    tables = {f"t{i}": n for i, n in enumerate(names)}
    ward = Ward(
        "patients: t0\nindex: {event: diagnosis, relative: true}\ntables:\n"
        + "".join(f"  {t}: {{file: {n}, patient: ID, at: index}}\n" for t, n in tables.items()),
        [
            cell
            for t in tables
            for cell in (
                row(t, "ID", "key"),
                row(t, "hb", record="Measurement", field="value", unit="g/dL"),
                row(t, "n", "drop", note="not wanted"),
                row(t, "day", "ignore", note="not wanted"),
            )
        ],
        [row for t in tables for row in (concept(t),)],
    )
    (tmp_path / "data").mkdir()
    for name in names:
        WRITERS[name](tmp_path / "data" / name)
    result = ward.run(tmp_path)
    check_ledger(result, dict.fromkeys(tables, (3, COLUMNS)))
    assert result.values("Measurement", "p2", "value") == [12.3]
    assert result.values("Measurement", "p3", "value") == [9]
    (measurement,) = result.of("Measurement", "p2")
    assert {s.split(":")[0] for s in measurement["sources"]} == set(tables)
    kept = b"".join(p.read_bytes() for p in (tmp_path / "work").rglob("*") if p.is_file())
    assert "größer".encode() not in kept
    assert not [p for p in (tmp_path / "work" / "land").iterdir() if p.suffix != ".parquet"]


def concept(table: str) -> Any:
    from tests.mappings.partner_files import meaning

    return meaning(f"ward:{table}.hb", "OMOP:3000963")


def test_a_big_table_comes_in_parts(session: Session, tmp_path: Path) -> None:
    many = pd.DataFrame({"n": np.arange(ROWS * 2 + 3)})
    pyreadstat.write_sav(many, tmp_path / "t.sav")
    many.to_parquet(tmp_path / "t.parquet")
    for name in ("t.sav", "t.parquet"):
        assert landed(session, tmp_path / name, ("n",)) == [(i + 2, str(i)) for i in range(len(many))]
        assert peek(tmp_path / name, rows=3).rows == (("0",), ("1",), ("2",))


# --- labels, and what formats tell of missing values -----------------------------------------------------------------


def test_labels_are_offered_and_codes_stay_codes(tmp_path: Path) -> None:
    codes = pd.DataFrame({"sex": [1, 2, 9]})
    how: dict[str, Any] = {"column_labels": {"sex": "Geschlecht"}, "variable_value_labels": {"sex": {1: "m", 2: "f"}}}
    pyreadstat.write_sav(codes, tmp_path / "t.sav", missing_ranges={"sex": [9]}, **how)
    pyreadstat.write_dta(codes, tmp_path / "t.dta", **how)
    for name in ("t.sav", "t.dta"):
        found = peek(tmp_path / name)
        assert found.rows == (("1",), ("2",), ("9",))
        assert found.labels == {"sex": "Geschlecht"}
        assert found.value_labels == {"sex": {"1": "m", "2": "f"}}


def test_special_missing_values_keep_their_letter(tmp_path: Path) -> None:
    marked = pd.DataFrame({"x": [1.5, "a", None], "s": ["a", "b", ""]})
    pyreadstat.write_dta(marked, tmp_path / "t.dta", missing_user_values={"x": ["a"]})
    assert peek(tmp_path / "t.dta").rows == (("1.5", "a"), (".a", "b"), (None, ""))
    write_sas7bdat(tmp_path / "t.sas7bdat", {"x": [1.5, b"A", None, b"_"]}, {"x": "label"}, {})
    found = peek(tmp_path / "t.sas7bdat")
    assert found.rows == (("1.5",), (".A",), (None,), ("._",))
    assert found.labels == {"x": "label"}


def test_r_factors_truth_and_row_names(tmp_path: Path) -> None:
    typed = pd.DataFrame({"f": pd.Categorical(["u", "v", None]), "b": [True, False, None]}, index=["r1", "r2", "r3"])
    pyreadr.write_rdata(tmp_path / "t.RData", typed, df_name="d")
    found = peek(tmp_path / "t.RData")
    assert found.columns == ("row.names", "f", "b")
    assert found.rows == (("r1", "u", "TRUE"), ("r2", "v", "FALSE"), ("r3", None, None))


def test_an_r_file_of_several_objects_names_them(tmp_path: Path) -> None:
    path = tmp_path / "t.RData"
    names = {"names": r_texts("x"), "row.names": r_rows(1), "class": r_texts("data.frame")}
    one, two = (r_list([r_numbers([n])], **names) for n in (1, 2))
    path.write_bytes(r_data(one=one, two=two))
    assert contents(path) == ["one", "two"]
    assert "one, two" in fault(path)
    assert "'three'" in fault(path, object="three")
    assert peek(path, spec(path, object="two")).rows == (("2",),)


# --- spreadsheets ----------------------------------------------------------------------------------------------------

#: A workbook of Excel 97: ID, hb, day, err, ok / a, 12.299999999999999, 2020-01-02, #DIV/0!, TRUE.
XLS = (
    "c-rk)J!lj`6#iy*FZW~aFJ6R12uHvq#-tD%n`BQ>gM}g5C?e>ccc7fP$YOIA8jV*9f>p#O5DP(~HvXW6b{0ZJ3qcU>VreBPSR}W;dAl1fQ6UE!"
    "h|agnoA=(#ym>n_Z)SGi%qOce4?AmEg<%+|J7Kgm=me#(FC;+aj-yyV4^eV7HWb1kn#h&_o<&~=)f}q%u0i5~`I0EGK<Na|V|1caNUtOIvJY9I"
    "d>A4saGNwSbg)-#Oiwf2%=A9je9kn(n(Iu5sBTpp$GkP#zuQ~I$7DB`#h~my<~AQ#vlH!jrB?Cf8^Wy{z#jW-_S^<5=rUU|3!2c8LaAUYIgUGs"
    "0A<49`1oKxUqy;0dluiEH1O4r>KAFPUthfd>A$bk2Y;gv(Il?c-;^dW3Fj0CNd=n_HC2fLir7W;azv{{>-*q7B4=_2kk6Kh7Hpdo6Gd7)*@)WQ"
    "c{50?*bJf^B&|gAh%=w$P)U$Ci+8`gJ(L@>PO@f_4*>U=*rvRKgDa{9HI8wKWE!B<&-@OiSJ~=T<~y0Ds1D^lW9=SuV2bNp<I*1LXBXq0)!V@L"
    "5nuUy_(@mgleL}rxslq%)ZBY(2HkXQ<*B`TrZ6A|#I0$Cr<R`!Z%g^ewBx7kB_tD`?~ZpC#<8RVijZXLN@{e(vLwB+awUT#V_7muGCj-U7nTKE"
    "R%2z*=n1yW&QAAbE=g4`$>)W85&;<^Nm&mHmp9pqVcCX9Jmi^%Lp%Zv4Gj$q4Gj&A{}{r%mK%H}buZ`Y+8^}(>nu^K>)#~*ERJA;o(uF*xgRCU"
    "ZIqi@KU)wGzAdrFHva!Yg`?EFjUsaFN3rSkOP_6`@qO0ZF!AR?sM-GO&G`A3`~Lw<&(-e"
)


def workbook(path: Path, **sheets: list[list[Any]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for cells in rows:
            sheet.append(cells)
    book.save(path)
    return path


def test_cells_of_a_sheet_as_text(tmp_path: Path) -> None:
    cells = [
        dt.datetime(2020, 1, 2),
        dt.datetime(2020, 1, 2, 3, 4),
        dt.time(8, 30),
        True,
        12.299999999999999,
        7.0,
        1e-7,
    ]
    names = list("abcdefg")
    texts = ("2020-01-02", "2020-01-02T03:04:00", "08:30:00", "TRUE", "12.3", "7", "0.0000001")
    assert peek(workbook(tmp_path / "t.xlsx", s=[names, cells])).rows == (texts,)


def test_errors_of_formulas_come_as_their_text(tmp_path: Path) -> None:
    path = workbook(tmp_path / "t.xlsx", s=[["a", "b"], ["#N/A", "#DIV/0!"], ["#REF!", 1]])
    assert peek(path).rows == (("#N/A", "#DIV/0!"), ("#REF!", "1"))


def test_formulas_without_a_value_are_refused(tmp_path: Path) -> None:
    assert "computed" in fault(workbook(tmp_path / "t.xlsx", s=[["a", "b"], [1, "=A2+1"]]))


def test_a_sheet_is_chosen(tmp_path: Path) -> None:
    path = workbook(tmp_path / "t.xlsx", one=[["a"], [1]], two=[["a"], [2]])
    assert contents(path) == ["one", "two"]
    assert "one, two" in fault(path)
    assert "'three'" in fault(path, sheet="three")
    assert peek(path, spec(path, sheet="two")).rows == (("2",),)


def test_rows_are_numbered_as_in_the_sheet(session: Session, tmp_path: Path) -> None:
    path = workbook(tmp_path / "t.xlsx", s=[["Report"], [], ["a", "b", None], [1, 2], [None, None, ""], [3]])
    assert landed(session, path, ("b", "a"), header_row=3) == [(4, "2", "1"), (6, None, "3")]
    assert "header_row" in fault(workbook(tmp_path / "u.xlsx", s=[[None], ["a"], [1]]))


def test_a_cell_right_of_the_header_is_a_fault(tmp_path: Path) -> None:
    assert "t.xlsx:3" in fault(workbook(tmp_path / "t.xlsx", s=[["a"], [1], [2, "lost"]]))


def test_an_old_workbook(tmp_path: Path) -> None:
    path = tmp_path / "t.xls"
    path.write_bytes(zlib.decompress(base64.b85decode(XLS)))
    assert peek(path).columns == ("ID", "hb", "day", "err", "ok")
    assert peek(path).rows == (("a", "12.3", "2020-01-02", "#DIV/0!", "TRUE"),)
    path.rename(tmp_path / "u.xlsx")
    assert ".xls" in fault(tmp_path / "u.xlsx")


# --- numbers and other values as text --------------------------------------------------------------------------------


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=5))
def test_a_number_of_fifteen_digits_is_exact(number: Decimal) -> None:
    text = number_text(float(number))
    assert Decimal(text) == number
    assert "E" not in text.upper()
    assert not text.endswith("0") or "." not in text


@given(st.floats(-1e300, 1e300))
def test_every_number_has_a_text_near_it(number: float) -> None:
    assert float(number_text(number)) == pytest.approx(number, rel=1e-14)


@given(st.decimals(min_value=-999, max_value=999, places=3))
def test_a_single_precision_number_is_exact(number: Decimal) -> None:
    assert Decimal(number_text(float(np.float32(number)) and np.float32(number))) == number


@given(
    st.lists(st.integers(-(2**62), 2**62) | st.none() | st.booleans() | st.text(max_size=5) | st.floats(), max_size=9)
)
def test_a_column_of_mixed_values_is_each_value_s_text(values: list[Any]) -> None:
    texts = series_text(pd.Series(values, dtype=object), "x").to_pylist()
    if len({type(v) for v in values if v is not None}) < 2:
        assert texts == [text_of(v) for v in values]
    else:
        assert len(texts) == len(values)


def test_parquet_types(tmp_path: Path) -> None:
    moment = pa.array([dt.datetime(2020, 1, 2, 3, 4, 5, 6), None], pa.timestamp("ns", "UTC"))
    table = pa.table(
        {
            "m": moment,
            "d": pa.array([Decimal("1.50"), None]),
            "f": pa.array([12.3, None], pa.float32()),
            "i": pa.array([2**60 + 1, None]),
            "k": pa.array(["x", None]).dictionary_encode(),
            "b": pa.array([b"y", None]),
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    wanted = ("2020-01-02T03:04:05", "1.50", "12.3", str(2**60 + 1), "x", "y")
    assert peek(tmp_path / "t.parquet").rows == (wanted, (None,) * 6)
    pq.write_table(pa.table({"l": [[1]]}), tmp_path / "u.parquet")
    assert "u.parquet:l" in fault(tmp_path / "u.parquet")
    pq.write_table(pa.table({"t": ["aaaaaaaa"]}), tmp_path / "v.parquet", compression="none", use_dictionary=False)
    content = (tmp_path / "v.parquet").read_bytes()
    (tmp_path / "v.parquet").write_bytes(content.replace(b"aaaaaaaa", b"aaa\xffaaaa"))
    assert "v.parquet" in fault(tmp_path / "v.parquet")


# --- delimited text --------------------------------------------------------------------------------------------------

TEXT = "ID,spleen\na,größer\nb,nein\n"
TEXTS: dict[str, tuple[str, bytes]] = {
    "le": ("encoding: utf-16-le", TEXT.encode("utf-16-le")),
    "le_mark": ("encoding: utf-16-le", ("\ufeff" + TEXT).encode("utf-16-le")),
    "be": ("encoding: utf-16-be", TEXT.encode("utf-16-be")),
    "mac": ("encoding: mac-roman", TEXT.replace("\n", "\r").encode("mac-roman")),
    "long": ('separator: "||"', TEXT.replace(",", "||").encode()),
    "tabs": (r'separator: "\t\t"', TEXT.replace(",", "\t\t").encode()),
    "above": ("header_row: 3", f'"A" report", of\n,,,\n{TEXT}'.encode()),
    "broken_header": ("encoding: utf-8", TEXT.replace("spleen", '"spleen"').encode()),
    "mixed": ("encoding: utf-8", b"ID,spleen\r\na,gr\xc3\xb6\xc3\x9fer\nb,nein\r\n"),
}


def test_text_of_every_make_is_read(tmp_path: Path) -> None:
    ward = Ward(
        "patients: people\nindex: {event: diagnosis, relative: true}\ntables:\n  people: {file: r.csv, patient: ID}\n"
        + "".join(f"  {name}: {{file: {name}.csv, patient: ID, {how}}}\n" for name, (how, _) in TEXTS.items()),
        [row("people", "ID", "key")]
        + [
            cell
            for name in TEXTS
            for cell in (row(name, "ID", "key"), row(name, "spleen", record="Finding", field="concept"))
        ],
        [
            cell
            for name in TEXTS
            for cell in (
                value(f"ward:{name}.spleen", "größer", "OMOP:2100000123"),
                value(f"ward:{name}.spleen", "nein", "sssom:NoTermFound"),
            )
        ],
        {"r.csv": "ID\na\nb\n", **{f"{name}.csv": content for name, (_, content) in TEXTS.items()}},
    )
    result = ward.run(tmp_path)
    for name in TEXTS:
        first = 4 if name == "above" else 2
        assert result.fates(name, "spleen") == {first: "loaded", first + 1: "ignored no-term-found"}, name
    assert not [p for p in (tmp_path / "work" / "land").iterdir() if p.suffix != ".parquet"]


def test_a_header_may_hold_a_line_break(tmp_path: Path) -> None:
    ward = Ward(
        "patients: people\nindex: {event: diagnosis, relative: true}\ntables:\n  people: {file: r.csv, patient: ID}\n",
        [row("people", "ID", "key"), row("people", "*", "ignore", note="odd")],
        files={"r.csv": 'ID,"Hb\n(g/dL)"\na,1\nb,2\n'},
    )
    assert set(ward.run(tmp_path).fates("people", "ID")) == {2, 3}


def test_a_member_of_an_archive_is_chosen(tmp_path: Path) -> None:
    path = tmp_path / "t.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("__MACOSX/._a.csv", "x")
        archive.writestr("in/a.csv", "x\n1\n")
        archive.writestr("in/b.csv", "x\n2\n")
    assert contents(path) == ["in/a.csv", "in/b.csv"]
    assert "in/a.csv, in/b.csv" in fault(path)
    assert "'c.csv'" in fault(path, member="c.csv")
    assert peek(path, spec(path, member="in/b.csv")).rows == (("2",),)


# --- files at fault --------------------------------------------------------------------------------------------------


def test_an_archive_with_a_password_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", "x\n1\n")
    content = bytearray(path.read_bytes())
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.find(signature) + place] |= 1  # the flag that says: encrypted
    path.write_bytes(content)
    assert "password" in fault(path)


def test_a_file_of_another_format_than_its_name_says(tmp_path: Path) -> None:
    book = workbook(tmp_path / "t.xlsx", s=[["a"], [1]])
    (tmp_path / "t.csv").write_bytes(book.read_bytes())
    assert "Excel" in fault(tmp_path / "t.csv")
    assert peek(tmp_path / "t.csv", spec(tmp_path / "t.csv", format="xlsx")).rows == (("1",),)
    for name in WRITERS:
        if "csv" not in name and name != "t.zip":
            (tmp_path / name).write_text("a,b\n1,2\n")
            assert name in fault(tmp_path / name)
            (tmp_path / name).write_bytes(b"")
            assert name in fault(tmp_path / name)


def test_an_empty_workbook_and_an_empty_archive(tmp_path: Path) -> None:
    assert peek(workbook(tmp_path / "t.xlsx", s=[])).columns == ()
    with zipfile.ZipFile(tmp_path / "t.zip", "w"):
        pass
    assert "empty" in fault(tmp_path / "t.zip")


def test_an_r_file_without_a_data_frame(tmp_path: Path) -> None:
    path = tmp_path / "t.RData"
    path.write_bytes(r_data(x=r_list([r_list([r_texts("a")])])))
    assert "data frame" in fault(path)


@pytest.mark.parametrize("name", WRITERS)
def test_a_damaged_file_is_one_error_or_read(session: Session, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    WRITERS[name](path)
    whole, chance = path.read_bytes(), random.Random(name)
    for n in range(25):
        content = bytearray(whole)
        for _ in range(chance.choice([1, 3, 20])):
            content[chance.randrange(len(content))] = chance.randrange(256)
        path.write_bytes(content[: chance.randrange(len(content))] if n % 3 == 0 else content)
        try:
            columns = peek(path).columns
            if "csv" not in name and name != "t.zip":
                landed(session, path, columns[:2])
        except DeliveryError as error:
            assert all(p.file == name and p.advice for p in error.problems)


def test_a_damaged_file_stops_a_build_and_leaves_no_copy(tmp_path: Path) -> None:
    ward = Ward(
        "patients: t\nindex: {event: diagnosis, relative: true}\ntables:\n  t: {file: t.csv.gz, patient: ID}\n",
        [row("t", "ID", "key")],
        files={"t.csv.gz": gzip.compress(b"ID\n" + b"".join(b"%d\n" % (n * 7919) for n in range(50_000)))[:-4000]},
    )
    with pytest.raises(DeliveryError) as caught:
        ward.run(tmp_path)
    assert {p.file for p in caught.value.problems} == {"t.csv.gz"}
    assert not [p for p in (tmp_path / "work").rglob("*") if p.is_file() and p.suffix != ".parquet"]
