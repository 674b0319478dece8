"""The session: plans run, and what they gave is laid down as Parquet."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from haemony.engine.session import Session


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(tmp_path / "work")


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


def test_a_session_closes_and_makes_its_folder(tmp_path: Path) -> None:
    with Session(tmp_path / "a" / "b", memory="1GB") as session:
        assert session.folder.is_dir()
    with pytest.raises(Exception, match=r"[Cc]losed|[Cc]onnection"):
        session.rows(session.table("late", {"n": pa.int64()}, [(1,)]))
