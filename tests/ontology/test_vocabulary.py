"""The built-in vocabulary holds together, and users' own concepts join it."""

from __future__ import annotations

import csv
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haemony.engine.errors import VocabularyError
from haemony.ontology.schema import read_schema
from haemony.ontology.vocabulary import FOLDER, Vocabulary, assign_ids, read_folder, read_vocabulary

SHARED = Path(__file__).parents[2].parent / "shared"
GENES = SHARED / "data" / "amlsg" / "AMLSG_Genetic.txt"
VOCABULARY = read_vocabulary()
IPSSM = """ASXL1 BCOR BCORL1 CBL CEBPA DNMT3A ETNK1 ETV6 EZH2 FLT3 GATA2 GNB1 IDH1 IDH2 KMT2A KRAS NF1 NPM1 NRAS PHF6
PPM1D PRPF8 PTPN11 RUNX1 SETBP1 SF3B1 SRSF2 STAG2 TP53 U2AF1 WT1""".split()
ABNORMALITY = 2100000013
REARRANGEMENT = 2100000014


def rows(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def slug(name: str) -> int:
    found = VOCABULARY.resolve(f"haemony:{name}")
    assert found, name
    return found.id


# --- the files ---------------------------------------------------------------------------------------------------


def test_ids_are_unique_and_own_ids_lie_in_their_range() -> None:
    concepts = rows("CONCEPT.csv")
    assert max(Counter(r["concept_id"] for r in concepts).values()) == 1
    own = [
        int(r["concept_id"]) for r in concepts if r["source"] in ("Haemony", "HGNC") or r["vocabulary_id"] == "ICDO3"
    ]
    assert own
    assert all(2_100_000_000 <= i < 2_140_000_000 for i in own)
    assert all(int(r["concept_id"]) < 2_000_000_000 for r in concepts if r["vocabulary_id"] in ("LOINC", "SNOMED"))


def test_every_concept_names_its_source_and_a_known_record_class() -> None:
    known = {c.name for c in read_schema().classes if c.is_record} | {"", "Gene", "Unit"}
    for row in rows("CONCEPT.csv"):
        assert row["source"], row
        assert row["concept_name"] == row["concept_name"].strip() != ""
        assert row["record_class"] in known, row


def test_synonyms_relationships_and_keys_point_to_concepts() -> None:
    assert all(int(r["concept_id"]) in VOCABULARY for r in rows("CONCEPT_SYNONYM.csv"))
    for row in rows("CONCEPT_RELATIONSHIP.csv"):
        assert int(row["concept_id_1"]) in VOCABULARY
        assert int(row["concept_id_2"]) in VOCABULARY
        assert row["relationship_id"] in {"Is a", "Maps to", "Has gene", "Has antineoplastic"}
    assert all(i in VOCABULARY for i in VOCABULARY.karyotype_keys().values())


def test_every_vocabulary_is_described() -> None:
    assert {c.vocabulary for c in VOCABULARY} == {r["vocabulary_id"] for r in rows("VOCABULARY.csv")}
    assert VOCABULARY.release


def test_hierarchy_has_no_cycle() -> None:
    for concept in VOCABULARY:
        assert all(concept.id not in VOCABULARY.ancestors(p) for p in VOCABULARY.parents(concept.id)), concept


def test_curies_are_unique_and_resolve_to_their_concept() -> None:
    for concept in VOCABULARY:
        assert VOCABULARY.resolve(concept.curie) == concept
        assert VOCABULARY.resolve(f"OMOP:{concept.id}") == concept


@pytest.mark.parametrize("curie", ["", "OMOP:", "OMOP:x", "OMOP:999", "HGNC:NPM1", "nowhere:x", "NPM1"])
def test_unknown_curies_resolve_to_nothing(curie: str) -> None:
    assert VOCABULARY.resolve(curie) is None


def test_reading_is_quick() -> None:
    best = min(_timed() for _ in range(3))
    assert best < 0.5


def _timed() -> float:
    start = time.perf_counter()
    read_folder(FOLDER)
    return time.perf_counter() - start


def test_ancestors_of_the_reasoner_are_read(tmp_path: Path) -> None:
    for name in ("CONCEPT.csv", "CONCEPT_SYNONYM.csv", "CONCEPT_RELATIONSHIP.csv", "VOCABULARY.csv", "karyotype.csv"):
        (tmp_path / name).write_bytes((FOLDER / name).read_bytes())
    assert not read_folder(tmp_path).is_a(8507, ABNORMALITY)
    (tmp_path / "CONCEPT_ANCESTOR.csv").write_text(
        f"ancestor_concept_id,descendant_concept_id,min_levels_of_separation,max_levels_of_separation\n{ABNORMALITY},8507,1,1\n"
    )
    assert read_folder(tmp_path).is_a(8507, ABNORMALITY)


def test_a_missing_file_is_a_vocabulary_error(tmp_path: Path) -> None:
    with pytest.raises(VocabularyError, match=r"VOCABULARY\.csv"):
        read_folder(tmp_path)


# --- genes and alterations ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("former", "symbol"),
    [
        ("MLL", "KMT2A"),
        ("MLL2", "KMT2D"),
        ("MLL3", "KMT2C"),
        ("MLL5", "KMT2E"),
        ("SFRS2", "SRSF2"),
        ("FAM46C", "TENT5C"),
    ],
)
def test_former_symbols_name_the_gene(former: str, symbol: str) -> None:
    for record_class in ("Gene", "Mutation"):
        codes = VOCABULARY.codes("HGNC", record_class)
        assert codes[former] == codes[symbol]
        assert VOCABULARY[codes[symbol]].record_class == record_class


def test_codes_symbols_and_names_are_read_in_hgnc() -> None:
    codes = VOCABULARY.codes("HGNC", "Mutation")
    assert codes["HGNC:7910"] == codes["NPM1"] == codes["nucleophosmin 1"] == 35948005
    assert "npm1" not in codes
    assert all(symbol in codes for symbol in IPSSM)


def test_a_gene_and_its_alteration_stand_for_each_other() -> None:
    genes = [c for c in VOCABULARY if c.record_class == "Gene"]
    assert len(genes) > 100
    for gene in genes:
        alteration = VOCABULARY.as_record(gene.id, "Mutation")
        assert VOCABULARY[alteration].record_class == "Mutation", gene
        assert VOCABULARY.gene_of(alteration) == gene.id
        assert VOCABULARY.as_record(alteration, "Gene") == gene.id
        assert VOCABULARY.as_record(alteration, "Mutation") == alteration


def test_flt3_itd_is_named_and_concerns_flt3() -> None:
    itd, flt3 = slug("flt3-itd"), 35956153
    assert itd == 2100000022
    assert VOCABULARY.is_a(itd, flt3)
    assert itd in VOCABULARY.named_alterations()
    assert flt3 not in VOCABULARY.named_alterations()
    assert VOCABULARY.gene_of(itd) == VOCABULARY.gene_of(flt3)
    assert VOCABULARY.as_record(VOCABULARY.codes("HGNC", "Gene")["FLT3"], "Mutation") == flt3


def test_a_fusion_concerns_no_single_gene() -> None:
    fusion = slug("runx1-runx1t1-fusion")
    assert VOCABULARY.gene_of(fusion) is None
    assert VOCABULARY.as_record(fusion, "Gene") == fusion
    assert fusion in VOCABULARY.named_alterations()


@pytest.mark.skipif(not GENES.exists(), reason="the AMLSG data are not beside the project")
def test_every_amlsg_gene_is_known() -> None:
    text = GENES.read_text(encoding="latin-1").replace("\r\n", "\n").replace("\r", "\n")
    table = [line.split("\t") for line in text.split("\n") if line]
    column = table[0].index("GENE")
    symbols = {row[column] for row in table[1:]}
    assert len(symbols) > 50
    assert symbols <= set(VOCABULARY.codes("HGNC", "Mutation"))


# --- findings ----------------------------------------------------------------------------------------------------


def test_aberrations_descend_from_chromosome_abnormality_and_normal_does_not() -> None:
    variants = {"normal", "inv(9)"}
    for key, concept in VOCABULARY.karyotype_keys().items():
        assert VOCABULARY.is_a(concept, ABNORMALITY) == (key not in variants), key
        assert VOCABULARY[concept].record_class == "Finding"


@pytest.mark.parametrize(
    ("key", "general"),
    [
        ("-5", "loss(5q)"),
        ("del(5q)", "loss(5q)"),
        ("-7", "abn(7)"),
        ("+8", "gain(8q)"),
        ("i(17q)", "loss(17p)"),
        ("del(17p)", "abn(17p)"),
        ("-17", "abn(17p)"),
        ("inv(3)", "abn(3q)"),
        ("inv(3)", "t(v;3q26)"),
        ("t(9;11)", "t(v;11q23)"),
        ("t(8;21)", "abn(21q)"),
    ],
)
def test_a_key_is_a_kind_of_the_general_one(key: str, general: str) -> None:
    keys = VOCABULARY.karyotype_keys()
    assert VOCABULARY.is_a(keys[key], keys[general])


@pytest.mark.parametrize(
    ("key", "other"), [("+17", "abn(17p)"), ("del(7q)", "-7"), ("t(10;11)", "t(v;11q23)"), ("+8", "loss(8)")]
)
def test_a_key_is_not_a_kind_of_another(key: str, other: str) -> None:
    keys = VOCABULARY.karyotype_keys()
    assert not VOCABULARY.is_a(keys[key], keys[other])


def test_recurrent_rearrangements_are_those_that_define_leukaemia() -> None:
    keys = VOCABULARY.karyotype_keys()
    defining = {
        "t(8;21)",
        "inv(16)",
        "t(16;16)",
        "t(15;17)",
        "t(6;9)",
        "t(v;11q23)",
        "t(9;11)",
        "inv(3)",
        "t(3;3)",
        "t(9;22)",
    }
    assert all(VOCABULARY.is_a(keys[k], REARRANGEMENT) for k in defining)
    assert not any(VOCABULARY.is_a(keys[k], REARRANGEMENT) for k in ("t(4;14)", "-7", "complex", "t(v;3q26)"))


# --- diagnoses, units, search ------------------------------------------------------------------------------------


def test_icdo_codes_are_read_as_the_diagnosis_that_they_mean() -> None:
    icdo, oncotree = VOCABULARY.codes("ICDO3", "Diagnosis"), VOCABULARY.codes("OncoTree", "Diagnosis")
    assert icdo["9877/3"] == oncotree["AMLNPM1"]
    assert icdo == VOCABULARY.codes("ICD-O-3", "Diagnosis")
    assert VOCABULARY[oncotree["AML"]].vocabulary == "OncoTree"
    assert VOCABULARY.is_a(oncotree["TAML"], oncotree["AML"])
    assert VOCABULARY.is_a(140352, oncotree["AML"])


def test_atc_codes_of_any_year_are_read_as_the_drug() -> None:
    atc = VOCABULARY.codes("ATC", "Treatment")
    assert atc["L01XX32"] == atc["L01XG01"] == slug("bortezomib")
    assert VOCABULARY.codes("ATC", "Diagnosis") == {}


def test_a_regimen_names_its_drugs() -> None:
    of = {
        (r["concept_id_1"], r["concept_id_2"])
        for r in rows("CONCEPT_RELATIONSHIP.csv")
        if "neoplastic" in r["relationship_id"]
    }
    assert {(str(slug("vtd")), str(slug(d))) for d in ("bortezomib", "thalidomide", "dexamethasone")} <= of


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Gpt/l", "10*9/L"),
        ("/nl", "10*9/L"),
        ("10^9/L", "10*9/L"),
        ("K/uL", "10*3/uL"),
        ("Tsd./µl", "10*3/uL"),
        ("g/dl", "g/dL"),
        ("mmol/l", "mmol/L"),
        ("[U]/L", "U/L"),
        ("U/l", "U/L"),
        ("IU/L", "[iU]/L"),
        ("Monate", "mo"),
        ("months", "mo"),
        ("Tage", "d"),
        ("bp", "{bp}"),
        ("%", "%"),
    ],
)
def test_spellings_of_units(text: str, code: str) -> None:
    assert VOCABULARY.unit_codes()[text] == code
    assert VOCABULARY.unit_concept(code) is not None


def test_no_unit_spelling_means_two_units() -> None:
    meanings: dict[str, set[str]] = {}
    for concept in VOCABULARY:
        if concept.record_class == "Unit":
            for text in (concept.code, *VOCABULARY.synonyms(concept.id)):
                meanings.setdefault(text, set()).add(concept.code)
    assert not {t: m for t, m in meanings.items() if len(m) > 1}
    assert VOCABULARY.unit_concept("10*9/L") == 9444
    assert VOCABULARY.unit_concept("Gpt/l") is None


@pytest.mark.parametrize(
    ("text", "concept"),
    [
        ("Hb", 3000963),
        ("leukozyten", 3010813),
        ("BM_Blasts", 2100000120),
        ("t(8;21)", 46236750),
        ("FREMD", 2100000050),
        ("vtd", "vtd"),
        ("remission complete", 2100000060),
    ],
)
def test_search_finds_names_in_both_languages(text: str, concept: int | str) -> None:
    expected = slug(concept) if isinstance(concept, str) else concept
    assert VOCABULARY.search(text)[0].id == expected


@given(st.text(max_size=20), st.integers(0, 5))
def test_search_takes_any_text(text: str, limit: int) -> None:
    found = VOCABULARY.search(text, limit)
    assert len(found) <= limit
    assert len({c.id for c in found}) == len(found)


@given(st.sampled_from(sorted(c.id for c in VOCABULARY)))
def test_ancestors_and_descendants_mirror_each_other(concept_id: int) -> None:
    assert concept_id in VOCABULARY.ancestors(concept_id)
    assert all(concept_id in VOCABULARY.descendants(a) for a in VOCABULARY.ancestors(concept_id))
    assert VOCABULARY.ancestors(concept_id) >= set(VOCABULARY.parents(concept_id))


def test_an_unknown_id_says_so() -> None:
    with pytest.raises(KeyError, match="999"):
        VOCABULARY[999]
    assert 999 not in VOCABULARY


# --- a user's own concepts ---------------------------------------------------------------------------------------

HEADER = "id,name,class,parents,synonyms,note\n"
OWN = (
    HEADER + "site:fancy-risk,Fancy risk,RiskGroup,,FR|fancy,from the trial\n"
    "site:fancy-high,Fancy risk: high,RiskGroup,site:fancy-risk,,\n"
    "site:npm1-type-b,NPM1 type B mutation,Mutation,OMOP:35948005|HGNC:7910,,\n"
    "HGNC:99999,NEW1,Gene,,OLD1,\n"
    "site:new1,NEW1 mutation,Mutation,HGNC:99999,,\n"
    "OMOP:4222222,Some concept of OMOP,Finding,haemony:chromosome-abnormality,,\n"
)


def own(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "concepts.csv"
    path.write_text(text, encoding="utf-8")
    return path


def extended(tmp_path: Path, text: str) -> Vocabulary:
    return VOCABULARY.extended(own(tmp_path, text))


def test_own_concepts_join_the_hierarchy(tmp_path: Path) -> None:
    vocabulary = extended(tmp_path, OWN)
    high, risk = vocabulary.resolve("site:fancy-high"), vocabulary.resolve("site:fancy-risk")
    assert high and risk
    assert vocabulary.is_a(high.id, risk.id)
    assert high.record_class == "RiskGroup"
    assert vocabulary.synonyms(risk.id) == ("FR", "fancy")
    assert vocabulary.search("FR")[0] == risk
    assert vocabulary.resolve("haemony:flt3-itd")
    assert vocabulary.release != VOCABULARY.release
    assert VOCABULARY.resolve("site:fancy-high") is None


def test_an_own_alteration_concerns_the_gene_that_it_names_as_parent(tmp_path: Path) -> None:
    vocabulary = extended(tmp_path, OWN)
    type_b, new = vocabulary.resolve("site:npm1-type-b"), vocabulary.resolve("site:new1")
    assert type_b and new
    assert vocabulary.gene_of(type_b.id) == VOCABULARY.gene_of(35948005)
    assert vocabulary.is_a(type_b.id, 35948005)
    assert vocabulary.codes("HGNC", "Mutation")["OLD1"] == new.id
    assert vocabulary.is_a(new.id, 2100000020)


def test_a_concept_of_omop_keeps_its_id(tmp_path: Path) -> None:
    concept = extended(tmp_path, OWN).resolve("OMOP:4222222")
    assert concept
    assert concept.id == 4222222


def test_ids_are_given_once_and_kept(tmp_path: Path) -> None:
    path = own(tmp_path, OWN)
    before = {c.curie: c.id for c in VOCABULARY.extended(path) if c.source == "concepts.csv"}
    given_ids = assign_ids(path)
    assert given_ids == before
    assert given_ids["site:fancy-risk"] == 2_140_000_000
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([lines[0], "site:first,First,Finding,,,,", *lines[2:]]) + "\n", encoding="utf-8")
    after = assign_ids(path)
    assert after["site:fancy-high"] == given_ids["site:fancy-high"]
    assert after["site:first"] not in given_ids.values()
    assert assign_ids(path) == after


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    text = (
        HEADER
        + "no curie,A,Finding,,,\n"
        + "site:a,A,Nonsense,,,\n"
        + "site:b,B,Finding,haemony:nowhere,,\n"
        + "site:c,C,Finding,,,\n"
        + "site:c,C again,Finding,,,\n"
        + "haemony:flt3-itd,ITD,Mutation,,,\n"
        + "site:d,,Finding,,,\n"
        + "site:e,E,Finding,site:f,,\n"
        + "site:f,F,Finding,site:e,,\n"
    )
    with pytest.raises(VocabularyError) as error:
        extended(tmp_path, text)
    places = {(p.row, p.column) for p in error.value.problems}
    assert places >= {(2, "id"), (3, "class"), (4, "parents"), (6, "id"), (7, "id"), (8, "name"), (9, "parents")}
    assert all(p.file == "concepts.csv" and p.message for p in error.value.problems)


@pytest.mark.parametrize("text", ["", "name,class\nA,Finding\n", HEADER.replace("class", "klass")])
def test_a_file_without_its_columns_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(VocabularyError, match="missing"):
        extended(tmp_path, text)


@pytest.mark.parametrize("concept_id", ["7", "2100000022", "x"])
def test_a_written_id_outside_the_range_is_refused(tmp_path: Path, concept_id: str) -> None:
    text = f"id,name,class,parents,synonyms,note,concept_id\nsite:a,A,Finding,,,,{concept_id}\n"
    with pytest.raises(VocabularyError, match="concept_id"):
        extended(tmp_path, text)


def test_an_id_written_twice_is_refused(tmp_path: Path) -> None:
    row = "site:{0},A,Finding,,,,2140000000\n"
    text = "id,name,class,parents,synonyms,note,concept_id\n" + row.format("a") + row.format("b")
    with pytest.raises(VocabularyError, match="given twice"):
        extended(tmp_path, text)
