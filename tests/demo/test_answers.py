"""The mistakes in the demo deliveries are answered as announced: all of them, and no cell more."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import duckdb
import pytest

from haemony.api.query_library import run_query
from haemony.api.settings import read_settings
from haemony.api.workbench import Workbench
from haemony.demo.generate import CENTRES

Key = tuple[str, str, str]


@pytest.fixture(scope="module")
def announced(demo_home: Path) -> dict[str, list[dict[str, object]]]:
    about = json.loads((demo_home / ".haemony/demo-data/mistakes.json").read_text())
    return {partner: about[partner] for partner in CENTRES}


def _expected(mistakes: list[dict[str, object]], kind: str) -> Counter[Key]:
    counts: Counter[Key] = Counter()
    for mistake in mistakes:
        answer, _, reason = str(mistake["expected"]).partition(": ")
        if answer == kind:
            counts[str(mistake["file"]), str(mistake["column"]), reason] += int(str(mistake["rows"]))
    return counts


def _query(demo_home: Path, partner: str, sql: str) -> list[tuple[object, ...]]:
    folder = demo_home / ".haemony/current/partners" / partner
    return duckdb.sql(sql.replace("FOLDER", str(folder))).fetchall()


@pytest.mark.parametrize("partner", list(CENTRES))
def test_every_cell_that_should_be_quarantined_is(
    demo_home: Path, announced: dict[str, list[dict[str, object]]], partner: str
) -> None:
    sql = "SELECT file, \"column\", reason, count(*) FROM 'FOLDER/issues.parquet' GROUP BY ALL"
    found = {(str(f).rpartition("/")[2], c, r): n for f, c, r, n in _query(demo_home, partner, sql)}
    expected = _expected(announced[partner], "quarantined")
    assert expected
    assert {key: found.get(key, 0) for key in expected} == dict(expected)


@pytest.mark.parametrize("partner", list(CENTRES))
def test_every_record_that_should_break_a_shape_does(
    demo_home: Path, announced: dict[str, list[dict[str, object]]], partner: str
) -> None:
    sql = "SELECT shape, count(DISTINCT record_id) FROM 'FOLDER/violations.parquet' GROUP BY ALL"
    found = {str(shape): int(str(n)) for shape, n in _query(demo_home, partner, sql)}
    expected: Counter[str] = Counter()
    for (_, _, shape), rows in _expected(announced[partner], "shape").items():
        expected[shape] += rows
    assert expected
    # One mistake may break a second shape too: the Y that a woman has lost is a Y.
    assert {shape for shape in expected if found.get(shape, 0) < expected[shape]} == set()


@pytest.mark.parametrize("partner", list(CENTRES))
def test_every_record_that_should_be_flagged_is(
    demo_home: Path, announced: dict[str, list[dict[str, object]]], partner: str
) -> None:
    folder = demo_home / ".haemony/current/partners" / partner / "records"
    found: Counter[str] = Counter()
    for path in sorted(folder.glob("*.parquet")):
        columns = {name for name, *_ in duckdb.sql(f"DESCRIBE FROM '{path}'").fetchall()}
        fields = [name for name in ("flags", "disputed") if name in columns]
        for (*lists,) in duckdb.sql(f"SELECT {', '.join(fields)} FROM '{path}'").fetchall() if fields else []:
            found.update(lists[0])
            found["disputed"] += bool(lists[-1])
    expected = {reason: rows for (_, _, reason), rows in _expected(announced[partner], "flag").items()}
    assert expected
    # A line that is quarantined for a mistake of its own leaves its responses without one, too.
    assert {reason for reason in expected if found[reason] < expected[reason]} == set()


def test_lines_that_were_made_to_overlap_are_found(
    demo_home: Path, announced: dict[str, list[dict[str, object]]]
) -> None:
    [((_, _, query), rows)] = _expected(announced["demo_mm"], "query").items()
    workbench = Workbench(read_settings(build=demo_home / ".haemony"))
    with workbench.store() as store:
        found = {row["dataset"]: row["overlapping"] for row in run_query(store, query).dicts()}
    assert found["demo_mm"] == rows


def test_what_a_preferred_table_denies_is_overruled(
    demo_home: Path, announced: dict[str, list[dict[str, object]]]
) -> None:
    (kind,) = [m for m in announced["demo_mds"] if m["kind"] == "fish-contradicts-karyotype"]
    sql = "SELECT file, \"column\", fate, count(*) FROM 'FOLDER/issues.parquet' WHERE reason = 'overruled' GROUP BY ALL"
    assert _query(demo_home, "demo_mds", sql) == [("demo_mds/registry.csv", "karyotype", "loaded", kind["rows"])]
