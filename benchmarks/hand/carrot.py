"""What carrot-transform can do of the partner demo_aml: sex, and concepts with values as delivered.

It maps a column or a text to concepts and carries the delivered text along, one event a cell, dated. It does not read
numbers, units, karyotypes or variants, joins nothing, keeps no sources or ledger. Rules as in its ``rules/v2.json``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb

#: Columns that stand for one concept, whatever they hold; texts that stand for one.
LABOR = {
    "Leukozyten (Gpt/l)": 3000905,
    "Hb": 3000963,
    "Thrombozyten (Gpt/l)": 3024929,
    "LDH (U/l)": 3016436,
    "Blasten_KM (%)": 2100000120,
    "Blasten_PB (%)": 2100000121,
    "Kreatinin (µmol/l)": 3016723,
}
DIAGNOSES = {"de novo": 2100000001, "sAML": 2100000002, "tAML": 2100000003}
RISKS = {"günstig": 2100000301, "intermediär": 2100000302, "ungünstig": 2100000303}
GENES = {"NPM1": 35948005, "FLT3_ITD": 2100000022, "FLT3_TKD": 2100000023}


def prepare(data: Path, work: Path) -> None:
    """Write the files as carrot-transform reads them (comma, UTF-8, ISO dates), and its rules; this is not timed."""
    inputs = work / "in"
    inputs.mkdir(parents=True)
    (work / "out").mkdir()
    read = "read_csv('{}', delim = ';', encoding = 'latin-1', header = true, all_varchar = true)"
    date = "strftime(try_strptime({}, '%d.%m.%Y'), '%Y-%m-%d')"
    roster, labor, genes = (read.format(data / f"{n}.csv") for n in ("stammdaten", "labor", "molekular"))
    born, diagnosed, drawn = (date.format(c) for c in ("Geburtsdatum", "Diagnosedatum", "Abnahmedatum"))
    names = ", ".join(f"replace(\"{c}\", ',', '.') AS \"{c}\"" for c in LABOR)
    tables = {
        "patients": f"SELECT PatNr, {born} AS born, {diagnosed} AS day, trim(Geschlecht) AS sex, AML_Typ, "
        f"ECOG, ELN_2022 FROM {roster}",
        "labor": f"SELECT PatNr, {drawn} AS day, {names} FROM {labor}",
        "genes": f"SELECT g.PatNr, {diagnosed} AS day, NPM1, FLT3_ITD, FLT3_TKD, replace(FLT3_ITD_Ratio, ',', '.') AS "
        f"FLT3_ITD_Ratio FROM {genes} g JOIN {roster} r USING (PatNr)",
    }
    with duckdb.connect() as connection:
        for name, query in tables.items():
            connection.execute(f"COPY ({query}) TO '{inputs}/{name}.csv' (HEADER)")
    (work / "rules.json").write_text(json.dumps(_rules(), ensure_ascii=False), encoding="utf-8")


def events(work: Path) -> int:
    """Count the events that were written."""
    tables = [work / "out" / f"{name}.tsv" for name in ("measurement", "observation", "person")]
    return sum(path.read_bytes().count(b"\n") - 1 for path in tables)


def _rules() -> dict[str, Any]:
    sexes = {"m": {"gender_concept_id": [8507]}, "w": {"gender_concept_id": [8532]}}
    person = _table("born", ["birth_datetime"], {"sex": {**sexes, "original_value": ["gender_source_value"]}})
    said = {
        "AML_Typ": {text: {"observation_concept_id": [concept]} for text, concept in DIAGNOSES.items()},
        "ELN_2022": {text: {"observation_concept_id": [concept]} for text, concept in RISKS.items()},
    }
    found = {gene: {"pos": {"observation_concept_id": [concept]}} for gene, concept in GENES.items()}
    for texts in (*said.values(), *found.values()):
        texts["original_value"] = ["observation_source_value"]  # type: ignore[assignment]
    return {
        "metadata": {"date_created": "2026-01-01T00:00:00+00:00", "dataset": "demo_aml"},
        "cdm": {
            "person": {"patients.csv": person},
            "measurement": {
                "labor.csv": _table("day", ["measurement_datetime"], _values(LABOR)),
                "patients.csv": _table("day", ["measurement_datetime"], _values({"ECOG": 2100000122})),
                "genes.csv": _table("day", ["measurement_datetime"], _values({"FLT3_ITD_Ratio": 2100002124})),
            },
            "observation": {
                "patients.csv": _table("day", ["observation_datetime"], said),
                "genes.csv": _table("day", ["observation_datetime"], found),
            },
        },
    }


def _table(date: str, dated: list[str], concepts: dict[str, Any]) -> dict[str, Any]:
    return {
        "person_id_mapping": {"source_field": "PatNr", "dest_field": "person_id"},
        "date_mapping": {"source_field": date, "dest_field": dated},
        "concept_mappings": concepts,
    }


def _values(columns: dict[str, int]) -> dict[str, Any]:
    fields = ["measurement_source_value", "value_as_number"]
    return {c: {"*": {"measurement_concept_id": [concept]}, "original_value": fields} for c, concept in columns.items()}


def command(program: str, work: Path) -> list[str]:
    """Return the command that transforms the prepared files."""
    [package] = Path(program).parent.parent.glob("lib/python*/site-packages/carrottransform")
    options = {
        "--omop-config-file": package / "config" / "config.json",
        "--omop-ddl-file": package / "config" / "OMOPCDM_postgresql_5.4_ddl.sql",
        "--person": "patients",
        "--inputs": work / "in",
        "--output": work / "out",
        "--rules-file": work / "rules.json",
    }
    return [program, "run", "v2", *(str(part) for pair in options.items() for part in pair)]
