"""Every shape of the folder: a patient who breaks it, a patient who does not, and what the message says."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from rdflib import DCTERMS, RDFS, SH, Graph, URIRef

from haemony.graph_loader.rdf import Tables, concept_id
from haemony.graph_loader.reference import Validator
from haemony.graph_loader.shapes import Violation, read_shapes, shape_id
from haemony.ontology.schema import HAEMONY, read_schema
from haemony.ontology.vocabulary import read_vocabulary

ONTOLOGY = Path(__file__).parents[2] / "ontology"
TYPES: dict[str, pa.DataType] = {
    "decimal": pa.decimal128(18, 6),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "string": pa.string(),
    "concept": pa.int64(),
    "reference": pa.string(),
}

Record = tuple[str, dict[str, Any]]
Case = tuple[Sequence[Record], Sequence[Record], str]

MALE, FEMALE, UNKNOWN_CONCEPT = 8507, 8532, 2149999999
DISEASE, ALTERATION, ABNORMALITY = 2100000030, 2100000020, 2100000013
NORMAL, FAILED, LOSS_OF_Y, KARYOTYPE = 2100000010, 2100000016, 2100000015, 2100000040
T_8_21, INV_16, T_9_22 = 46236750, 44816901, 3041541
FLT3, NPM1, FLT3_ITD = 35956153, 35948005, 2100000022
HSCT, ALLOGENEIC = 2100000080, 2100000081
DONOR_UNRELATED, DONOR_AUTOLOGOUS = 2100000050, 2100000054
REMISSION, RELAPSE, NO_REMISSION = 2100000060, 2100000063, 2100003002
OS, EFS, RFS = 2100000001, 2100000002, 2100000003
LOSS_OF_X, DE_NOVO, SECONDARY, THERAPY_RELATED = 2100000017, 2100001541, 2100001542, 2100001322
HAEMOGLOBIN, M_PROTEIN, MGUS = 3000963, 2100002119, 4149022
MYELOMA, ONCOTREE_MGUS = 2100001484, 2100001457


def rec(cls: str, **fields: Any) -> Record:
    return cls, {k: Decimal(str(v)) if isinstance(v, float) else v for k, v in fields.items()}


def patient(**fields: Any) -> Record:
    return rec("Patient", **fields)


def mutation(**fields: Any) -> Record:
    return rec("Mutation", **{"concept": FLT3, **fields})


def finding(concept: int, **fields: Any) -> Record:
    return rec("Finding", concept=concept, **fields)


def karyotype(**fields: Any) -> Record:
    return rec("Karyotype", **{"concept": KARYOTYPE, "iscn": "46,XY[20]", **fields})


def lab(concept: int, value: float | None = None, **fields: Any) -> Record:
    return rec("Measurement", concept=concept, value=None if value is None else Decimal(str(value)), **fields)


def treatment(**fields: Any) -> Record:
    return rec("Treatment", **{"concept": [HSCT], **fields})


def diagnosis(concept: int, day: int) -> Record:
    return rec("Diagnosis", concept=concept, day=day)


def outcome(**fields: Any) -> Record:
    return rec("Outcome", **{"concept": OS, "days": Decimal(100), "event": True, "day": 0, **fields})


def twice(record: Record, **second: Any) -> list[Record]:
    """Deliver one id twice, with a second value of a field."""
    return [(record[0], {**record[1], "id": "same"}), (record[0], {**record[1], **second, "id": "same"})]


#: shape: (records that break it, records that do not, what the message must say). "#n" is the id of the n-th record.
CASES: dict[str, Case] = {
    # record.ttl
    "record-patient": ([finding(T_8_21, patient="nobody")], [finding(T_8_21)], "names nobody"),
    "record-day": (twice(finding(T_8_21, day=3), day=5), [finding(T_8_21, day=3)], "3, 5"),
    "record-day-lifetime": ([finding(T_8_21, day=-73000)], [finding(T_8_21, day=-7000)], "-73000"),
    "record-concept": ([rec("Response", day=4)], [rec("Response", concept=REMISSION)], "none"),
    "record-value-concept": (
        [lab(HAEMOGLOBIN, value_concept=UNKNOWN_CONCEPT)],
        [lab(HAEMOGLOBIN, value_concept=FAILED)],
        str(UNKNOWN_CONCEPT),
    ),
    "record-treatment": (
        [rec("Response", concept=REMISSION, treatment="gone")],
        [rec("Response", concept=REMISSION, treatment="#1"), treatment()],
        "gone",
    ),
    "record-treatment-of-patient": (
        [
            rec("Response", concept=REMISSION, treatment="#1"),
            treatment(patient="other"),
            patient(id="other"),
            patient(),
        ],
        [rec("Response", concept=REMISSION, treatment="#1"), treatment()],
        "another patient (other",
    ),
    # patient.ttl
    "patient-sex": ([patient(sex=DISEASE)], [patient(sex=FEMALE)], "Disease"),
    "patient-age": ([patient(age=Decimal(131))], [patient(age=Decimal(101))], "131 years"),
    "patient-without-sex": ([patient(age=Decimal(50))], [patient(sex=MALE)], "no sex"),
    "patient-without-age": ([patient(sex=MALE)], [patient(age=Decimal(50))], "no age"),
    "patient-without-diagnosis": ([patient()], [patient(), rec("Diagnosis", concept=DISEASE)], "no diagnosis"),
    "patient-without-survival": ([outcome(concept=EFS)], [outcome()], "no overall survival"),
    # diagnosis.ttl
    "specimen-concept": ([rec("Specimen", concept=UNKNOWN_CONCEPT)], [rec("Specimen")], str(UNKNOWN_CONCEPT)),
    "specimen-tissue": ([rec("Specimen", tissue=UNKNOWN_CONCEPT)], [rec("Specimen", tissue=DISEASE)], "2149999999"),
    "diagnosis-is-disease": ([rec("Diagnosis", concept=FLT3)], [rec("Diagnosis", concept=DISEASE)], str(FLT3)),
    "disease-as-diagnosis": ([finding(DISEASE)], [rec("Diagnosis", concept=DISEASE)], "Disease (2100000030)"),
    "mgus-m-protein": (
        [rec("Diagnosis", concept=MGUS, day=0), lab(M_PROTEIN, 30, day=0)],
        [rec("Diagnosis", concept=MGUS, day=0), lab(M_PROTEIN, 29.9, day=0), lab(M_PROTEIN, 41, day=900)],
        "Monoclonal gammopathy of undetermined significance",
    ),
    "secondary-and-de-novo": (
        [rec("Diagnosis", concept=DE_NOVO), rec("Diagnosis", concept=THERAPY_RELATED)],
        [rec("Diagnosis", concept=SECONDARY), rec("Diagnosis", concept=THERAPY_RELATED)],
        "Therapy-Related",
    ),
    # mutation.ttl
    "mutation-is-alteration": ([mutation(concept=T_8_21)], [mutation()], str(T_8_21)),
    "alteration-as-mutation": ([finding(FLT3_ITD)], [mutation(concept=FLT3_ITD)], str(FLT3_ITD)),
    "mutation-gene": ([mutation(gene=UNKNOWN_CONCEPT)], [mutation(gene=FLT3)], str(UNKNOWN_CONCEPT)),
    "mutation-variant": (twice(mutation(variant="v1"), variant="v2"), [mutation(variant="v1")], "v1, v2"),
    "mutation-hgvs-c": ([mutation(hgvs_c="2503G>T")], [mutation(hgvs_c="c.2503G>T")], "2503G>T"),
    "mutation-hgvs-p": ([mutation(hgvs_p="D835Y")], [mutation(hgvs_p="p.(Asp835Tyr)")], "D835Y"),
    "mutation-vaf": ([mutation(vaf=41.5)], [mutation(vaf=0.415)], "41.5 "),
    "mutation-vaf-low": ([mutation(vaf=0.0003)], [mutation(vaf=0.03)], "0.0003"),
    "mutation-depth": ([mutation(depth=0)], [mutation(depth=812)], "depth of 0"),
    "mutation-consequence": ([mutation(consequence=UNKNOWN_CONCEPT)], [mutation(consequence=FLT3)], "2149999999"),
    "mutation-significance": ([mutation(significance=UNKNOWN_CONCEPT)], [mutation(significance=FLT3)], "2149999999"),
    "mutation-genome-build": ([mutation(genome_build="hg19")], [mutation(genome_build="GRCh37")], "hg19"),
    "mutation-chromosome": ([mutation(chromosome="chr13")], [mutation(chromosome="13")], "chr13"),
    "mutation-position": ([mutation(position=300_000_000)], [mutation(position=28_592_642)], "300000000"),
    "mutation-ref": ([mutation(ref="C2")], [mutation(ref="CAG")], "C2"),
    "mutation-alt": ([mutation(alt="A/C")], [mutation(alt="<DUP>")], "A/C"),
    "mutation-ref-is-alt": ([mutation(ref="A", alt="A")], [mutation(ref="A", alt="C")], "both A"),
    "mutation-length": ([mutation(length=0)], [mutation(length=33)], "length of 0"),
    "mutation-length-long": ([mutation(length=4000)], [mutation(length=33)], "4000 bases"),
    # karyotype.ttl
    "karyotype-concept": ([karyotype(concept=UNKNOWN_CONCEPT)], [karyotype()], str(UNKNOWN_CONCEPT)),
    "karyotype-iscn": ([karyotype(iscn="as above")], [karyotype(iscn="45~48,XY,+8[cp20]")], "as above"),
    "karyotype-clones": ([karyotype(clones=0)], [karyotype(clones=2)], "not 0"),
    "karyotype-sex-chromosomes": ([karyotype(sex_chromosomes="U")], [karyotype(sex_chromosomes="XY")], "not U"),
    "karyotype-abnormalities": ([karyotype(abnormalities=-1)], [karyotype(abnormalities=0)], "not -1"),
    "karyotype-cells": ([karyotype(cells=2020)], [karyotype(cells=20)], "2020 cells"),
    "karyotype-lost": ([karyotype(lost="5q13-q33 and 7")], [karyotype(lost="5q13-q33, 17p11-pter, 7, Xp")], "and 7"),
    "karyotype-gained": ([karyotype(gained="23")], [karyotype(gained="8, 1q")], "not 23"),
    "karyotype-not-read": ([karyotype(not_read="na")], [karyotype(not_read="na (at 7)")], "not na"),
    "karyotype-ipssr-group": ([karyotype(ipssr_group=UNKNOWN_CONCEPT)], [karyotype(ipssr_group=FLT3)], "2149999999"),
    "karyotype-silent": ([karyotype(iscn=None)], [karyotype(iscn=None, value_concept=FAILED)], "neither"),
    "karyotype-failed-with-iscn": ([karyotype(value_concept=FAILED)], [karyotype()], "46,XY[20]"),
    "karyotype-y-in-female": (
        [patient(sex=FEMALE), karyotype(sex_chromosomes="XY")],
        [patient(sex=FEMALE), karyotype(sex_chromosomes="XX")],
        "shows XY",
    ),
    "karyotype-no-y-in-male": (
        [patient(sex=MALE), karyotype(sex_chromosomes="XX")],
        [patient(sex=MALE), karyotype(sex_chromosomes="X")],
        "shows XX",
    ),
    "loss-of-y-in-female": (
        [patient(sex=FEMALE), finding(LOSS_OF_Y)],
        [patient(sex=MALE), finding(LOSS_OF_Y)],
        "FEMALE",
    ),
    "normal-karyotype-with-abnormality": (
        [finding(NORMAL), finding(T_8_21), finding(2100000123)],
        [finding(NORMAL), finding(2100000123)],
        "RUNX1",
    ),
    "second-recurrent-rearrangement": (
        [finding(T_8_21), finding(INV_16, day=9), finding(LOSS_OF_Y)],
        [finding(T_8_21, day=0), finding(T_8_21, day=400), finding(LOSS_OF_Y)],
        "CBFB",
    ),
    "loss-of-x-in-male": (
        [patient(sex=MALE), finding(LOSS_OF_X)],
        [patient(sex=FEMALE), finding(LOSS_OF_X)],
        "MALE",
    ),
    "npm1-with-recurrent-rearrangement": (
        [mutation(concept=NPM1), finding(T_8_21)],
        [mutation(concept=NPM1), mutation(), finding(LOSS_OF_Y)],
        "RUNX1",
    ),
    "abnormality-as-finding": ([mutation(concept=T_9_22)], [finding(T_9_22)], "ABL1"),
    # measurement.ttl
    "measurement-value": (twice(lab(HAEMOGLOBIN, 9.1), value=Decimal(8)), [lab(HAEMOGLOBIN, 9.1)], "8, 9.1"),
    "measurement-negative": ([lab(2100002124, -99)], [lab(2100002124, 0)], "-99"),
    "measurement-operator": ([lab(HAEMOGLOBIN, 9, operator="~")], [lab(HAEMOGLOBIN, 9, operator="<")], "not ~"),
    "measurement-unit": (
        twice(lab(HAEMOGLOBIN, 9, unit="g/dL"), unit="g/L"),
        [lab(HAEMOGLOBIN, 9, unit="g/dL")],
        "g/L, g/dL",
    ),
    "measurement-without-unit": ([lab(HAEMOGLOBIN, 9.5)], [lab(HAEMOGLOBIN, 9.5, unit="g/dL")], "value 9.5 has"),
    "measurement-silent": ([lab(HAEMOGLOBIN)], [lab(HAEMOGLOBIN, 9)], "neither"),
    "percentage-impossible": ([lab(2100002118, 110)], [lab(2100002118, 90)], "110 %"),
    "ecog-grade": ([lab(2100000122, 1.5)], [lab(2100000122, 2)], "1.5"),
    "ecog-dead": ([lab(2100000122, 5)], [lab(2100000122, 4)], "status of 5"),
    # treatment.ttl
    "treatment-concept": ([treatment(concept=[])], [treatment(concept=[HSCT, ALLOGENEIC])], "none"),
    "treatment-line": ([treatment(line=0)], [treatment(line=1)], "therapy 0"),
    "treatment-sequence": ([treatment(sequence=0)], [treatment(sequence=1)], "not 0"),
    "treatment-start-day": ([treatment(start_day=-99999)], [treatment(start_day=-3)], "-99999"),
    "treatment-end-day": ([treatment(end_day=99999)], [treatment(end_day=3)], "99999"),
    "treatment-ends-before-start": (
        [treatment(start_day=20, end_day=13)],
        [treatment(start_day=20, end_day=20)],
        "starts on day 20, after it ends on day 13",
    ),
    "treatment-cycles": ([treatment(cycles=0)], [treatment(cycles=4)], "0 cycles"),
    "treatment-disease-state": ([treatment(disease_state=2149999999)], [treatment(disease_state=RELAPSE)], "214999"),
    "treatment-donor": ([treatment(donor=RELAPSE)], [treatment(donor=DONOR_UNRELATED)], "Relapse"),
    "treatment-stop-reason": ([treatment(stop_reason=2149999999)], [treatment(stop_reason=RELAPSE)], "2149999999"),
    "treatment-part-of": ([treatment(part_of="gone")], [treatment(part_of="#1"), treatment()], "gone"),
    "treatment-part-of-patient": (
        [treatment(part_of="#1"), treatment(patient="other"), patient(id="other"), patient()],
        [treatment(part_of="#1"), treatment()],
        "another patient (other",
    ),
    "treatment-before-its-line": (
        [treatment(part_of="#1", start_day=4), treatment(start_day=9)],
        [treatment(part_of="#1", start_day=9), treatment(start_day=9)],
        "starts on day 4, before the line that it is part of (day 9)",
    ),
    "donor-without-transplant": (
        [treatment(concept=[RELAPSE], donor=DONOR_UNRELATED)],
        [treatment(concept=[ALLOGENEIC], donor=DONOR_UNRELATED)],
        "Relapse",
    ),
    "allogeneic-from-patient": (
        [treatment(concept=[ALLOGENEIC], donor=DONOR_AUTOLOGOUS)],
        [treatment(concept=[HSCT], donor=DONOR_AUTOLOGOUS)],
        str(DONOR_AUTOLOGOUS),
    ),
    "adverse-event-grade": (
        [rec("AdverseEvent", concept=DISEASE, grade=6)],
        [rec("AdverseEvent", concept=DISEASE, grade=5)],
        "Grade 6",
    ),
    "adverse-event-before-treatment": (
        [rec("AdverseEvent", concept=DISEASE, day=2, treatment="#1"), treatment(start_day=5)],
        [rec("AdverseEvent", concept=DISEASE, day=5, treatment="#1"), treatment(start_day=5)],
        "on day 2, before its treatment started on day 5",
    ),
    "adverse-event-fatal": (
        [rec("AdverseEvent", concept=DISEASE, grade=5), outcome(event=False), outcome(concept=EFS)],
        [rec("AdverseEvent", concept=DISEASE, grade=5), rec("AdverseEvent", concept=DISEASE, grade=4), outcome()],
        "Disease",
    ),
    "lines-overlap": (
        [treatment(line=1, start_day=0, end_day=90), treatment(line=3, start_day=60)],
        [
            treatment(line=1, start_day=0, end_day=90),
            treatment(line=1, start_day=5, end_day=70),
            treatment(line=2, start_day=90),
            treatment(start_day=60),
        ],
        "Line 3 starts on day 60, before an earlier line ended (day 90)",
    ),
    "line-left-open": (
        [treatment(line=1, start_day=0), treatment(line=2, start_day=60)],
        [treatment(line=1, start_day=0, end_day=9), treatment(line=1), treatment(line=2, start_day=60)],
        "Line 1 has no end",
    ),
    "treatment-before-diagnosis": (
        [treatment(start_day=-30), diagnosis(MYELOMA, 0), diagnosis(ONCOTREE_MGUS, -400)],
        [treatment(start_day=0), diagnosis(MYELOMA, 0), diagnosis(MYELOMA, 30)],
        "on day -30, before the first diagnosis on day 0",
    ),
    # outcome.ttl
    "response-before-diagnosis": (
        [rec("Response", concept=REMISSION, day=-3), diagnosis(MYELOMA, 0)],
        [rec("Response", concept=REMISSION, day=0), diagnosis(MYELOMA, 0), diagnosis(ONCOTREE_MGUS, 9)],
        "dated day -3, before the first diagnosis on day 0",
    ),
    "response-before-treatment": (
        [rec("Response", concept=REMISSION, day=20, treatment="#1"), treatment(start_day=30)],
        [rec("Response", concept=REMISSION, day=30, treatment="#1"), treatment(start_day=30)],
        "day 20, before its treatment started on day 30",
    ),
    "survival-as-outcome": ([finding(OS)], [outcome()], "Overall survival"),
    "outcome-days": ([outcome(days=-3.5)], [outcome(days=0.0)], "not -3.5"),
    "outcome-days-long": ([outcome(days=36525.0)], [outcome(days=3652.0)], "36525 days"),
    "outcome-entry": ([outcome(entry_days=-2.5)], [outcome(entry_days=0.0)], "not -2.5"),
    "outcome-entry-after-end": (
        [outcome(entry_days=100.0)],
        [outcome(entry_days=99.0)],
        "begins 100 days after the clock, no earlier than the outcome ends (100 days)",
    ),
    "outcome-event": (twice(outcome(), event=False), [outcome(event=False)], "false, true"),
    "outcome-without-event": ([outcome(event=None)], [outcome(event=False)], "time of 100 days"),
    "outcome-cause": ([outcome(cause=UNKNOWN_CONCEPT)], [outcome(cause=RELAPSE)], str(UNKNOWN_CONCEPT)),
    "outcome-cause-without-event": ([outcome(event=False, cause=RELAPSE)], [outcome(cause=RELAPSE)], "Relapse"),
    "record-after-death": (
        [outcome(day=10), rec("Response", concept=RELAPSE, day=120)],
        [outcome(day=10), rec("Response", concept=RELAPSE, day=110), outcome(concept=EFS, day=None, days=500.0)],
        "record on day 120, after death or last contact on day 110",
    ),
    "dead-though-censored": (
        [outcome(days=100.5), outcome(concept=RFS, days=90.0, event=False), outcome(concept=EFS, days=90.0)],
        [outcome(), outcome(concept=EFS), outcome(concept=2100002384, event=False)],
        "after 100.5 days",
    ),
    "event-free-without-remission": (
        [rec("Response", concept=NO_REMISSION), outcome(concept=EFS, days=40.0, event=False)],
        [rec("Response", concept=NO_REMISSION), outcome(concept=EFS, event=True), outcome(event=False)],
        "after 40 days",
    ),
    "event-long-after-induction": (
        [rec("Response", concept=NO_REMISSION), outcome(concept=EFS, days=365.25)],
        [rec("Response", concept=NO_REMISSION), outcome(concept=EFS, days=365.0), outcome(days=900.0)],
        "lasted 365.25 days",
    ),
    "remission-despite-early-death": (
        [rec("Response", concept=2100000068), outcome(days=13.9)],
        [rec("Response", concept=2100000068), outcome(days=14.0), outcome(concept=EFS, days=13.9)],
        "after 13.9 days",
    ),
    # risk.ttl
    "risk-system": (
        twice(rec("RiskGroup", concept=2100000094, system="ELN 2017"), system="ELN 2022"),
        [rec("RiskGroup", concept=2100000094, system="ELN 2017")],
        "ELN 2017, ELN 2022",
    ),
    "risk-score": (
        twice(rec("RiskGroup", concept=2100000094, score=1.5), score=Decimal(2)),
        [rec("RiskGroup", concept=2100000094, score=1.5)],
        "1.5, 2",
    ),
}

#: test: concept, unit, impossible, unlikely, expected
LABORATORY: dict[str, tuple[int, str, float, float, float]] = {
    "haemoglobin": (HAEMOGLOBIN, "g/dL", 92, 3.5, 9.2),
    "haematocrit": (3009542, "%", 0.35, 70, 35),
    "leukocytes": (3000905, "10*9/L", 12000, 900, 12),
    "neutrophils": (3013650, "10*9/L", 2100, 300, 2.1),
    "lymphocytes": (3004327, "10*9/L", 3000, 700, 1.4),
    "monocytes": (3033575, "10*9/L", 1100, 200, 0.5),
    "platelets": (3024929, "10*9/L", 45000, 5000, 45),
    "erythrocytes": (3026361, "10*12/L", 4500, 12, 4.5),
    "mcv": (3023599, "fL", 3, 180, 92),
    "m-protein": (2100002119, "g/L", 3100, 180, 31),
    "alt-ast": (3013721, "U/L", 90000, 20000, 34),
    "urate": (3037556, "mg/dL", 380, 80, 6.4),
    "ldh": (3005783, "U/L", 0.5, 30, 435),
    "albumin": (3024561, "g/L", 420, 80, 42),
    "calcium": (3006906, "mg/dL", 0.5, 3, 9.6),
    "creatinine": (3016723, "mg/dL", 88, 30, 0.9),
    "bilirubin": (3024128, "mg/dL", 120, 60, 0.7),
    "crp": (3020460, "mg/L", 2000, 900, 12),
    "ferritin": (3001122, "ug/L", 600000, 200000, 240),
    "beta2-microglobulin": (3013201, "mg/L", 2400, 150, 3.1),
    "body-weight": (3025315, "kg", 7000, 20, 72),
    "body-height": (3036277, "cm", 1.7, 90, 171),
    "basophils": (3013429, "10*9/L", 1500, 120, 0.1),
    "eosinophils": (3013115, "10*9/L", 1500, 200, 0.3),
    "urea-nitrogen": (3013682, "mg/dL", 600, 300, 15),
    "total-protein": (3020630, "g/L", 7, 200, 72),
    "ggt": (3026910, "U/L", 40000, 6000, 40),
    "alkaline-phosphatase": (3035995, "U/L", 40000, 2, 90),
    "prothrombin-time": (3034426, "s", 0.9, 180, 12),
    "body-surface-area": (3005424, "m2", 18, 0.6, 1.9),
    "bmi": (3038553, "kg/m2", 0.0025, 90, 25),
    "bone-marrow-blasts": (2100000120, "%", 120, 0, 64),
    "peripheral-blood-blasts": (2100000121, "%", -1, 0, 12),
}
for slug, (concept, unit, impossible, unlikely, expected) in LABORATORY.items():
    fine = [lab(concept, expected, unit=unit)]
    CASES[f"{slug}-unit"] = ([lab(concept, expected, unit="{odd}")], fine, "not in {odd}")
    CASES[f"{slug}-impossible"] = ([lab(concept, impossible, unit=unit)], fine, f"of {impossible:g} {unit}")
    if not slug.endswith("blasts"):
        CASES[f"{slug}-unlikely"] = ([lab(concept, unlikely, unit=unit)], fine, f"of {unlikely:g} {unit}")

#: system: two groups of it
for system, first, second in [
    ("eln2010", 2100000090, 2100000092),
    ("eln2017", 2100000094, 2100000096),
    ("eln2022", 2100000097, 2100000099),
    ("ipssm", 2100000100, 2100000105),
    ("ipssr", 2100000106, 2100000107),
    ("cytogenetic", 2100000111, 2100000113),
]:
    one, two = rec("RiskGroup", concept=first), rec("RiskGroup", concept=second)
    CASES[f"risk-two-groups-{system}"] = ([one, two], [one, finding(T_8_21)], str(second))

#: group: concept, a score of another group, a score of its own
for group, number, wrong, right in [
    ("ipssm-very-low", 2100000100, "-1.49", "-1.5"),
    ("ipssm-low", 2100000101, "-1.5", "-0.5"),
    ("ipssm-moderate-low", 2100000102, "0.01", "0"),
    ("ipssm-moderate-high", 2100000103, "0", "0.5"),
    ("ipssm-high", 2100000104, "0.5", "1.5"),
    ("ipssm-very-high", 2100000105, "1.5", "1.51"),
    ("ipssr-very-low", 2100000106, "1.6", "1.5"),
    ("ipssr-low", 2100000107, "1.5", "3"),
    ("ipssr-intermediate", 2100000108, "3", "4.5"),
    ("ipssr-high", 2100000109, "6.5", "6"),
    ("ipssr-very-high", 2100000110, "6", "6.5"),
]:
    bad, good = (rec("RiskGroup", concept=number, score=Decimal(score)) for score in (wrong, right))
    CASES[f"risk-score-{group}"] = ([bad], [good], f"score of {wrong} ")


def rows(case: str, records: Sequence[Record]) -> list[Record]:
    """Give records the ids and the patient of their case; add the patient where none is among them."""
    if not any(cls == "Patient" and "id" not in fields for cls, fields in records):
        records = [*records, patient(sex=MALE, age=Decimal(50))]
    named = []
    for number, (cls, fields) in enumerate(records):
        given = {k: f"{case}#{v[1:]}" if isinstance(v, str) and v.startswith("#") else v for k, v in fields.items()}
        own = {"id": given.pop("id", f"{case}#{number}"), "patient": case}
        if cls == "Patient":
            own["id"] = own["patient"] = case if "#" in own["id"] else own["id"] + case
        elif given.get("patient") == "other":
            given["patient"] = "other" + case
        if own["id"] == "same":
            own["id"] = f"{case}#same"
        named.append((cls, {**own, **given}))
    return named


def tables(records: Sequence[Record]) -> Tables:
    schema = read_schema()
    made: dict[str, pa.Table] = {}
    for cls in schema.records:
        found = [fields for name, fields in records if name == cls.name]
        types = {"id": pa.string(), "patient": pa.string()}
        types |= {f.name: pa.list_(TYPES[f.kind]) if f.many else TYPES[f.kind] for f in cls.fields}
        unknown = {k for fields in found for k in fields} - set(types)
        assert not unknown, (cls.name, unknown)
        made[cls.name] = pa.Table.from_pylist([{t: f.get(t) for t in types} for f in found], schema=pa.schema(types))
    return Tables(made, schema)


@pytest.fixture(scope="module")
def shapes() -> Graph:
    return read_shapes([ONTOLOGY / "shapes"])


@pytest.fixture(scope="module")
def found(shapes: Graph) -> Mapping[tuple[str, str], list[Violation]]:
    """Validate all cases at once: each is a patient of its own."""
    vocabulary = read_vocabulary()

    def ancestors(concept: int) -> frozenset[int]:
        return vocabulary.ancestors(concept) if concept in vocabulary else frozenset()

    def name(concept: int) -> str:
        return vocabulary[concept].name if concept in vocabulary else ""

    records = [r for s, (bad, good, _) in CASES.items() for r in [*rows(f"{s}-bad", bad), *rows(f"{s}-good", good)]]
    grouped: dict[tuple[str, str], list[Violation]] = {}
    for violation in Validator(shapes, ancestors, name).check(tables(records)):
        case = violation.record_id.partition("#")[0]
        grouped.setdefault((case, violation.shape), []).append(violation)
    return grouped


def ids(shapes: Graph) -> dict[str, URIRef]:
    return {shape_id(s): URIRef(str(s)) for s in shapes.subjects(SH.severity)}


def test_every_shape_has_a_case(shapes: Graph) -> None:
    assert sorted(CASES) == sorted(ids(shapes))


@pytest.mark.parametrize("shape", CASES)
def test_a_breaking_record_is_found_and_a_sound_one_is_not(
    shape: str, found: Mapping[tuple[str, str], list[Violation]]
) -> None:
    broken = found.get((f"{shape}-bad", shape), [])
    assert broken, f"nothing breaks {shape}"
    assert any(CASES[shape][2] in v.message for v in broken), [v.message for v in broken]
    assert not found.get((f"{shape}-good", shape))


def test_every_shape_is_explained(shapes: Graph) -> None:
    for name, shape in ids(shapes).items():
        assert shape == HAEMONY[f"shape/{name}"]
        assert (shape, HAEMONY.kahn, None) in shapes, name
        assert (shape, DCTERMS.source, None) in shapes or len(str(shapes.value(shape, RDFS.comment))) > 20, name


def test_no_shape_quarantines_a_patient(shapes: Graph) -> None:
    assert {shapes.value(s, SH.severity) for s in shapes.subjects(SH.targetClass, HAEMONY.Patient)} <= {
        SH.Warning,
        SH.Info,
    }


def test_every_concept_of_a_shape_is_in_the_vocabulary(shapes: Graph) -> None:
    used = {concept_id(o) for o in shapes.objects()} - {None}
    assert used
    assert not [c for c in used if c not in read_vocabulary()]


def test_every_functional_field_has_its_cardinality_and_datatype(shapes: Graph) -> None:
    as_delivered = {"delivered_value", "delivered_unit"}  # text of any kind, kept for provenance
    missing = []
    for cls in read_schema().records:
        for field in cls.fields:
            targets = {(SH.targetClass, cls.iri), (SH.targetClass, HAEMONY.Record), (SH.targetSubjectsOf, field.word)}
            on_field = [s for s in shapes.subjects(SH.path, field.word) if targets & set(shapes.predicate_objects(s))]
            typed = (field.kind in ("concept", "reference")) or any((s, SH.datatype, None) in shapes for s in on_field)
            coded = any((s, SH["in"], None) in shapes for s in on_field)
            single = field.many or any((s, SH.maxCount, None) in shapes for s in on_field)
            needed = not field.required or any((s, SH.minCount, None) in shapes for s in on_field)
            if not ((typed or coded) and single and needed) and field.name not in as_delivered:
                missing.append(f"{cls.name}.{field.name}")
    assert not missing


def test_ranges_are_meant_in_the_units_in_which_values_are_kept(shapes: Graph) -> None:
    with (ONTOLOGY / "concepts" / "measurement.csv").open(encoding="utf-8", newline="") as file:
        kept = {int(row["concept_id"]): row["unit"] for row in csv.DictReader(file)}
    checked = 0
    for name, shape in ids(shapes).items():
        if not name.endswith("-unit") or (shape, SH["in"], None) not in shapes:
            continue
        (unit,) = shapes.items(shapes.value(shape, SH["in"]))  # type: ignore[arg-type]
        for concept in map(concept_id, shapes.objects(shape, SH.targetClass)):
            assert concept is not None
            assert kept[concept] == str(unit), name
            checked += 1
    assert checked > 20


def test_the_shapes_are_sound_shacl(shapes: Graph) -> None:
    from pyshacl import validate

    conforms, _, text = validate(Graph(), shacl_graph=shapes, meta_shacl=True)
    assert conforms, text
