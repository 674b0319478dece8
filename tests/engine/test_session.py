"""The session: plans run, and what they gave is laid down as Parquet."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from haemony.engine.errors import EngineError
from haemony.engine.session import ENGINES, Engine, Session, open_session
from tests.engine.conftest import open_or_skip


def test_a_table_of_values_comes_back_as_it_was(session: Session) -> None:
    kinds = {"n": pa.int64(), "t": pa.string(), "d": pa.decimal128(18, 6), "l": pa.list_(pa.int64()), "b": pa.bool_()}
    rows = [(1, "a", Decimal("1.500000"), [1, 2], True), (None, None, None, None, None), (2, "", Decimal(0), [], False)]
    table = session.table("small", kinds, rows)
    assert sorted(session.rows(table), key=repr) == sorted(rows, key=repr)
    assert session.count(table) == 3


def test_an_empty_table_keeps_its_types(session: Session) -> None:
    table = session.table("none", {"n": pa.int64(), "l": pa.list_(pa.string())}, [])
    assert session.rows(table) == []
    assert str(table.schema()["l"]) == "array<string>"


def test_what_is_laid_down_can_be_read_without_the_session(session: Session) -> None:
    table = session.table("in/some/folder", {"n": pa.int64()}, [(1,), (2,)])
    laid = session.lay(table.mutate(m=table.n * 2), "out/stage")
    assert session.rows(laid.order_by("n")) == [(1, 2), (2, 4)]
    assert pq.read_table(session.folder / "out/stage.parquet").num_rows == 2


def test_whole_numbers_come_as_64_bit(session: Session, tmp_path: Path) -> None:
    pq.write_table(pa.table({"small": pa.array([1, 2], pa.int8())}), tmp_path / "x.parquet")
    assert str(session.read(tmp_path / "x.parquet").schema()["small"]) == "int64"


def test_a_written_table_is_one_file(session: Session, tmp_path: Path) -> None:
    tables = [session.table(f"part/{n}", {"n": pa.int64()}, [(n,), (9 - n,)]) for n in range(4)]
    whole = tables[0].union(*tables[1:])
    session.write(whole.order_by("n"), tmp_path / "new" / "sorted.parquet")
    session.write(whole, tmp_path / "new" / "parts.parquet")
    session.write(whole.filter(whole.n > 99), tmp_path / "new" / "none.parquet")
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["none.parquet", "parts.parquet", "sorted.parquet"]
    assert pq.read_table(tmp_path / "new" / "sorted.parquet")["n"].to_pylist() == [0, 1, 2, 3, 6, 7, 8, 9]
    assert sorted(pq.read_table(tmp_path / "new" / "parts.parquet")["n"].to_pylist()) == [0, 1, 2, 3, 6, 7, 8, 9]
    assert pq.read_table(tmp_path / "new" / "none.parquet").schema.names == ["n"]
    assert session.count(session.read(tmp_path / "new" / "parts.parquet")) == 8


def test_a_laid_table_has_the_types_of_the_plan(session: Session) -> None:
    table = session.table("typed", {"t": pa.string(), "d": pa.decimal128(18, 6)}, [("abc", Decimal(2))])
    planned = table.mutate(n=table.t.length(), one=ibis.literal(1), none=ibis.null("int64"), whole=table.d.round(0))
    laid = session.lay(planned, "typed/laid")
    assert laid.schema() == planned.schema()
    assert session.rows(laid.select("n", "one", "none", "whole")) == [(3, 1, None, Decimal(2))]


def test_what_landed_can_be_used(session: Session) -> None:
    with session.landing() as landing:
        landed = landing.table("land", {"n": pa.int64(), "t": pa.string()}, [(2, "x"), (3, None)])
        taken = session.take(landed, landing)
    assert session.rows(session.lay(taken.order_by("n"), "used")) == [(2, "x"), (3, None)]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_session_closes_and_makes_its_folder(engine: Engine, tmp_path: Path) -> None:
    with open_or_skip(tmp_path / "a" / "b", engine) as session:
        assert session.folder.is_dir()
    with pytest.raises(Exception, match=r"[Cc]losed|[Cc]onnection"):
        session.rows(session.table("late", {"n": pa.int64()}, [(1,)]))


def test_without_java_spark_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyspark")
    monkeypatch.setattr("haemony.engine.on_spark.running", lambda: None)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(EngineError, match="Spark needs Java 17 or newer, and found none"):
        open_session(tmp_path / "work", "spark")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    (tmp_path / "bin" / "java").chmod(0o755)
    with pytest.raises(EngineError, match="found Java 11"):
        open_session(tmp_path / "work", "spark")


def test_without_pyspark_spark_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(EngineError, match=r"pip install 'haemony\[spark\]'"):
        open_session(tmp_path / "work", "spark")


def test_what_sql_finds_is_kept_as_a_table(session: Session, tmp_path: Path) -> None:
    session.keep_rows("small_ones", {"n": pa.int64(), "t": pa.string()}, [(1, "a"), (2, "b"), (3, None)])
    session.keep("found_ones", "SELECT n, t FROM small_ones WHERE NOT t IN (SELECT 'a' AS x)")
    assert session.ask("SELECT n, t FROM found_ones") == [(2, "b")]
    session.keep("found_ones", "SELECT n + 1 AS n, t FROM found_ones UNION SELECT n, t FROM small_ones")
    assert session.size("found_ones") == 4
    pq.write_table(pa.table({"t": ["x", "y"]}), tmp_path / "rows.parquet")
    session.keep_file("numbered_ones", tmp_path / "rows.parquet", 7)
    assert sorted(session.ask("SELECT n, t FROM numbered_ones")) == [(7, "x"), (8, "y")]
