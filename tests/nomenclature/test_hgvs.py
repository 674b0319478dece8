"""HGVS names are read into one canonical spelling, and a canonical name reads as itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haemony.nomenclature.hgvs import AMINO_ACIDS, ProteinChange, codon, protein_change, read_hgvs_c, read_hgvs_p

SHARED = Path(__file__).parents[2].parent / "shared"
GRAMMAR = SHARED / "conformance" / "hgvs" / "grammar_test.tsv"

CODING = {
    "c.2524C>T": "c.2524C>T",
    " c. 2524 c>t ": "c.2524C>T",
    "2524C>T": "c.2524C>T",
    "C.2524C>T": "c.2524C>T",
    "NM_022552.4:c.2524C>T": "c.2524C>T",
    "FLT3:c.2503G>T": "c.2503G>T",
    "NM_022552.4(DNMT3A):c.2524C>T": "c.2524C>T",
    "c.123+1G>A": "c.123+1G>A",
    "c.376–2A>G": "c.376-2A>G",
    "c.-12C>T": "c.-12C>T",
    "c.*32G>A": "c.*32G>A",
    "c.860_863dupTCTG": "c.860_863dup",
    "c.863_864insTCTG": "c.863_864ins" + "TCTG",
    "c.863_864ins12": "c.863_864insN[12]",
    "c.10delA": "c.10del",
    "c.10_10del": "c.10del",
    "c.1934_1955del22": "c.1934_1955del",
    "c.100_101+2delAGgt": "c.100_101+2del",
    "c.76_77delAGinsTT": "c.76_77delinsTT",
    "c.76delAinsT": "c.76A>T",
    "c.35GG>AA": "c.35_36delinsAA",
    "c.35_36GG>AA": "c.35_36delinsAA",
    "c.35G>A_c.38G>T": "c.[35G>A;38G>T]",
    "c.[35G>A;38G>T]": "c.[35G>A;38G>T]",
    "c.77_80inv": "c.77_80inv",
    "c.123=": "c.123=",
    "c.(4_6)_246del": "c.(4_6)_246del",
    "c.(?_6)_(245_?)del": "c.(?_6)_(245_?)del",
    "c.?": "c.?",
}
PROTEIN = {
    "p.R882H": "p.Arg882His",
    "R882H": "p.Arg882His",
    "p.(Arg882His)": "p.Arg882His",
    "p.arg882his": "p.Arg882His",
    "p.ARG882HIS": "p.Arg882His",
    "NP_072046.2:p.(R882H)": "p.Arg882His",
    "p.Q842*": "p.Gln842Ter",
    "p.Q842X": "p.Gln842Ter",
    "p.W288fs*12": "p.Trp288fsTer12",
    "p.W288Cfs*12": "p.Trp288CysfsTer12",
    "p.Trp288CysfsX12": "p.Trp288CysfsTer12",
    "p.W288fs": "p.Trp288fs",
    "p.W288fs*": "p.Trp288fs",
    "p.W288fs*>12": "p.Trp288fsTer?",
    "p.F594_R595insGD": "p.Phe594_Arg595insGlyAsp",
    "p.D835del": "p.Asp835del",
    "p.D835delD": "p.Asp835del",
    "p.D835_I836delDI": "p.Asp835_Ile836del",
    "p.K650_E652dup": "p.Lys650_Glu652dup",
    "p.D835_I836delinsV": "p.Asp835_Ile836delinsVal",
    "p.D835_I836>V": "p.Asp835_Ile836delinsVal",
    "p.D835>VV": "p.Asp835delinsValVal",
    "p.T417_D419>*": "p.Thr417_Asp419delinsTer",
    "p.A10A": "p.Ala10=",
    "p.M1?": "p.Met1?",
    "p.M1ext-5": "p.Met1ext-5",
    "p.*110Gext*17": "p.Ter110GlyextTer17",
    "p.?": "p.?",
    "p.(=)": "p.=",
    "p.0": "p.0",
}
NOT_CODING = (
    "",
    "ITD",
    "na",
    "manual",
    "c.",
    "c.35",
    "c.35insA",
    "c.5_2del",
    "c.12A>U",
    "c.1*T>A",
    "p.R882H",
    "g.5A>T",
    "?",
)
NOT_PROTEIN = ("", "ITD", "NA", "p.", "p.D835", "p.J5A", "p.R882insA", "p.A9_A4del", "p.A3GlyA", "c.35G>A", "?", "TP53")

# Names of the grammar's own rules, placed so that each becomes a whole name.
PLACED: dict[str, tuple[Callable[[str], str | None], str]] = {
    "c_posedit": (read_hgvs_c, "c.{}"),
    "c_typed_posedit": (read_hgvs_c, "{}"),
    "c_variant": (read_hgvs_c, "{}"),
    "c_pos": (read_hgvs_c, "c.{}del"),
    "c_interval": (read_hgvs_c, "c.{}del"),
    "def_c_pos": (read_hgvs_c, "c.{}del"),
    "def_c_interval": (read_hgvs_c, "c.{}del"),
    "uncertain_c_interval": (read_hgvs_c, "c.{}del"),
    "dna_del": (read_hgvs_c, "c.10{}"),
    "dna_dup": (read_hgvs_c, "c.10{}"),
    "dna_delins": (read_hgvs_c, "c.10{}"),
    "dna_ins": (read_hgvs_c, "c.10_11{}"),
    "dna_inv": (read_hgvs_c, "c.10_11{}"),
    "dna_subst": (read_hgvs_c, "c.10{}"),
    "dna_ident": (read_hgvs_c, "c.10{}"),
    "p_posedit": (read_hgvs_p, "p.{}"),
    "p_posedit_special": (read_hgvs_p, "p.{}"),
    "p_typed_posedit": (read_hgvs_p, "{}"),
    "p_variant": (read_hgvs_p, "{}"),
    "def_p_pos": (read_hgvs_p, "p.{}del"),
    "p_interval": (read_hgvs_p, "p.{}del"),
    "def_p_interval": (read_hgvs_p, "p.{}del"),
    "pro_del": (read_hgvs_p, "p.Val10{}"),
    "pro_dup": (read_hgvs_p, "p.Val10{}"),
    "pro_delins": (read_hgvs_p, "p.Val10{}"),
    "pro_ins": (read_hgvs_p, "p.Val10_Val11{}"),
    "pro_fs": (read_hgvs_p, "p.Val10{}"),
    "pro_ext": (read_hgvs_p, "p.Ter10{}"),
    "pro_subst": (read_hgvs_p, "p.Val10{}"),
    "pro_ident": (read_hgvs_p, "p.Val10{}"),
}
EXCEPTIONS = {
    ("def_c_pos", "11_12"): "no single position, but a whole name may hold a range",
    ("pro_delins", "Alafs"): "no delins, but a whole name may be a frameshift",
    ("p_interval", "(Met1_Gly10)"): "an uncertain protein range is not kept",
    ("p_posedit", "(?)"): "tolerated: parentheses of a prediction are taken off",
    ("pro_del", "delA"): "tolerated: the deleted sequence is taken off",
    ("pro_del", "delAla"): "tolerated: the deleted sequence is taken off",
    ("pro_del", "del3"): "tolerated: the deleted length is taken off",
    ("pro_dup", "dup2"): "tolerated: the duplicated length is taken off",
    ("pro_dup", "dupGG"): "tolerated: the duplicated sequence is taken off",
    ("pro_dup", "dupGlyAla"): "tolerated: the duplicated sequence is taken off",
    ("pro_ext", "Glnext*"): "an extension of unknown length is written extTer?",
    ("pro_ext", "GlnextTer"): "an extension of unknown length is written extTer?",
    ("c_variant", "NM_000352.3:c.2557_2694copy2"): "copy numbers are a laboratory's own extension of HGVS",
}


@pytest.mark.parametrize(("text", "name"), CODING.items())
def test_coding_changes(text: str, name: str) -> None:
    assert read_hgvs_c(text) == name


@pytest.mark.parametrize(("text", "name"), PROTEIN.items())
def test_protein_changes(text: str, name: str) -> None:
    assert read_hgvs_p(text) == name


@pytest.mark.parametrize("text", NOT_CODING)
def test_what_is_no_coding_change(text: str) -> None:
    assert read_hgvs_c(text) is None


@pytest.mark.parametrize("text", NOT_PROTEIN)
def test_what_is_no_protein_change(text: str) -> None:
    assert read_hgvs_p(text) is None


@pytest.mark.parametrize(
    ("name", "residue", "first", "last", "kind"),
    [
        ("p.R882H", "Arg", 882, 882, "substitution"),
        ("p.Asp835_Ile836delinsVal", "Asp", 835, 836, "delins"),
        ("p.D835del", "Asp", 835, 835, "deletion"),
        ("p.K650_E652dup", "Lys", 650, 652, "duplication"),
        ("p.F594_R595insGD", "Phe", 594, 595, "insertion"),
        ("p.W288fs*12", "Trp", 288, 288, "frameshift"),
        ("p.W288Cfs*12", "Trp", 288, 288, "frameshift"),
        ("p.Q842X", "Gln", 842, 842, "nonsense"),
        ("p.A10A", "Ala", 10, 10, "silent"),
        ("p.*110Gext*17", "Ter", 110, 110, "extension"),
        ("p.M1?", "Met", 1, 1, "unknown"),
    ],
)
def test_protein_change(name: str, residue: str, first: int, last: int, kind: str) -> None:
    assert protein_change(name) == ProteinChange(residue, first, last, kind)


@pytest.mark.parametrize("name", ["p.?", "ITD", "p.[Arg882His;Arg883His]"])
def test_no_single_protein_change(name: str) -> None:
    assert protein_change(name) is None


@pytest.mark.parametrize(
    ("name", "place"), [("c.2644C>T", 882), ("c.3G>A", 1), ("c.4G>A", 2), ("c.4+1G>A", None), ("c.4del", None)]
)
def test_codon(name: str, place: int | None) -> None:
    assert codon(name) == place


def _grammar_cases() -> Iterator[tuple[str, str, bool, str | None]]:
    for line in GRAMMAR.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith(("#", "Func\t")):
            continue
        func, text, valid, kind, *expected = line.split("\t")
        inputs = text.split("|") if kind == "list" else list(text) if kind == "string" else [text]
        wanted = expected[0].split("|") if expected and expected[0] else inputs
        for i, one in enumerate(inputs):
            yield func, one, valid.lower() == "true", wanted[i] if i < len(wanted) else None


def _bare(name: str) -> str:
    """Take off what the house spells otherwise: reference, parentheses, ``Ter`` of a frameshift without length."""
    return re.sub(r"fsTer(?![0-9?])", "fs", re.sub(r"[()]", "", name.rpartition(":")[2]))


@pytest.mark.skipif(not GRAMMAR.exists(), reason="the shared HGVS grammar table is not here")
def test_the_grammar_table() -> None:
    seen = 0
    wrong: set[tuple[str, str]] = set()
    for func, text, valid, expected in _grammar_cases():
        if func not in PLACED:
            continue
        seen += 1
        read, place = PLACED[func]
        name = read(place.format(text))
        if (name is not None) != valid:
            wrong.add((func, text))
        elif name is not None and expected not in (None, "None") and _bare(name) != _bare(place.format(expected)):
            wrong.add((func, text))
    assert wrong == set(EXCEPTIONS)
    assert seen > 150


POSITIONS = st.integers(1, 5000)
CODING_PLACE = st.builds(
    lambda region, base, offset: f"{region}{base}{offset}",
    st.sampled_from(["", "", "-", "*"]),
    POSITIONS,
    st.one_of(st.just(""), st.integers(1, 99).map("+{}".format), st.integers(1, 99).map("-{}".format)),
)
RANGE = st.tuples(POSITIONS, st.integers(1, 300)).map(lambda p: f"{p[0]}_{p[0] + p[1]}")
BASES = st.text("ACGT", min_size=1, max_size=6)
SUBSTITUTION = st.tuples(st.sampled_from("ACGT"), st.sampled_from("ACGT")).filter(lambda b: b[0] != b[1]).map(">".join)
CODING_CHANGE = st.one_of(
    st.tuples(CODING_PLACE, SUBSTITUTION).map("".join),
    st.tuples(st.one_of(CODING_PLACE, RANGE), st.sampled_from(["del", "dup", "="])).map("".join),
    st.tuples(RANGE, st.sampled_from(["ins", "delins"]), BASES).map("".join),
)
CODING_NAME = st.one_of(
    CODING_CHANGE.map("c.{}".format),
    st.lists(CODING_CHANGE, min_size=2, max_size=3).map(lambda c: f"c.[{';'.join(c)}]"),
)
RESIDUE = st.sampled_from(sorted(set(AMINO_ACIDS.values()) - {"Ter", "Asx", "Glx"}))
RESIDUES = st.lists(RESIDUE, min_size=1, max_size=5).map("".join)
ENDING = st.one_of(POSITIONS.map("fsTer{}".format), st.just("fs"), st.just("fsTer?"))
PROTEIN_CHANGE = st.one_of(
    st.tuples(RESIDUE, POSITIONS, RESIDUE).filter(lambda p: p[0] != p[2]).map(lambda p: f"{p[0]}{p[1]}{p[2]}"),
    st.tuples(RESIDUE, POSITIONS, st.sampled_from(["Ter", "del", "dup", "=", "?"])).map(
        lambda p: f"{p[0]}{p[1]}{p[2]}"
    ),
    st.tuples(RESIDUE, POSITIONS, st.one_of(st.just(""), RESIDUE), ENDING).map(lambda p: f"{p[0]}{p[1]}{p[2]}{p[3]}"),
    st.tuples(RESIDUE, POSITIONS, RESIDUE, st.sampled_from(["ins", "delins"]), RESIDUES).map(
        lambda p: f"{p[0]}{p[1]}_{p[2]}{p[1] + 1}{p[3]}{p[4]}"
    ),
)
PROTEIN_NAME = PROTEIN_CHANGE.map("p.{}".format)


@given(CODING_NAME)
def test_a_canonical_coding_name_reads_as_itself(name: str) -> None:
    assert read_hgvs_c(name) == name


@given(PROTEIN_NAME)
def test_a_canonical_protein_name_reads_as_itself(name: str) -> None:
    assert read_hgvs_p(name) == name


@given(PROTEIN_NAME)
def test_one_letter_and_predicted_spellings_are_the_same_name(name: str) -> None:
    short = name
    for letter, word in AMINO_ACIDS.items():
        if letter not in "X":
            short = short.replace(word, letter)
    assert read_hgvs_p(short) == name
    assert read_hgvs_p(f"p.({short[2:]})") == name


@given(st.text(max_size=40))
def test_any_text_is_read_without_error_and_reading_is_stable(text: str) -> None:
    for read in (read_hgvs_c, read_hgvs_p):
        name = read(text)
        assert name is None or read(name) == name


@pytest.mark.parametrize(
    "text", ["p.R" + "9" * 6000 + "H", "c." + "9" * 6000 + "del", "p.R1" + "fs" * 3000, "or" * 9000]
)
def test_very_long_text_is_no_name(text: str) -> None:
    assert read_hgvs_c(text) is None
    assert read_hgvs_p(text) is None
