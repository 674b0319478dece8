"""A small literal build folder, as the loader lays it out, for tests of what stands on it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from haemony.ontology.schema import RecordClass, Schema, read_schema
from haemony.ontology.vocabulary import read_vocabulary

TEXTS = pa.list_(pa.string())
_KINDS = {
    "concept": pa.int64(),
    "decimal": pa.decimal128(18, 6),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "string": pa.string(),
    "reference": pa.string(),
}
_FILES: dict[str, dict[str, pa.DataType]] = {
    "records/Panel": {"id": pa.string(), "covers": pa.list_(pa.int64())},
    "records/tested": {"patient": pa.string(), "panel": pa.string(), "day": pa.int64()},
    "sources": {
        "record_id": pa.string(),
        "class": pa.string(),
        "table": pa.string(),
        "file": pa.string(),
        "row": pa.int64(),
        "column": pa.string(),
        "field": pa.string(),
        "mappings": TEXTS,
    },
    "violations": {
        "record_id": pa.string(),
        "class": pa.string(),
        "shape": pa.string(),
        "severity": pa.string(),
        "path": pa.string(),
        "value": pa.string(),
        "message": pa.string(),
        "mappings": TEXTS,
        "sources": TEXTS,
    },
    "mappings": {
        "partner": pa.string(),
        "file": pa.string(),
        "line": pa.int64(),
        **dict.fromkeys(
            ("subject", "predicate", "object", "author", "reviewer", "date", "justification", "comment"), pa.string()
        ),
    },
}


@dataclass
class BuildFolder:
    """Rows of a build by partner and file; ``write`` lays them down."""

    path: Path
    schema: Schema = field(default_factory=read_schema)
    release: str = "test release"
    rows: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))

    def record(self, partner: str, cls: str, id_: str, patient: str = "", **fields: Any) -> str:
        """Add a record and return its id; a patient's own id is its patient."""
        self.rows[partner, f"records/{cls}"].append(
            {"id": id_, "patient": patient or id_, "dataset": partner, **fields}
        )
        return id_

    def add(self, partner: str, file: str, *rows: Mapping[str, Any]) -> None:
        """Add rows to ``records/Panel``, ``records/tested``, ``sources``, ``mappings`` or ``violations``."""
        self.rows[partner, file] += [dict(row) for row in rows]

    def panel(self, partner: str, id_: str, covers: Sequence[int], tested: Sequence[str], day: int = 0) -> None:
        """Add a panel and the patients whom it tested."""
        self.add(partner, "records/Panel", {"id": id_, "covers": list(covers)})
        self.add(partner, "records/tested", *({"patient": p, "panel": id_, "day": day} for p in tested))

    def write(self) -> Path:
        """Write the Parquet files of all partners and ``build.json``."""
        for (partner, file), rows in self.rows.items():
            columns = _FILES.get(file) or record_columns(self.schema[file.removeprefix("records/")])
            target = self.path / "partners" / partner / f"{file}.parquet"
            target.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(_table(columns, rows), target)
        partners = sorted({partner for partner, _ in self.rows})
        about = {
            "id": self.path.name,
            "built_at": "2026-01-01T00:00:00Z",
            "partners": partners,
            "vocabulary": self.release,
        }
        (self.path / "build.json").write_text(json.dumps(about))
        return self.path


def record_columns(cls: RecordClass) -> dict[str, pa.DataType]:
    """Return the columns of a class's record table."""
    fields = {f.name: pa.list_(_KINDS[f.kind]) if f.many else _KINDS[f.kind] for f in cls.fields}
    if not cls.is_record:
        return {"id": pa.string(), **fields}
    before = dict.fromkeys(("id", "patient", "dataset"), pa.string())
    return {
        **before,
        **fields,
        **dict.fromkeys(("sources", "mappings", "disputed", "flags"), TEXTS),
        "hash": pa.string(),
    }


def _table(columns: Mapping[str, pa.DataType], rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    unknown = {key for row in rows for key in row} - set(columns)
    assert not unknown, f"no columns {unknown}; there are {list(columns)}"
    arrays = [pa.array([_value(row.get(name), kind) for row in rows], type=kind) for name, kind in columns.items()]
    return pa.table(arrays, names=list(columns))


def _value(value: Any, kind: pa.DataType) -> Any:
    if value is None and pa.types.is_list(kind):
        return []
    return Decimal(str(value)) if value is not None and pa.types.is_decimal(kind) else value


# Concepts of the example.
NPM1, FLT3, DNMT3A, FLT3_ITD = 35948005, 35956153, 35958399, 2100000022
ABNORMALITY, COMPLEX, KMT2A_REARRANGED = 2100000013, 2100000011, 36017899
AML, LYMPHOMA, HAEMOGLOBIN, OVERALL_SURVIVAL = 140352, 2100001539, 3000963, 2100000001
REMISSION, ALLOGENEIC, UNRELATED, ADVERSE, FAVOURABLE = 2100000060, 2100000081, 2100000050, 2100000096, 2100000094
NEUTROPENIA = 2100002504
MALE, FEMALE = 8507, 8532


def example_build(path: Path) -> Path:
    """Write a build of two partners: north tested n1 to n3 for much, south tested s1 and s2 for genes only."""
    build = BuildFolder(path)
    for partner, patient, sex in (
        ("north", "n1", FEMALE),
        ("north", "n2", MALE),
        ("north", "n3", MALE),
        ("north", "n4", None),
        ("south", "s1", FEMALE),
        ("south", "s2", MALE),
    ):
        build.record(partner, "Patient", patient, sex=sex, age=60)
        build.record(partner, "Diagnosis", f"{patient}-aml", patient, concept=AML, day=0)
    build.panel("north", "wide", [NPM1, FLT3, FLT3_ITD, DNMT3A, ABNORMALITY], ["n1", "n2", "n3"])
    build.panel("south", "genes", [NPM1, FLT3], ["s1", "s2"])
    _genetics(build)
    _course(build)
    _evidence(build)
    return build.write()


def _genetics(build: BuildFolder) -> None:
    vocabulary = read_vocabulary()
    gene = {c: vocabulary.gene_of(c) for c in (NPM1, FLT3_ITD, DNMT3A)}
    for partner in ("north", "south"):
        variant = {"gene": gene[NPM1], "hgvs_c": "c.860_863dup", "hgvs_p": "p.Trp288CysfsTer12"}
        build.add(partner, "records/Variant", {"id": "npm1-a", **variant})
    for partner, patient, concept, more in (
        ("north", "n1", NPM1, {"variant": "npm1-a", "vaf": 0.42, "mappings": ["dictionary.tsv:3"]}),
        ("north", "n1", FLT3_ITD, {"disputed": ["length"], "length": None}),
        ("north", "n2", NPM1, {"variant": "npm1-a", "vaf": 0.4}),
        ("north", "n4", NPM1, {}),
        ("south", "s1", NPM1, {"variant": "npm1-a"}),
        ("south", "s1", DNMT3A, {}),
    ):
        build.record(partner, "Mutation", f"{patient}-{concept}", patient, concept=concept, gene=gene[concept], **more)
    build.record("north", "Finding", "n3-complex", "n3", concept=COMPLEX, day=0)
    for patient, chromosomes in (("n1", "XY"), ("n2", "XX"), ("n3", "XY")):
        build.record("north", "Karyotype", f"{patient}-karyotype", patient, sex_chromosomes=chromosomes)


def _course(build: BuildFolder) -> None:
    for partner, patient, days, event in (
        ("north", "n1", 300, True),
        ("north", "n2", 1000, True),
        ("north", "n3", 2000, False),
        ("north", "n4", 500, True),
        ("south", "s1", 100, True),
        ("south", "s2", 700, False),
    ):
        entry = 200 if patient == "n4" else None  # n4 was referred late
        outcome = {"concept": OVERALL_SURVIVAL, "days": days, "event": event, "day": 0, "entry_days": entry}
        build.record(partner, "Outcome", f"{patient}-os", patient, **outcome)
    build.record("north", "Diagnosis", "n1-later", "n1", concept=LYMPHOMA, day=90)
    for patient, group in (("n2", FAVOURABLE), ("n3", ADVERSE)):
        build.record("north", "RiskGroup", f"{patient}-risk", patient, concept=group, system="ELN 2017")
    for partner, patient, value in (("north", "n1", 9.5), ("north", "n2", 10.5), ("south", "s1", 8)):
        measured = {"concept": HAEMOGLOBIN, "value": value, "unit": "g/dL", "day": 0}
        build.record(partner, "Measurement", f"{patient}-hb", patient, **measured)
    drugs = [read_vocabulary().search(name, 1)[0].id for name in ("cytarabine", "daunorubicin")]
    build.record("north", "Treatment", "n1-7+3", "n1", concept=drugs, line=1, start_day=3)
    induction = {"concept": drugs[:1], "line": 1, "start_day": 10, "end_day": 110}
    build.record("north", "Treatment", "n2-induction", "n2", **induction)
    transplant = {"concept": [ALLOGENEIC], "line": 2, "start_day": 100, "donor": UNRELATED}
    build.record("north", "Treatment", "n2-transplant", "n2", **transplant)
    build.record("north", "Response", "n1-remission", "n1", concept=REMISSION, day=40, treatment="n1-7+3")
    for patient, grade, treatment in (("n1", 4, "n1-7+3"), ("n2", None, "n2-induction")):
        toxicity = {"concept": NEUTROPENIA, "grade": grade, "day": 12, "treatment": treatment}
        build.record("north", "AdverseEvent", f"{patient}-event", patient, **toxicity)


def _evidence(build: BuildFolder) -> None:
    record = f"n1-{NPM1}"
    cell = {"record_id": record, "class": "Mutation", "table": "clinical", "file": "clinical.csv", "row": 2}
    build.add(
        "north",
        "sources",
        {**cell, "column": "NPM1", "field": "concept", "mappings": ["dictionary.tsv:3", "concepts.sssom.tsv:7"]},
        {**cell, "column": "NPM1_VAF", "field": "vaf", "mappings": ["dictionary.tsv:4"]},
    )
    line = {"partner": "north", "author": "orcid:0000-0001", "date": "2026-01-02"}
    curated = {"justification": "semapv:ManualMappingCuration", "reviewer": "orcid:0000-0002"}
    build.add(
        "north",
        "mappings",
        {**line, "file": "dictionary.tsv", "line": 3, "subject": "clinical.NPM1", "object": "Mutation present"},
        {**line, "file": "dictionary.tsv", "line": 4, "subject": "clinical.NPM1_VAF", "object": "Mutation vaf"},
        {
            **line,
            **curated,
            "file": "concepts.sssom.tsv",
            "line": 7,
            "subject": "north:clinical.NPM1",
            "predicate": "skos:exactMatch",
            "object": f"OMOP:{NPM1}",
            "comment": "any variant counts",
        },
    )
    broken = {"shape": "vaf-range", "severity": "Warning", "path": "vaf", "message": "The fraction is high."}
    build.add("north", "violations", {"record_id": record, "class": "Mutation", **broken})
