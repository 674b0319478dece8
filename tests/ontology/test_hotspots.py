"""Every hotspot is a kind of its gene's alteration, and variants find the most specific one."""

from __future__ import annotations

import csv

import pytest

from haemony.nomenclature.hgvs import AMINO_ACIDS
from haemony.ontology.hotspots import FILE, hotspot_of, read_hotspots, refinements
from haemony.ontology.vocabulary import read_vocabulary

VOCABULARY = read_vocabulary()
GENES = VOCABULARY.codes("HGNC", "Mutation")


def test_the_table_fits_the_vocabulary() -> None:
    with FILE.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows
    for row in rows:
        concept, gene = int(row["concept_id"]), int(row["gene_level"])
        assert VOCABULARY.is_a(concept, gene) and concept != gene, row
        assert VOCABULARY.gene_of(concept) == VOCABULARY.gene_of(gene), row
        assert int(row["first"]) <= int(row["last"]) and row["source"], row
        assert row["residue"] in ("", *AMINO_ACIDS.values()), row


@pytest.mark.parametrize(
    ("gene", "hgvs_c", "hgvs_p", "name"),
    [
        ("IDH2", "", "p.Arg140Gln", "IDH2 R140 mutation"),
        ("IDH2", "", "p.Arg172Lys", "IDH2 R172 mutation"),
        ("FLT3", "", "p.Asp835Tyr", "FLT3 D835 mutation"),
        ("FLT3", "", "p.Ile836del", "FLT3 I836 mutation"),
        ("FLT3", "", "p.Asp835_Ile836del", "FLT3 tyrosine kinase domain mutation"),
        ("FLT3", "", "p.Asn676Lys", "FLT3 N676 mutation"),
        ("FLT3", "", "p.Val491Leu", "FLT3 mutation other than ITD and TKD"),
        ("DNMT3A", "c.2644C>T", "", "DNMT3A R882 mutation"),
        ("NPM1", "c.863_864insTCTG", "p.Trp288CysfsTer12", "NPM1 type A mutation"),
        ("CEBPA", "", "p.Lys313dup", "CEBPA in-frame bZIP mutation"),
        ("CEBPA", "", "p.Arg297Pro", "CEBPA bZIP mutation"),
        ("CEBPA", "", "p.Pro23GlnfsTer85", "CEBPA transactivation domain mutation"),
        ("JAK2", "", "p.Val617Phe", "JAK2 V617F mutation"),
        ("KIT", "", "p.Asp816Val", "KIT D816 mutation"),
        ("CALR", "", "p.Leu367ThrfsTer46", "CALR type 1 mutation"),
    ],
)
def test_found(gene: str, hgvs_c: str, hgvs_p: str, name: str) -> None:
    found = hotspot_of(GENES[gene], hgvs_c, hgvs_p, read_hotspots(), VOCABULARY)
    assert found is not None and VOCABULARY[found].name == name


@pytest.mark.parametrize(
    ("gene", "hgvs_c", "hgvs_p"),
    [
        ("IDH2", "", "p.Arg141Gln"),
        ("IDH2", "", "p.Lys140Gln"),
        ("IDH2", "", "p.Arg140="),
        ("JAK2", "", "p.Val617Ile"),
        ("FLT3", "", "p.Phe594_Arg595insGlyAsp"),
        ("TET2", "", "p.Arg882His"),
        ("DNMT3A", "c.2644del", ""),
        ("FLT3", "", ""),
    ],
)
def test_not_found(gene: str, hgvs_c: str, hgvs_p: str) -> None:
    assert hotspot_of(GENES[gene], hgvs_c, hgvs_p, read_hotspots(), VOCABULARY) is None


def test_refinements_leave_out_what_is_no_hotspot() -> None:
    rows = [(GENES["IDH1"], None, "p.Arg132His"), (GENES["IDH1"], "c.1A>G", None), (GENES["TET2"], None, None)]
    [(concept, hgvs_c, hgvs_p, hotspot)] = refinements(rows, VOCABULARY)
    assert (concept, hgvs_c, hgvs_p) == (GENES["IDH1"], "", "p.Arg132His")
    assert VOCABULARY[hotspot].name == "IDH1 R132 mutation"
