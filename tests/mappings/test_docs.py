"""The example in the documentation is a real partner."""

from __future__ import annotations

import re
from pathlib import Path

from haemony.mappings.check import check
from haemony.mappings.dictionary import COLUMNS, USES
from haemony.mappings.expression import ExpressionError, parse
from haemony.mappings.file_options import READ
from haemony.mappings.layout import TABLE, TOP
from haemony.mappings.sssom import LOADING
from haemony.ontology.schema import Schema
from haemony.ontology.vocabulary import Vocabulary

DOC = (Path(__file__).parents[2] / "docs" / "mapping.md").read_text(encoding="utf-8")
FILES = ("partner.yaml", "dictionary.tsv", "concepts.sssom.tsv")


def test_the_worked_partner_is_without_fault(tmp_path: Path, vocabulary: Vocabulary, schema: Schema) -> None:
    folder = tmp_path / "partners" / "example"
    folder.mkdir(parents=True)
    for name, text in zip(FILES, re.findall(r"```(?:yaml|tsv)\n(.*?)```", DOC, re.DOTALL), strict=True):
        (folder / name).write_text(text, encoding="utf-8")
    found = check(["example"], vocabulary, schema, mappings=tmp_path)
    assert [str(p) for p in found.problems] == []
    assert [p.message for p in found.warnings] == ["The concept 'Drug X-77' is wanted."]


def test_every_key_and_column_is_documented() -> None:
    for word in (*TOP, *READ, *TABLE, *COLUMNS, *USES, *LOADING):
        assert f"`{word}`" in DOC or f"`{word}:" in DOC, word


def test_every_function_is_documented() -> None:
    for call in ("replace(a, 'x', 'y')", "substr(a, 1)", "upper(a)", "lower(a)", "trim(a)", "number(a)", "round(a)"):
        assert parse(call)
        assert f"`{call.partition('(')[0]}" in DOC
    assert parse("regexp_extract(a, 'x')")
    for text in ("CAST(a AS INT)", "a BETWEEN 1 AND 2"):
        try:
            parse(text)
        except ExpressionError:
            continue
        raise AssertionError(text)
