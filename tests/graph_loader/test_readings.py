"""Karyotypes are read once per distinct text, into concepts and fields of the record."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from haemony.engine.on_duckdb import DuckDBSession as Session
from haemony.graph_loader.readings import READ_FIELDS, KaryotypeReadings, read_distinct
from haemony.nomenclature.iscn import read_karyotype
from haemony.ontology.vocabulary import Vocabulary, read_vocabulary


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return read_vocabulary()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("46,XX[20]", {"normal-karyotype"}),
        ("45,XX,-7", {"monosomy-7"}),
        ("46,XX,add(5)(q13)", {"loss-5q"}),
        (
            "46,XX,+8,-18,add(12)(p13)",
            {"trisomy-8", "monosomy-18", "abn-12p", "complex-karyotype", "monosomal-karyotype"},
        ),
        ("92,XXYY", {"near-tetraploidy"}),
    ],
)
def test_what_a_karyotype_shows(text: str, names: set[str], vocabulary: Vocabulary) -> None:
    shown = KaryotypeReadings(vocabulary).findings(read_karyotype(text))
    assert {vocabulary[concept].code for concept in shown} == names


def test_more_than_four_abnormalities_are_one_finding(vocabulary: Vocabulary) -> None:
    shown = KaryotypeReadings(vocabulary).findings(read_karyotype("46,XX,+8,+9,del(5)(q13),add(12)(p13),+mar"))
    assert 36032861 in shown
    assert 2100000011 not in shown


def test_a_text_is_read_once_into_the_fields_of_its_record(vocabulary: Vocabulary, tmp_path: Path) -> None:
    texts = ["45,XX,-7,del(5)(q13q33)[3]/46,XX[17]", "46,XY,na", "no metaphases"]
    with Session(tmp_path) as session:
        cells = session.table("c", {"reader": pa.string(), "text": pa.string()}, [("iscn", t) for t in texts * 3])
        readings = read_distinct(session, cells, vocabulary)
        rows = session.rows(readings.select("read_text", "partly", *READ_FIELDS).order_by("read_text"))
    poor = vocabulary.resolve("haemony:ipssr-cytogenetic-poor")
    assert poor is not None
    assert rows == [
        (texts[0], False, 2, "XX", 2, 20, "7, 5q13-q33", None, poor.id, None),
        (texts[1], True, 1, "XY", None, None, None, None, None, "na (at 7)"),
    ]
