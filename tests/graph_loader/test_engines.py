"""One plan, any engine: a delivery makes the same records, sources, issues and ledger on DuckDB and on Spark."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from haemony.demo.generate import CENTRES, generate
from haemony.engine.session import ENGINES
from haemony.graph_loader.build import Request, build, current_build
from haemony.graph_loader.compare import differing
from haemony.mappings.expression import parse, to_ibis
from haemony.mappings.partner import BUNDLED, read_partner
from haemony.ontology import schema as ontology
from haemony.ontology.schema import Schema
from haemony.ontology.vocabulary import Vocabulary
from tests.engine.conftest import open_or_skip

PATIENTS = 60
#: One partner, since Spark takes half a second for each of a hundred stages; ``HAEMONY_TEST_PARTNERS=all`` takes every
#: demo partner, ``benchmarks/engines.py`` any partner whose delivery is at hand.
PARTNERS = tuple(CENTRES) if os.environ.get("HAEMONY_TEST_PARTNERS") == "all" else tuple(CENTRES)[:1]
#: Files of a build that are made with an engine; the graph is loaded from them.
NAMES = ("checked", "issues", "ledger", "mappings", "mixups", "sources", "violations")
MADE = {f"{name}.parquet" for name in NAMES}


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory, vocabulary: Vocabulary, schema: Schema) -> dict[str, Path]:
    """A build of the partners on each engine, of one delivery and with one secret."""
    home = tmp_path_factory.mktemp("engines")
    open_or_skip(home / "try", "spark").close()
    generate(home / "data", PATIENTS, 1, PARTNERS)
    partners = {name: (read_partner(BUNDLED / name, vocabulary, schema), home / "data") for name in PARTNERS}
    shapes = (Path(ontology.__file__).with_name("shapes"),)
    made: dict[str, Path] = {}
    for engine in ENGINES:
        request = Request(partners, home / engine, "s" * 40, shapes, tolerated=1.0, processes=1, engine=engine)
        build(request, schema, vocabulary)
        made[engine] = current_build(home / engine) / "partners"
    return made


@pytest.mark.parametrize("partner", PARTNERS)
def test_every_row_is_the_same_on_both_engines(builds: dict[str, Path], partner: str) -> None:
    one, other = (builds[engine] / partner for engine in ENGINES)
    assert {p.name for p in one.glob("*.parquet")} == MADE
    assert pq.read_table(one / "records" / "Patient.parquet").num_rows > 20
    assert differing(one, other) == []


def test_a_difference_is_found(builds: dict[str, Path], tmp_path: Path) -> None:
    one = builds["duckdb"] / "demo_aml"
    shutil.copytree(one, tmp_path / "copy")
    ledger = pq.read_table(one / "ledger.parquet")
    pq.write_table(ledger.slice(1), tmp_path / "copy" / "ledger.parquet")
    pq.write_table(ledger.drop_columns(["rule"]), tmp_path / "copy" / "issues.parquet")
    (tmp_path / "copy" / "violations.parquet").unlink()
    found = differing(one, tmp_path / "copy")
    assert [line.split(":")[0] for line in found] == ["issues.parquet", "ledger.parquet", "violations.parquet"]
    assert "1 rows are in" in found[1]


EXPRESSIONS = (
    "a || '-' || n",
    "COALESCE(e, 7)",
    "NULLIF(n, 1)",
    "CASE n WHEN 1 THEN 'one' ELSE 'other' END",
    "replace(a, 'x', '\\1$')",
    "substr(a, 2, 2)",
    "upper(a)",
    "lower(a)",
    "trim(a)",
    "regexp_extract(a, '([A-Z]+)([0-9]*)', 2)",
    "number(n)",
    "n + m * 3",
    "n / m",
    "-m",
    "round(m)",
    "number(n) || 'x'",
    "a LIKE '%_x%'",
    "m < 0 OR e IS NULL",
    "a NOT IN ('x', 'FLT3-ITD')",
    "n >= 0.5",
)
CELLS = [
    (0, "x", "1.0", "-2.5", None),
    (1, "FLT3-ITD", "1e3", "3", "e"),
    (2, " straße\\x ", "0.0000015", "1000000", ""),
    (3, "Ab12", "999999999999", "0.001", None),
    (4, None, "1,5", "0", "é"),
    (5, "ÄX9\n", "-7", "1d", "x"),
]


def test_expressions_mean_the_same_on_both_engines(tmp_path: Path) -> None:
    answers: list[list[Any]] = []
    for engine in ENGINES:
        with open_or_skip(tmp_path / engine, engine) as session:
            kinds = {"row": pa.int64(), **dict.fromkeys("anme", pa.string())}
            cells = session.table("cells", kinds, CELLS)
            read = {text: to_ibis(parse(text), cells) for text in EXPRESSIONS}
            answers.append(session.rows(session.lay(cells.select("row", **read), "read").order_by("row")))
    assert answers[0] == answers[1]
