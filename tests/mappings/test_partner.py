from __future__ import annotations

from pathlib import Path

import pytest

from haemony.engine.errors import MappingError
from haemony.mappings.check import check
from haemony.mappings.model import Allowance, Cover, Format, Index, Link, Partner, PatientKey, Variable, Where
from haemony.mappings.partner import expand, extend_vocabulary, find_partners, read_partner, shape_files, shapes_of
from haemony.mappings.variables import assumed_headers
from haemony.ontology.schema import Schema
from haemony.ontology.vocabulary import Vocabulary
from tests.mappings.partner_files import meaning, row, value, write_partner

LAYOUT = """
partner: aml
title: A trial
read: {encoding: utf-8, separator: ",", decimal: ".", missing: [NA]}
patients: clinical
index: {event: diagnosis, relative: true}
last_contact: [clinical.OS]
tables:
  clinical: {file: c.csv, patient: PDID, at: index, derive: {donor: TPL_type}}
  variants: {file: v.txt, separator: "\\t", missing: {"*": [na, NO], VAF: ["999"]}, patient: SAMPLE, at: index,
             where: {keep: "Result IN ('ONCOGENIC', 'POSSIBLE')", why: not a driver},
             derive: {alteration: "CASE WHEN TYPE IN ('ITD', 'PTD') THEN GENE || '-' || TYPE END"}}
  itd: {file: i.txt, separator: "\\t", patient: "replace(Sample, 'WGA_', '')", at: index}
  lot: {file: l.csv, patient: "Hospital No", split: {Regimen: ";"}}
  assay: {file: a.csv, patient: {column: SAMPLE, through: variants.SAMPLE}}
panels:
  - {name: exons, tested: clinical, covers: variants.GENE}
  - {name: listed, tested: "clinical: NPM1 IS NOT NULL", covers: [HGNC:7910, DNMT3A, haemony:flt3-itd]}
  - {name: flags, tested: clinical.NPM1, covers: clinical.t_*}
prefer: {Mutation: [itd, clinical, variants]}
quality:
  haemoglobin-unlikely: {threshold: 0.2, reason: the trial treats severe anaemia}
"""
DICTIONARY = [
    row("clinical", "PDID", "key"),
    row("clinical", "gender", record="Patient", field="sex"),
    row("clinical", "AOD", record="Patient", field="age", unit="a"),
    row("clinical", "HB", unit="g/dL"),
    row("clinical", "Hb (mmol)", record="Measurement#hb", field="value"),
    row("clinical", "HBU", record="Measurement#hb", field="value.unit"),
    row("clinical", "TPL_o", record="Treatment#tpl", field="present", format="1|0"),
    row("clinical", "TPL_type", record="Treatment#tpl", field="concept"),
    row("clinical", "donor", record="Treatment#tpl", field="donor"),
    row("clinical", "TPL_date", record="Treatment#tpl", field="start_day", unit="d"),
    row("clinical", "OS", record="Outcome#os", field="days", unit="d"),
    row("clinical", "Status", record="Outcome#os", field="event", format="1|0"),
    row("clinical", "rfs", record="Outcome#rfs", field="days", unit="d", at="CR_date"),
    row("clinical", "rfsstat", record="Outcome#rfs", field="event", format="1|0"),
    row("clinical", "CR_date", record="Response#cr", field="day", unit="d"),
    row("clinical", "NPM1", field="present", format="1|0"),
    row("clinical", "CEBPA", record="Mutation", field="concept"),
    row("clinical", "t_*", record="Finding", field="present", format="True|False"),
    row("clinical", "*", "ignore", note="not needed"),
    row("variants", "SAMPLE", "key"),
    row("variants", "Result", "context"),
    row("variants", "TYPE", "context"),
    row("variants", "GENE", record="Mutation#m", field="concept", format="HGNC"),
    row("variants", "alteration", record="Mutation#m", field="concept"),
    row("variants", "VAF", record="Mutation#m", field="vaf", unit="%"),
    row("itd", "Sample", "key"),
    row("itd", "ITD", record="Mutation#itd", field="present", format="ITD|No_ITD"),
    row("itd", "Length", record="Mutation#itd", field="length", unit="{bp}"),
    row("lot", "Hospital No", "key"),
    row("lot", "LOT", record="Treatment#lot", field="line"),
    row("lot", "Regimen", record="Treatment#lot", field="concept"),
    row("lot", "Start", record="Treatment#lot", field="start_day", format="MM/yyyy"),
    row("lot", "response", record="Response#r", field="concept", at="when", of="lot by LOT"),
    row("lot", "when", "context", format="dd/MM/yyyy"),
    row("assay", "SAMPLE", "key"),
    row("assay", "*", record="Mutation", field="present", format="header HGNC 1|0"),
]
CONCEPTS = [
    value("aml:clinical.gender", "2.0", "OMOP:8532"),
    meaning("aml:clinical.HB", "OMOP:3000963"),
    meaning("aml:clinical.Hb%20%28mmol%29", "OMOP:3000963"),
    value("aml:clinical.HBU", "mmol/l", "UCUM:mmol/L", "haemony:mapsToUnit"),
    meaning("aml:clinical.TPL_o", "haemony:allogeneic-hsct"),
    value("aml:clinical.TPL_type", "HAPLO", "haemony:haploidentical-hsct"),
    value("aml:clinical.donor", "HAPLO", "haemony:donor-haploidentical"),
    meaning("aml:clinical.OS", "haemony:overall-survival"),
    meaning("aml:clinical.rfs", "haemony:relapse-free-survival"),
    meaning("aml:clinical.CR_date", "haemony:complete-remission"),
    meaning("aml:clinical.NPM1", "OMOP:35948005"),
    value("aml:clinical.CEBPA", "1", "OMOP:35948202"),
    value("aml:clinical.CEBPA", "2", "haemony:biallelic-cebpa"),
    value("aml:clinical.CEBPA", "0", "OMOP:35948202"),
    value("aml:clinical.CEBPA", "0", "OMOP:9189", "haemony:mapsToValue"),
    meaning("aml:clinical.t_8_21", "OMOP:46236750"),
    value("aml:variants.alteration", "FLT3-ITD", "haemony:flt3-itd"),
    meaning("aml:itd.ITD", "haemony:flt3-itd"),
    value("aml:lot.Regimen", "VTD", "", object_label="thalidomide"),
    value("aml:lot.Regimen", "none", "sssom:NoTermFound"),
    value("aml:lot.response", "CR", "haemony:complete-remission"),
    value("aml:lot.response", "nCR", "haemony:complete-remission", predicate_modifier="Not"),
    value("aml:lot.response", "sCR", "haemony:complete-remission", mapping_justification="semapv:LexicalMatching"),
]
HEADERS = {
    "clinical": [
        *("PDID", "gender", "AOD", "HB", "Hb (mmol)", "HBU", "TPL_o", "TPL_type", "TPL_date", "OS", "Status"),
        *("rfs", "rfsstat", "CR_date", "NPM1", "CEBPA", "t_8_21", "X1"),
    ],
    "variants": ["SAMPLE", "Result", "TYPE", "GENE", "VAF"],
    "itd": ["Sample", "ITD", "Length"],
    "lot": ["Hospital No", "LOT", "Regimen", "Start", "response", "when"],
    "assay": ["SAMPLE", "NPM1", "MLL2", "FLT3"],
}


@pytest.fixture
def partner(tmp_path: Path, vocabulary: Vocabulary, schema: Schema) -> Partner:
    return read_partner(write_partner(tmp_path, "aml", LAYOUT, DICTIONARY, CONCEPTS), vocabulary, schema)


@pytest.fixture
def variables(partner: Partner, vocabulary: Vocabulary, schema: Schema) -> dict[tuple[str, str], Variable]:
    return {(v.table, v.column): v for v in expand(partner, HEADERS, vocabulary, schema)}


def test_the_layout_is_read(partner: Partner) -> None:
    assert partner.index == Index("diagnosis", relative=True)
    assert partner.last_contact == (("clinical", "OS"),)
    variants = partner.tables["variants"]
    assert (variants.file, variants.separator, variants.encoding, variants.decimal) == ("v.txt", "\t", "utf-8", ".")
    assert variants.codes("GENE") == ("", "na", "NO")
    assert variants.codes("VAF") == ("", "na", "NO", "999")
    assert partner.tables["clinical"].codes("x") == ("", "NA")
    assert variants.where == Where("Result IN ('ONCOGENIC', 'POSSIBLE')", "not a driver")
    assert partner.tables["clinical"].patient == PatientKey('"PDID"', column="PDID")
    assert partner.tables["itd"].patient == PatientKey("replace(Sample, 'WGA_', '')")
    assert partner.tables["lot"].patient == PatientKey('"Hospital No"', column="Hospital No")
    assert partner.tables["assay"].patient == PatientKey('"SAMPLE"', column="SAMPLE", through=("variants", "SAMPLE"))
    assert partner.prefer == {"Mutation": ("itd", "clinical", "variants")}
    assert partner.quality == {"haemoglobin-unlikely": Allowance(0.2, "the trial treats severe anaemia")}
    exons, listed, flags = partner.panels
    assert (exons.table, exons.column, exons.expression) == ("clinical", None, None)
    assert exons.covers == (Cover("variants.GENE", "variants", "GENE"),)
    assert listed.expression == "NPM1 IS NOT NULL"
    assert [c.concept_id for c in listed.covers] == [35948005, 35958399, 2100000022]
    assert (flags.column, flags.covers[0].column) == ("NPM1", "t_*")


def test_empty_class_and_field_come_from_the_concept(variables: dict[tuple[str, str], Variable]) -> None:
    hb = variables["clinical", "HB"]
    assert (hb.record_class, hb.field, hb.unit, hb.at, hb.is_lead) == ("Measurement", "value", "g/dL", "index", True)
    assert [c.concept_id for c in hb.concepts] == [3000963]
    assert variables["clinical", "NPM1"].record_class == "Mutation"


def test_columns_of_a_tag_share_its_record_and_clock(variables: dict[tuple[str, str], Variable]) -> None:
    rfs, event = variables["clinical", "rfs"], variables["clinical", "rfsstat"]
    assert rfs.record == event.record == "Outcome#rfs"
    assert (rfs.at, event.at) == ("CR_date", "CR_date")
    assert (rfs.is_lead, event.is_lead) == (True, False)
    assert variables["clinical", "Status"].at == "index"
    assert variables["clinical", "HBU"].qualifier == "unit"


def test_globs_cover_what_no_other_row_names(variables: dict[tuple[str, str], Variable]) -> None:
    t821 = variables["clinical", "t_8_21"]
    assert (t821.use, t821.record_class, t821.concepts[0].concept_id) == ("map", "Finding", 46236750)
    assert t821.format == Format("flag", true="True", false="False")
    assert variables["clinical", "X1"].use == "ignore"


def test_values_by_canonical_text(variables: dict[tuple[str, str], Variable]) -> None:
    assert variables["clinical", "gender"].values["2"][0].concept_id == 8532
    cebpa = variables["clinical", "CEBPA"].values["0"]
    assert [(c.concept_id, c.loads_as) for c in cebpa] == [(35948202, "concept"), (9189, "value")]


def test_what_does_not_load_says_so(variables: dict[tuple[str, str], Variable]) -> None:
    regimen, response = variables["lot", "Regimen"], variables["lot", "response"]
    assert regimen.values["VTD"][0].status == "wanted"
    assert regimen.values["none"][0].status == "not-found"
    assert response.values["CR"][0].status == "loads"
    assert response.values["nCR"][0].status == "not-loaded"
    assert response.values["sCR"][0].status == "not-loaded"
    assert regimen.split == ";"


def test_links_know_their_field(variables: dict[tuple[str, str], Variable]) -> None:
    assert variables["lot", "response"].of == Link("lot", "lot", "LOT", "treatment")
    assert variables["lot", "response"].at == "when"


def test_a_derived_column_names_what_it_reads(variables: dict[tuple[str, str], Variable]) -> None:
    alteration = variables["variants", "alteration"]
    assert (alteration.derived, alteration.uses) == (True, ("GENE", "TYPE"))


def test_headers_are_read_in_a_vocabulary(variables: dict[tuple[str, str], Variable]) -> None:
    by_former_symbol = variables["assay", "MLL2"].concepts[0]
    assert variables["assay", "NPM1"].concepts[0].concept_id == 35948005
    assert (by_former_symbol.line, by_former_symbol.status, by_former_symbol.loads_as) == (0, "loads", "concept")
    assert variables["assay", "NPM1"].format.false == "0"


def test_a_globs_concepts_serve_columns_without_their_own(
    tmp_path: Path, vocabulary: Vocabulary, schema: Schema
) -> None:
    dictionary = [*DICTIONARY, row("itd", "grade_*", record="Response", field="concept")]
    concepts = [
        *CONCEPTS,
        value("aml:itd.grade_%2A", "CR", "haemony:complete-remission"),
        value("aml:itd.grade_%2A", "PR", "haemony:partial-remission"),
        value("aml:itd.grade_2", "PR", "haemony:relapse"),
    ]
    partner = read_partner(write_partner(tmp_path, "aml", LAYOUT, dictionary, concepts), vocabulary, schema)
    headers = {**HEADERS, "itd": [*HEADERS["itd"], "grade_1", "grade_2"]}
    found = {v.column: v for v in expand(partner, headers, vocabulary, schema)}
    read = {c: {text: r[0].concept_id for text, r in found[c].values.items()} for c in ("grade_1", "grade_2")}
    assert read["grade_1"] == {"CR": 2100000060, "PR": 2100000061}
    assert read["grade_2"] == {"CR": 2100000060, "PR": 2100000063}


def complaints(error: MappingError) -> str:
    return "\n".join(str(p) for p in error.problems)


def test_headers_and_dictionary_must_agree(partner: Partner, vocabulary: Vocabulary, schema: Schema) -> None:
    headers = {
        **HEADERS,
        "clinical": [*HEADERS["clinical"], "t_9_9", "donor"],
        "variants": ["SAMPLE", "Result", "TYPE", "GENE", "vaf", "SAMPLE"],
        "assay": ["SAMPLE", "NOGENE"],
    }
    del headers["itd"]
    with pytest.raises(MappingError) as caught:
        expand(partner, headers, vocabulary, schema)
    text = complaints(caught.value)
    for expected in (
        "c.csv:1:donor: A derived column has the name of a delivered one",
        "The flag 't_9_9' has no concept",
        "v.txt:1:vaf: The column has no row in the dictionary",
        "v.txt has no column 'VAF'. Did you mean 'vaf'?",
        "v.txt:1:SAMPLE: The column stands 2 times",
        "HGNC knows no 'NOGENE' as a Mutation",
        "The header of table 'itd' is not given",
    ):
        assert expected in text


FAULTY_LAYOUT = """
partner: bad
patient: clinical
read: {encoding: utf-99, separator: ";;;;;", decimal: "_", seperator: ","}
patients: clincal
index: {event: diagnosis}
last_contact: [clinical.nowhere, clinical]
tables:
  clinical:
    file: c.csv
    patient: PDID
    derive: {d: "HB BETWEEN 1 AND 2", e: d, f: secret}
    where: {keep: "HB"}
    at: HB
    at: index
  empty: {patient: X}
panels:
  - {name: p, tested: "clinical: HB", covers: clinical.ZZ*}
  - {name: p, tested: nowhere, covers: [NOGENE, "HGNC:0", x.y]}
  - text
prefer: {Mutations: [clinical, other]}
quality:
  haemoglobin-unlikly: {threshold: 0.1, reason: x}
  ldh-unlikely: {threshold: 5 %, reason: x}
  urate-unlikely: {threshold: 1.5, reson: x}
  crp-unlikely: {reason: x}
  mcv-unlikely:
"""
FAULTY_DICTIONARY = [
    row("clinical", "PDID", "context"),
    row("clinical", "other_id", "key"),
    row("clinical", "secret", "drop"),
    row("clinical", "d", record="Measurement#x"),
    row("clinical", "HB", unit="mmol/L/d"),
    row("clinical", "HB", unit="gram"),
    row("clinical", "K", record="Measuremnt", field="value"),
    row("clinical", "L", record="Measurement", field="valu"),
    row("clinical", "M", record="Measurement", field="unit"),
    row("clinical", "flag", record="Finding", field="present", format="1|0"),
    row("clinical", "noflag", record="Finding", field="present"),
    row("clinical", "fmt", record="Finding", field="concept", format="dd.MM.yy"),
    row("clinical", "voc", record="Finding", field="concept", format="HGNCX"),
    row("clinical", "use", "maps"),
    row("clinical", "os", record="Outcome#os", field="days", at="Status"),
    row("clinical", "Status", record="Outcome#os", field="event", format="1|0", at="os"),
    row("clinical", "a", record="Response#a", field="day", unit="d", at="b"),
    row("clinical", "b", record="Response#b", field="day", unit="d", at="a"),
    row("clinical", "link", record="Response#a", field="concept", of="gone by X"),
    row("clinical", "pat", record="Patient#p", field="sex"),
    row("clinical", "vaf", record="Mutation#v", field="vaf"),
    row("nowhere", "x", "ignore", note="x"),
]
FAULTY_CONCEPTS = [
    meaning("bad:clinical.HB", "OMOP:3000963"),
    meaning("bad:clinical.os", "haemony:no-such-concept"),
    meaning("bad:clinical.missing one", "OMOP:8532"),
    meaning("other:clinical.HB", "OMOP:8532"),
    value("bad:clinical.gone", "x", "OMOP:8532"),
    value("bad:clinical.voc", "x", "OMOP:8532", "skos:exctMatch"),
    value("bad:clinical.voc", "", "OMOP:8532"),
    value("bad:clinical.voc", "y", "OMOP:8532", predicate_modifier="No"),
    value("bad:clinical.voc", "z", "", object_label=""),
    value("bad:clinical.voc", "w", "OMOP:8532", mapping_justification="Lexical"),
    value("bad:clinical.L", "v", "OMOP:8532", "haemony:mapsToUnit"),
]
FAULTS = {
    "partner.yaml": (
        "3:patient: Unknown key. Did you mean 'patients'?",
        "4:read.encoding: 'utf-99' is no encoding",
        "4:read.separator: ';;;;;' is no separator",
        "4:read.decimal: '_' is no decimal",
        "4:read.seperator: Unknown key. Did you mean 'separator'?",
        "5:patients: There is no table 'clincal'. Did you mean 'clinical'?",
        "6:index: Day 0 is not settled",
        "last_contact: The dictionary has no row for clinical.nowhere",
        "last_contact: 'clinical' is not of the form table.column",
        "tables.clinical.at: The key stands twice",
        "tables.clinical.derive.d: 'HB BETWEEN 1 AND 2' at character 1: BETWEEN is not in the language",
        "tables.clinical.derive.e: 'd' is derived itself",
        "tables.clinical.derive.f: clinical.secret is not read: its use is drop",
        "tables.clinical.where.why: The key is required",
        "tables.clinical.where.keep: 'HB' gives text, and a condition is wanted",
        "tables.clinical.patient: clinical.PDID names the patient: its use is key, not context",
        "tables.empty.file: The key is required",
        "tables.empty: The dictionary has no row for table 'empty'",
        "panels.p.tested: 'HB' gives text, and a condition is wanted",
        "panels.p.covers: No mapped column of 'clinical' fits 'ZZ*'",
        "panels: Two panels have the name 'p'",
        "panels.p.covers: 'NOGENE' is no gene",
        "panels.p.covers: The vocabulary has no concept HGNC:0",
        "panels.p.covers: There is no table 'x'",
        "panels.3: A panel is a mapping",
        "prefer.Mutations: There is no class 'Mutations'. Did you mean 'Mutation'?",
        "prefer.Mutations: There is no table 'other'",
        "quality.haemoglobin-unlikly: There is no shape 'haemoglobin-unlikly'. Did you mean 'haemoglobin-unlikely'?",
        "quality.ldh-unlikely.threshold: '5 %' is no share of records. Write 0 to 1: 0.05 for 5 %.",
        "quality.urate-unlikely.threshold: '1.5' is no share of records",
        "quality.urate-unlikely.reson: Unknown key. Did you mean 'reason'?",
        "quality.urate-unlikely.reason: The key is required",
        "quality.crp-unlikely.threshold: The key is required",
        "quality.mcv-unlikely: Nothing is said of the shape",
    ),
    "dictionary.tsv": (
        "3:use: 'other_id' is a key, and `patient` of table 'clinical' does not use it",
        "4:note: A row of use drop needs a note",
        "5:record: Tag 'x' has no lead",
        "6:unit: 'mmol/L/d' does not convert",
        "7:variable: clinical.HB has a row already (line 6)",
        "7:unit: 'gram' is not a UCUM code",
        "8:record: Unknown class 'Measuremnt'. Did you mean 'Measurement'?",
        "9:field: Measurement has no field 'valu'. Did you mean 'value'?",
        "10:field: Measurement.unit is a field that Haemony computes",
        "11:variable: The flag 'flag' has no concept",
        "12:format: 'present' needs a flag",
        "13:format: 'dd.MM.yy'",
        "14:format: No vocabulary 'HGNCX'",
        "15:use: Unknown use 'maps'. Did you mean 'map'?",
        "16:unit: The number in 'os' has no unit",
        "16:at: 'Status' is no time",
        "18:at: 'a' starts a clock that waits for itself",
        "20:of: Table 'clinical' has no tag 'gone'",
        "21:record: Patient takes no tag",
        "22:record: Tag 'v' has no lead",
        "22:unit: The number in 'vaf' has no unit",
        "23:table: partner.yaml describes no table 'nowhere'",
    ),
    "concepts.sssom.tsv": (
        "3:object_id: The vocabulary has no haemony:no-such-concept",
        "4:subject_id: 'bad:clinical.missing one' holds characters that an id may not. "
        "Write it percent-encoded: bad:clinical.missing%20one",
        "5:subject_id: 'other:clinical.HB' has the prefix of another partner",
        "6:subject_source: The dictionary has no row for clinical.gone",
        "7:predicate_id: Unknown predicate 'skos:exctMatch'. Did you mean 'skos:exactMatch'?",
        "8:subject_label: A literal subject needs its text",
        "9:predicate_modifier: 'No' is no modifier",
        "10:object_id: The row has no object",
        "11:mapping_justification: 'Lexical' is no CURIE. Write semapv:Lexical",
    ),
}


def test_a_line_that_is_no_header_is_not_repeated(partner: Partner, vocabulary: Vocabulary, schema: Schema) -> None:
    names = assumed_headers(partner)
    data = ["AML-0000015", "14.08.1942", "w", "12,3"]
    with pytest.raises(MappingError) as error:
        expand(partner, names | {"variants": data}, vocabulary, schema)
    [fault] = [p for p in error.value.problems if p.file == partner.tables["variants"].file]
    assert "the first line names 0" in fault.message
    assert "AML-0000015" not in str(error.value)


def test_one_error_lists_every_fault(tmp_path: Path, vocabulary: Vocabulary, schema: Schema) -> None:
    folder = write_partner(tmp_path, "bad", FAULTY_LAYOUT, FAULTY_DICTIONARY, FAULTY_CONCEPTS)
    with pytest.raises(MappingError) as caught:
        read_partner(folder, vocabulary, schema)
    text = complaints(caught.value)
    missing = [(file, fault) for file, faults in FAULTS.items() for fault in faults if fault not in text]
    assert not missing, text
    assert len(caught.value.problems) == len(set(caught.value.problems))


@pytest.mark.parametrize("name", ["partner.yaml", "dictionary.tsv", "concepts.sssom.tsv"])
def test_a_missing_file_is_named(tmp_path: Path, vocabulary: Vocabulary, schema: Schema, name: str) -> None:
    folder = write_partner(tmp_path, "aml", LAYOUT, DICTIONARY, CONCEPTS)
    (folder / name).unlink()
    with pytest.raises(MappingError, match=f"aml/{name}: The file is missing"):
        read_partner(folder, vocabulary, schema)


def test_broken_yaml_is_named_by_line(tmp_path: Path, vocabulary: Vocabulary, schema: Schema) -> None:
    folder = write_partner(tmp_path, "aml", "partner: aml\ntables: {a: [\n", DICTIONARY, CONCEPTS)
    with pytest.raises(MappingError, match=r"aml/partner.yaml:[0-9]+: The YAML is broken"):
        read_partner(folder, vocabulary, schema)


def test_like_takes_the_two_tables_of_another_partner(tmp_path: Path, vocabulary: Vocabulary, schema: Schema) -> None:
    write_partner(tmp_path, "aml", LAYOUT, DICTIONARY, CONCEPTS)
    twin = write_partner(tmp_path, "aml_2", LAYOUT.replace("partner: aml", "partner: aml_2\nlike: aml"), None, None)
    partner = read_partner(twin, vocabulary, schema)
    assert (partner.name, partner.source.name, partner.folder.name) == ("aml_2", "aml", "aml_2")
    assert len(partner.dictionary) == len(DICTIONARY)
    assert len(partner.concepts) == len(CONCEPTS)


def test_a_partner_has_its_own_shapes_and_those_of_whom_it_is_like(
    tmp_path: Path, vocabulary: Vocabulary, schema: Schema
) -> None:
    home = write_partner(tmp_path, "aml", LAYOUT, DICTIONARY, CONCEPTS)
    (home / "shapes.ttl").write_text("", encoding="utf-8")
    twin = write_partner(tmp_path, "aml_2", LAYOUT.replace("partner: aml", "partner: aml_2\nlike: aml"), None, None)
    third = write_partner(tmp_path, "aml_3", LAYOUT.replace("partner: aml", "partner: aml_3\nlike: aml_2"), None, None)
    (third / "shapes.ttl").write_text("", encoding="utf-8")
    assert shapes_of(twin) == read_partner(twin, vocabulary, schema).shapes == (home / "shapes.ttl",)
    assert (
        shapes_of(third)
        == read_partner(third, vocabulary, schema).shapes
        == (home / "shapes.ttl", third / "shapes.ttl")
    )
    assert shapes_of(tmp_path / "nobody") == ()


def test_like_nobody(tmp_path: Path, vocabulary: Vocabulary, schema: Schema) -> None:
    layout = LAYOUT.replace("partner: aml", "partner: aml\nlike: nobody")
    with pytest.raises(MappingError, match="There is no partner 'nobody' to be like"):
        read_partner(write_partner(tmp_path, "aml", layout, None, None), vocabulary, schema)


def test_a_users_folder_extends_what_is_bundled(tmp_path: Path, vocabulary: Vocabulary) -> None:
    folder = write_partner(tmp_path, "aml", LAYOUT, DICTIONARY, CONCEPTS)
    (tmp_path / "shapes").mkdir()
    (tmp_path / "shapes" / "own.ttl").write_text("", encoding="utf-8")
    (tmp_path / "concepts.csv").write_text(
        "id,name,class,parents,synonyms,note\naml:frailty,Frailty,Finding,,,\n", encoding="utf-8"
    )
    assert find_partners(tmp_path) == {**find_partners(), "aml": folder}
    assert [path.name for path in shape_files(tmp_path)] == ["own.ttl"]
    assert extend_vocabulary(vocabulary, tmp_path).resolve("aml:frailty") is not None
    with pytest.raises(MappingError, match="There is no such folder"):
        find_partners(tmp_path / "nowhere")


def test_check_without_data(tmp_path: Path, vocabulary: Vocabulary, schema: Schema) -> None:
    dictionary = [
        *DICTIONARY,
        row("lot", "unread", "context"),
        row("lot", "onehot", record="Diagnosis", format="1|0"),
    ]
    concepts = [
        *CONCEPTS,
        meaning("aml:lot.onehot", "haemony:disease", object_label="Fever"),
        meaning("aml:lot.unread", "haemony:disease"),
        value("aml:lot.onehot", "1", "haemony:disease"),
        value("aml:lot.response", "PR", "haemony:partial-remission", "skos:closeMatch"),
    ]
    write_partner(tmp_path, "aml", LAYOUT, dictionary, concepts)
    found = check(["aml", "amx"], vocabulary, schema, mappings=tmp_path)
    assert [str(p) for p in found.problems] == ["There is no partner 'amx'. Did you mean 'aml'?"]
    text = "\n".join(str(p) for p in found.warnings)
    for expected in (
        "The concept 'thalidomide' is wanted",
        "Nobody has reviewed this automatic row",
        "skos:closeMatch does not load",
        "lot.unread is not mapped (use context)",
        "Nothing reads 'unread'",
        "The flag 'onehot' fills the main field: false says nothing",
        "Value rows of 'onehot' speak before its flag for 1",
        "not 'Fever'",
    ):
        assert expected in text


def test_the_bundled_partners_are_without_fault(vocabulary: Vocabulary, schema: Schema) -> None:
    assert not [str(p) for p in check([], vocabulary, schema).problems]
    for folder in find_partners().values():
        partner = read_partner(folder, vocabulary, schema)
        assert expand(partner, assumed_headers(partner), vocabulary, schema)
