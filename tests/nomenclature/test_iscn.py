"""Karyotypes are read into clones, findings and a summary; strange text is reported, never raised."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from haemony.nomenclature.iscn import Karyotype, Part, read_abnormality, read_karyotype

SHARED = Path(__file__).parents[2].parent / "shared"
VALIDITY = SHARED / "conformance" / "iscn" / "validity.json"
AMLSG = SHARED / "data" / "amlsg"

KEYS: dict[str, tuple[str, ...]] = {
    "+8": ("+8", "gain(8)", "gain(8p)", "gain(8q)", "abn(8)"),
    "-7": ("-7", "loss(7)", "loss(7p)", "loss(7q)", "abn(7)"),
    "-Y": ("-Y", "loss(Y)", "loss(Yp)", "loss(Yq)", "abn(Y)"),
    "+mar": ("+mar",),
    "+2~4mar": ("+mar",),
    "+mar1": ("+mar",),
    "dmin": ("dmin",),
    "10~30dmin": ("dmin",),
    "+r": ("+r",),
    "del(5)(q13q33)": ("del(5q)", "loss(5q)", "abn(5q)", "abn(5)"),
    "del(5)(q?13q33)": ("del(5q)", "loss(5q)", "abn(5q)", "abn(5)"),
    "del(5q)": ("del(5q)", "loss(5q)", "abn(5q)", "abn(5)"),
    "5q-": ("del(5q)", "loss(5q)", "abn(5q)", "abn(5)"),
    "del(5)": ("del(5)", "loss(5)", "abn(5)"),
    "del(X)(q24)": ("del(Xq)", "loss(Xq)", "abn(Xq)", "abn(X)"),
    "add(12)(p13)": ("add(12p)", "abn(12p)", "abn(12)"),
    "add(12)(p11.2)": ("add(12p)", "loss(12p)", "abn(12p)", "abn(12)"),
    "add(5q)": ("add(5q)", "abn(5q)", "abn(5)"),
    "r(7)(p12q22)": ("r(7)", "loss(7p)", "loss(7q)", "abn(7p)", "abn(7q)", "abn(7)"),
    "der(9)t(9;22)(q34;q11)": (
        *("der(9)", "t(v;9q34)", "t(v;22q11)", "loss(9q)", "gain(22q)", "abn(9q)", "abn(22q)", "abn(9)", "abn(22)"),
    ),
    "der(2)t(2;11)(q33;q23)": (
        *("der(2)", "t(2;11)", "t(v;2q33)", "loss(2q)", "gain(11q)", "abn(2q)", "abn(11q)", "abn(2)", "abn(11)"),
    ),
    "t(9;11)(p13;q23)": ("t(v;9p13)", "t(v;11q23)", "abn(9p)", "abn(11q)", "abn(9)", "abn(11)"),
    "t(9;11)(p22~p24;q23.3)": ("t(9;11)", "t(v;9p22)", "t(v;11q23)", "abn(9p)", "abn(11q)", "abn(9)", "abn(11)"),
    "del(13)(q12~q14)": ("del(13q)", "loss(13q)", "abn(13q)", "abn(13)"),
    "rec(6)dup(6p)inv(6)(p22q25)dmat": (),
    "+min": ("+min",),
    "+2x8": ("+8", "gain(8)", "gain(8p)", "gain(8q)", "abn(8)"),
    "fra(X)(q27.3)": ("fra(X)", "abn(Xq)", "abn(X)"),
    "dup(1)(q21q32)": ("dup(1q)", "gain(1q)", "abn(1q)", "abn(1)"),
    "inv(16)(p13.1q22)": ("inv(16)", "abn(16p)", "abn(16q)", "abn(16)"),
    "inv(16)(p11q11)": ("abn(16p)", "abn(16q)", "abn(16)"),
    "inv(3)(q21q26.2)": ("inv(3)", "abn(3q)", "abn(3)"),
    "inv(3)(p25q26)": ("abn(3p)", "abn(3q)", "abn(3)"),
    "inv(16)": ("inv(16)", "abn(16)"),
    "i(17)(q10)": ("i(17q)", "loss(17p)", "gain(17q)", "abn(17q)", "abn(17p)", "abn(17)"),
    "iso(17)(q10)": ("i(17q)", "loss(17p)", "gain(17q)", "abn(17q)", "abn(17p)", "abn(17)"),
    "i(17q)": ("i(17q)", "loss(17p)", "gain(17q)", "abn(17q)", "abn(17p)", "abn(17)"),
    "idic(X)(q13)": ("idic(Xq)", "loss(Xq)", "gain(Xp)", "abn(Xq)", "abn(X)"),
    "r(7)(p22q36)": ("r(7)", "abn(7p)", "abn(7q)", "abn(7)"),
    "dic(5;17)(q11;p11)": ("dic(5;17)", "loss(5q)", "loss(17p)", "abn(5q)", "abn(17p)", "abn(5)", "abn(17)"),
    "der(7)": ("der(7)", "abn(7)"),
    "t(8;21)": ("t(8;21)", "t(v;8q22)", "t(v;21q22)", "abn(8)", "abn(21)"),
    "t(8;21)(q22;q22.1)": ("t(8;21)", "t(v;8q22)", "t(v;21q22)", "abn(8q)", "abn(21q)", "abn(8)", "abn(21)"),
    "t(21;8)(q22;q22)": ("t(8;21)", "t(v;8q22)", "t(v;21q22)", "abn(21q)", "abn(8q)", "abn(21)", "abn(8)"),
    "t(8;21)(p11;q22)": ("t(v;8p11)", "t(v;21q22)", "abn(8p)", "abn(21q)", "abn(8)", "abn(21)"),
    "t(16;16)(p13;q22)": ("t(16;16)", "abn(16p)", "abn(16q)", "abn(16)"),
    "t(3;3)(q21;q26)": ("t(3;3)", "abn(3q)", "abn(3)"),
    "t(11;11)(p15;q23)": ("t(11;11)", "t(v;11p15)", "t(v;11q23)", "abn(11p)", "abn(11q)", "abn(11)"),
    "t(2;3)(p21;q26.2)": ("t(2;3)", "t(v;2p21)", "t(v;3q26)", "abn(2p)", "abn(3q)", "abn(2)", "abn(3)"),
    "t(X;11)(q24;q23)": ("t(X;11)", "t(v;Xq24)", "t(v;11q23)", "abn(Xq)", "abn(11q)", "abn(X)", "abn(11)"),
    "t(v;11)(v;q23)": ("t(v;11q23)", "abn(11q)", "abn(11)"),
    "+der(22)t(9;22)(q34;q11)": (
        *("der(22)", "t(9;22)", "t(v;9q34)", "t(v;22q11)", "gain(22p)", "gain(9q)"),
        *("abn(9q)", "abn(22q)", "abn(22)", "abn(9)"),
    ),
    "+del(5)(q13)": ("gain(5p)", "abn(5q)", "abn(5)"),
    "inv(9)(p12q13)": (),
    "9qh+": (),
    "+21c": (),
}


@pytest.mark.parametrize(("part", "keys"), KEYS.items())
def test_keys_of_one_abnormality(part: str, keys: tuple[str, ...]) -> None:
    abnormality = read_abnormality(part.lower())
    assert abnormality is not None
    assert not abnormality.leftover
    assert sorted(abnormality.keys) == sorted(keys)
    assert abnormality.keys[:1] == keys[:1]


@pytest.mark.parametrize("part", ["", "foo", "+23", "t(8;31)(q22;q22)", "na", "xy", "female", "+", "()"])
def test_what_is_no_abnormality(part: str) -> None:
    assert read_abnormality(part) is None


def test_keys_run_from_specific_to_general() -> None:
    abnormality = read_abnormality("der(16)t(1;16)(q21;q11)")
    assert abnormality is not None
    kinds = [key.partition("(")[0] for key in abnormality.keys]
    assert kinds == ["der", "t", "t", "t", "loss", "gain", "abn", "abn", "abn", "abn"]


def test_a_three_way_translocation_gives_each_exchange() -> None:
    keys = _keys("46,XY,t(9;11;19)(p21;q23;p13)")
    assert {"t(9;11;19)", "t(9;11)", "t(11;19)", "t(9;19)", "t(v;11q23)"} <= keys
    assert {"t(8;13;21)", "t(8;21)"} <= _keys("46,XY,t(8;13;21)(q22;q14;q22)")


def test_a_clone_line_is_read() -> None:
    karyotype = read_karyotype("45,X,-Y,t(8;21)(q22;q22)[18]/46,sl,+8[cp2]/46,XY[5]")
    first, second, third = karyotype.clones
    assert (first.low, first.sex, first.cells, first.composite) == (45, "X", 18, False)
    assert [a.text for a in second.abnormalities] == ["-Y", "t(8;21)(q22;q22)", "+8"]
    assert (second.cells, second.composite) == (2, True)
    assert third.abnormalities == ()
    assert karyotype.sex_chromosomes == "XY"
    assert [keys[0] for keys in karyotype.keys] == ["-Y", "t(8;21)", "+8"]
    assert karyotype.summary == ()
    assert karyotype.unread == ()


@pytest.mark.parametrize(
    ("text", "sex"),
    [
        ("46,XX", "XX"),
        ("46,XY,+8", "XY"),
        ("45,X,-Y", "XY"),
        ("45,X,-X", "XX"),
        ("45,X", "X"),
        ("45,X[3]/46,XY[17]", "XY"),
        ("46,Y,t(X;18)(p11;q11)", "XY"),
        ("46,X,i(X)(q10)", "XX"),
        ("47,XXYc,t(8;21)(q22;q22)", "XXY"),
        ("47,XXY", "XXY"),
        ("92,XXYY", "XY"),
        ("69,XXX<3n>", "XX"),
        ("47,xy,+8", "XY"),
        ("46,?,+8", ""),
    ],
)
def test_constitutional_sex(text: str, sex: str) -> None:
    assert read_karyotype(text).sex_chromosomes == sex


@pytest.mark.parametrize(
    ("text", "summary"),
    [
        ("46,XX[20]", {"normal"}),
        ("46,XY,inv(9)(p11q13)c", {"normal"}),
        ("47,XY,+21c", {"normal"}),
        ("47,XXYc", {"normal"}),
        ("45,X", set()),
        ("46,XX,inc", set()),
        ("46,XX,something else", set()),
        ("47,XX,+8[3]/46,XX[17]", set()),
        ("44,XY,-5,-7[10]", {"monosomal"}),
        ("45,XY,-7,del(5)(q13q33)", {"monosomal"}),
        ("45,XY,-7,+mar", set()),
        ("45,X,-Y,del(5)(q13q33)", set()),
        ("45,XY,-7,inv(16)(p13q22)", set()),
        ("44,XY,del(5)(q13q33),-7,-17", {"complex", "monosomal"}),
        ("46,XY,del(5)(q13q33),add(12)(p13)[5]/46,XY,+8[3]", {"complex"}),
        ("46,XY,del(5)(q13q33),+2mar", {"complex"}),
        ("49,XX,+4,+8,+21", set()),
        ("49,XX,+4,+8,+21,del(5)(q13q33)", {"complex"}),
        ("48,XX,+8,+9,t(8;21)(q22;q22),del(9)(q13q22)", set()),
        ("47,XY,+8,+8,+8", set()),
    ],
)
def test_summary(text: str, summary: set[str]) -> None:
    assert set(read_karyotype(text).summary) == summary


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        (" 46, XX, t(8;21) (q22;q22) [20] ", "46,XX,t(8;21)(q22;q22)[20]"),
        ("46,xx,T(8;21)(Q22;Q22)[20]", "46,XX,t(8;21)(q22;q22)[20]"),
        ("46XX,t(8;21)(q22;q22)", "46,XX,t(8;21)(q22;q22)"),
        ("46 XX,t(8;21)(q22;q22)", "46,XX,t(8;21)(q22;q22)"),
        ("46,XY+8", "46,XY,+8"),
        ("46,XX -7 +8 -X", "46,XX,-7,+8,-X"),
        ("46,XX,del(5)(q13q33) -7", "46,XX,del(5)(q13q33),-7"),
        ("46,XY,psu idic(20)(q11.2)", "46,XY,idic(20)(q11.2)"),
        ("46,XY,der(16) t(11;16)(q11;p13)", "46,XY,der(16)t(11;16)(q11;p13)"),
        ('"46,XY,+8"', "46,XY,+8"),
        ("45,XY,–7", "45,XY,-7"),
        ("46,XX,del(9(q12q32),+8", "46,XX,del(9)(q12q32),+8"),
        ("46,XX,t(9;22)q34;q11)", "46,XX,t(9;22)(q34;q11)"),
        ("46,XX,t(9;22);(q34;q11)", "46,XX,t(9;22)(q34;q11)"),
        ("46,XX,t(9;22)(q34,q11)", "46,XX,t(9;22)(q34;q11)"),
        ("46,XX,del(5)(q13q33,-7[4]/46,XX", "46,XX,del(5)(q13q33),-7[4]/46,XX"),
        ("47,XX,+8[5];46,XX[2]", "47,XX,+8[5]/46,XX[2]"),
        ("47,XX,+8[5]\n46,XX[2]", "47,XX,+8[5]/46,XX[2]"),
        ("47,XX,+8[5]46,XX[2]", "47,XX,+8[5]/46,XX[2]"),
        ("47,XX,+8[5]/46,idem,-7[2]", "47,XX,+8[5]/46,XX,+8,-7[2]"),
        ("47,XX,+8[5]/46,-7,idem[2]", "47,XX,+8[5]/46,XX,+8,-7[2]"),
        ("47,XX,+8[5]/48,sl,+9[2]/49,sdl,+10[2]", "47,XX,+8[5]/48,XX,+8,+9[2]/49,XX,+8,+9,+10[2]"),
        ("47,XX,+8[5]/48,sl,+9[2]/48,sdl1,-8,+10[2]", "47,XX,+8[5]/48,XX,+8,+9[2]/48,XX,+9,+10[2]"),
        ("47,XX,+8,+mar[5]/46,sl,-mar[2]", "47,XX,+8,+mar[5]/46,XX,+8[2]"),
        ("46,XX,-7,+der(7)t(7;11)(q22;p15)", "46,XX,der(7)t(7;11)(q22;p15)"),
        ("46,XX,der(5)add(p15)del(q13)", "46,XX,der(5)add(5)(p15)del(5)(q13)"),
        ("mos 47,XX,+8[5]/46,XX[2]", "47,XX,+8[5]/46,XX[2]"),
        ("47,XX,+8[5]//46,XY[2]", "47,XX,+8[5]"),
    ],
)
def test_tolerated_spellings_read_as_the_plain_one(text: str, plain: str) -> None:
    read, expected = read_karyotype(text), read_karyotype(plain)
    assert read.unread == ()
    assert read.keys == expected.keys
    assert read.summary == expected.summary
    assert [(c.low, c.sex, c.cells) for c in read.clones] == [(c.low, c.sex, c.cells) for c in expected.clones]


def test_ranges_markers_and_ploidy() -> None:
    karyotype = read_karyotype("43~45<2n>,XX,-7,+1~3mar,inc[cp12]")
    (clone,) = karyotype.clones
    assert (clone.low, clone.high, clone.cells, clone.composite, clone.incomplete) == (43, 45, 12, True, True)
    assert karyotype.unread == ()
    assert read_karyotype("42-45,XX,-7").clones[0].high == 45


def test_what_neighbours_make_good_is_not_lost() -> None:
    assert {"gain(1q)", "loss(7q)"} <= _keys("46,XX,+1,der(1;7)(q10;p10)")
    assert "loss(1p)" not in _keys("46,XX,+1,der(1;7)(q10;p10)")
    assert "loss(1p)" in _keys("45,XX,der(1;7)(q10;p10)")
    assert {"loss(17p)", "gain(3p)"} <= _keys("46,XX,der(17)t(3;17)(p10;q10)")
    balanced = _keys("46,XX,der(5)t(5;17)(q13;p11),der(17)t(5;17)(q13;p11)")
    assert not any(key.startswith(("loss", "gain")) for key in balanced)
    assert {"loss(5q)", "gain(17p)"} <= _keys("46,XX,der(5)t(5;17)(q13;p11)")


def test_alternatives_give_only_what_they_share() -> None:
    karyotype = read_karyotype("46,XX,del(5)(q13q33)or add(5)(q13)")
    assert karyotype.keys == (("loss(5q)", "abn(5q)", "abn(5)"),)
    assert _keys("46,XX,del(5)(q13q33)or del(7)(q22)") == set()
    assert "loss(5q)" in _keys("45,XX,-5 or del(5)(q13q33)")
    assert "del(5q)" not in _keys("45,XX,-5 or del(5)(q13q33)")


def test_the_same_abnormality_of_two_clones_is_one() -> None:
    assert len(read_karyotype("47,XX,+8[5]/48,XX,+8,?+9[2]/48,XX,+8,+9[2]").keys) == 2


@pytest.mark.parametrize(
    ("text", "aside"),
    [
        ("46,XX[20].nuc ish(ABL1x2)[200]", "nuc ish(ABL1x2)[200]"),
        ("46,XX.ish del(22)(q11.2q11.2)(HIRA-)", "ish del(22)(q11.2q11.2)(HIRA-)"),
        ("46,XX/FISH: t(15;17)", "FISH: t(15;17)"),
        ("46,XX[20].arr[GRCh38] 5q31(100_200)x1", "arr[GRCh38] 5q31(100_200)x1"),
    ],
)
def test_other_methods_are_set_aside(text: str, aside: str) -> None:
    karyotype = read_karyotype(text)
    assert [part.text for part in karyotype.aside] == [aside]
    assert all(text[part.at :].startswith(part.text) for part in karyotype.aside)
    assert karyotype.keys == ()
    assert karyotype.unread == ()


def test_strange_parts_are_reported_and_the_rest_is_read() -> None:
    karyotype = read_karyotype("46,XX,-7,na,t(8;21)(q22;q22)xyz")
    assert karyotype.unread == (Part("na", 9), Part("t(8;21)(q22;q22)xyz", 12))
    assert [keys[0] for keys in karyotype.keys] == ["-7", "t(8;21)"]


@pytest.mark.parametrize(
    "text", ["", "no metaphases", "na", "46", "abc,XX", "nuc ish(ABL1x2)", "//46,XX", "[20]", "/", ","]
)
def test_unreadable_text_says_why(text: str) -> None:
    karyotype = read_karyotype(text)
    assert not karyotype.readable
    assert karyotype.reason
    assert karyotype.clones == ()


#: The table rejects what names a finding without its breakpoints; the reader takes it, since many partners write so.
EXCEPTIONS = {
    "46,XX,del(5)": "read as a deletion of chromosome 5 whose breakpoints are not known",
    "46,XX,t(9;22)": "read as t(9;22), its usual breakpoints meant",
}


@pytest.mark.skipif(not VALIDITY.exists(), reason="the shared ISCN validity table is not here")
def test_the_validity_table() -> None:
    table = json.loads(VALIDITY.read_text(encoding="utf-8"))
    valid = [case["input"] for case in table["valid"]]
    assert [text for text in valid if not _whole(read_karyotype(text))] == []
    invalid = [case["input"] for case in table["invalid"]]
    assert {text for text in invalid if _whole(read_karyotype(text))} == set(EXCEPTIONS)


#: Columns that AMLSG coded by hand, the keys that mean the same, and how many of the coded cases must be read.
#: ``benchmarks/iscn.py`` has all columns, and says why they differ.
CODED: dict[str, tuple[set[str], float]] = {
    "t_8_21": ({"t(8;21)"}, 1.0),
    "t_9_22": ({"t(9;22)"}, 1.0),
    "t_9_11": ({"t(9;11)"}, 1.0),
    "plus13": ({"+13"}, 1.0),
    "plus22": ({"+22"}, 1.0),
    "minusY": ({"-Y"}, 1.0),
    "minus18_18q": ({"loss(18q)"}, 1.0),
    "minus5_5q": ({"loss(5q)"}, 0.98),
    "t_15_17": ({"t(15;17)"}, 0.98),
    "plus8_8q": ({"gain(8q)"}, 0.98),
    "mono17_17p_abn17p": ({"loss(17p)", "abn(17p)"}, 0.98),
    "inv16_t16_16": ({"inv(16)", "t(16;16)"}, 0.95),
    "plus21": ({"+21"}, 0.94),
    "inv3_t3_3": ({"inv(3)", "t(3;3)"}, 0.9),
    "complex": ({"complex"}, 0.89),
    "minus7": ({"-7"}, 0.87),
}


@pytest.mark.skipif(not AMLSG.exists(), reason="the shared AMLSG delivery is not here")
def test_hand_coded_findings_are_read() -> None:
    text = (AMLSG / "AMLSG_Karyotypes.txt").read_bytes().decode("latin-1").replace("\r", "\n")
    rows = [row for row in csv.reader(io.StringIO(text), delimiter="\t") if len(row) == 3][1:]
    read = {row[1]: read_karyotype(row[2]) for row in rows}
    known = {
        patient: {*karyotype.summary, *(k for keys in karyotype.keys for k in keys)}
        for patient, karyotype in read.items()
        if karyotype.readable
    }
    with (AMLSG / "AMLSG_Clinical_Anon.csv").open(encoding="latin-1", newline="") as file:
        clinical = [row for row in csv.DictReader(file) if row["PDID"] in known]
    short = []
    for column, (keys, share) in CODED.items():
        coded = [row["PDID"] for row in clinical if row[column] in ("1", "1.0", "True")]
        uncoded = [row["PDID"] for row in clinical if row[column] in ("0", "0.0", "False")]
        found = sum(bool(known[patient] & keys) for patient in coded)
        false = sum(bool(known[patient] & keys) for patient in uncoded)
        if not coded or found < share * len(coded) or false > 0.005 * len(uncoded):
            short.append((column, len(coded), found, false))
    assert not short


def _whole(karyotype: Karyotype) -> bool:
    return karyotype.readable and not karyotype.unread


def _keys(text: str) -> set[str]:
    return {key for keys in read_karyotype(text).keys for key in keys}
