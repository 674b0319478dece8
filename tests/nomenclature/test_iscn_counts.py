"""What a karyotype says as a whole: counts, named kinds, IPSS-R, bands, fusions, remarks."""

from __future__ import annotations

import pytest

from haemony.demo.figures import MDS_KARYOTYPES
from haemony.nomenclature.iscn import IPSSR_GROUPS, Part, read_abnormality, read_karyotype


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("46,XX[20]", 0),
        ("47,XX,+21c", 0),
        ("46,XY,inv(9)(p12q13)", 0),
        ("46,XX,t(9;22)(q34;q11)", 1),
        ("46,XX,der(5)t(5;17)(q13;p11)del(5)(q31q33)", 1),
        ("47,XX,+8[3]/46,XX[17]", 1),
        ("47,XX,+8[3]/48,sl,+21[4]/46,XX[13]", 2),
        ("46,XX,del(5)(q15q31)[15]/46,XX,del(6)(q15)[5]", 2),
        ("48,XY,+8,+8[14]/49,XY,+8,+8,+21[2]", 3),
        ("47,XX,+mar1[3]/47,XX,+mar2[7]", 2),
        ("49,XX,+3mar[5]/47,XX,+mar[2]", 3),
        ("46,XX,+1~3mar,10~30dmin", 2),
        ("46,XX,+1,der(1;7)(q10;p10)", 1),
        ("46,XX,-7,+der(7)t(7;11)(q22;p15)", 1),
        ("46,XX,add(21)(p11)x2", 2),
        ("92,XXYY[20]", 1),
        ("46,XY,t(8;21)(q22;q22)[3]/92,idemx2[2]", 2),
        ("46,XX,na", None),
        ("46,XX,+8,inc", None),
    ],
)
def test_abnormalities_are_counted_over_all_clones(text: str, count: int | None) -> None:
    assert read_karyotype(text).abnormalities == count


@pytest.mark.parametrize(
    ("text", "group"),
    [
        ("46,XX[20]", "good"),
        ("45,X,-Y", "very-good"),
        ("46,XX,del(11)(q14)", "very-good"),
        ("46,XX,del(5)(q13q33)", "good"),
        ("46,XX,del(12)(p11p13)", "good"),
        ("46,XX,del(20)(q11)", "good"),
        ("47,XX,+21,del(5)(q13q33)", "good"),
        ("46,XX,del(7)(q22)", "intermediate"),
        ("47,XX,+8", "intermediate"),
        ("46,XX,i(17)(q10)", "intermediate"),
        ("46,XX,add(5)(q13)", "intermediate"),
        ("46,XX,der(5)t(5;17)(q13;p11)del(5)(q31q33)", "intermediate"),
        ("48,XX,+8,+21", "intermediate"),
        ("47,XX,+8[3]/47,XX,+21[4]", "intermediate"),
        ("45,XX,-7", "poor"),
        ("46,XX,inv(3)(q21q26)", "poor"),
        ("46,XX,t(2;3)(p21;q26)", "poor"),
        ("46,XX,t(3;12)(p25;p13)", "intermediate"),
        ("46,XX,del(3)(q21)", "poor"),
        ("46,XX,-7,+8", "poor"),
        ("45,XX,-7,del(5)(q13q33)", "poor"),
        ("46,XX,+8,del(5)(q13q33),-18", "poor"),
        ("46,XX,+8,del(5)(q13q33),-18,+mar", "very-poor"),
        ("46,XX,na,del(5)(q13q33)", ""),
        ("46,XX,na,del(5)(q13q33),+8,-7,-18", "very-poor"),
        ("46,XX,inc", ""),
    ],
)
def test_ipssr_group(text: str, group: str) -> None:
    assert read_karyotype(text).ipssr_group == group


def test_ipssr_groups_of_the_made_up_registry() -> None:
    made = {text: IPSSR_GROUPS[group] for text, _, group, _ in MDS_KARYOTYPES.values()}
    assert {text: read_karyotype(text).ipssr_group for text in made} == made


@pytest.mark.parametrize(
    ("text", "summary"),
    [
        ("46,XY,t(6;11)(q27;q23),+8,+18", set()),  # KMT2A names a class
        ("46,XY,der(11)t(3;11)(p21;q23),del(18)(q21),-20", {"complex", "monosomal"}),  # half an exchange does not
        ("45,XX,t(1;3)(p36;q21),-7,del(5)(q13q33)", {"monosomal"}),
        ("46,XX,t(8;11)(q11;p15),-18,+8", {"complex", "monosomal"}),
        ("50,XX,+8,+13,+19,+mar", {"complex"}),
        ("46,XX,del(5)(q13),-7,-18,+8,+mar,add(12)(p11)", {"complex", "complex(>4)", "monosomal"}),
        ("45,XY,-7[10]/46,XY,del(5)(q13q33)[10]", set()),  # not in one clone
        ("66,XXY,-5,-7,del(12)(p11)", {"complex", "near-triploid"}),  # two copies are left
        ("66,XXY,-7,-7,del(12)(p11)", {"complex", "monosomal", "near-triploid"}),  # one is left
        ("92,XXYY", {"near-tetraploid"}),
        ("54,XX,+3,+5,+7,+9,+11,+15,+19,+21", {"high-hyperdiploid", "hyperdiploid-odd"}),
        ("28,XX,-1,-2,-3", {"complex", "monosomal", "near-haploid"}),
        ("36~38,XX,-3", {"low-hypodiploid"}),
        ("30~38,XX,-3", set()),
        ("42,XX,-3,-7,-16,-17", {"complex", "monosomal", "hypodiploid"}),
        ("46,XX.nuc ish(ABL1x2)[200]", {"normal"}),
        ("46,XX / FISH: t(15;17)", set()),
        ("46,XX; FISH negativ: t(15;17)", {"normal"}),
        ("46,U[20]", {"normal"}),
    ],
)
def test_summary(text: str, summary: set[str]) -> None:
    assert set(read_karyotype(text).summary) == summary


def test_what_is_lost_gained_and_broken() -> None:
    (clone,) = read_karyotype("45,XX,-7,del(5)(q13q33),i(17)(q10),der(9)t(1;9)(q21;p22),add(12)(p11.2)").clones
    assert clone.lost == ("7", "5q13-q33", "17p", "9p22-pter", "12p11.2-pter")
    assert clone.gained == ("17q", "1q21-qter")
    assert clone.broken == ("5q13", "5q33", "1q21", "9p22", "12p11.2")
    assert clone.arms() == {"7p": -1, "7q": -1, "5q": -1, "17p": -1, "17q": 1, "9p": -1, "1q": 1, "12p": -1}


@pytest.mark.parametrize(
    ("part", "lost"),
    [
        ("del(13)(q12~q14)", ("13q12-qter",)),
        ("del(5)(q13orq15q31)", ("5q13-q31",)),
        ("del(5)(q2?2)", ("5q22-qter",)),
        ("del(5q)", ("5q",)),
        ("del(5)", ("5",)),
        ("-7", ("7",)),
        ("add(17)(p13)", ()),
        ("der(5;12)(p10;q10)", ("5q", "12p")),
        ("der(2)ins(2;?)(p23;?)", ()),
    ],
)
def test_what_one_abnormality_loses(part: str, lost: tuple[str, ...]) -> None:
    assert read_karyotype(f"46,XX,{part}").clones[0].lost == lost


def test_in_a_haploid_clone_a_gain_is_no_trisomy() -> None:
    assert read_karyotype("26<1n>,X,+4,+6,+21").keys == (("abn(4)",), ("abn(6)",), ("abn(21)",))


@pytest.mark.parametrize(
    ("text", "arms"),
    [
        ("46,XX,t(9;22)(q34;q11)", {}),
        ("47,XX,+i(12)(p10)", {"12p": 2}),
        ("46,XX,+1,der(1;7)(q10;p10)", {"1q": 1, "7q": -1}),
        ("46,XX,-5,+der(5)t(5;17)(q13;q21)", {"5q": -1, "17q": 1}),
        ("47,XX,+21c", {}),
        ("45,XX,dic(5;17)(q11;p11)", {"5q": -1, "17p": -1}),
        ("48,XX,+8,+8", {"8p": 2, "8q": 2}),
        ("46,XX,idic(X)(q13)", {"Xq": -1, "Xp": 1}),
        ("46,XX,r(7)(p12q22)", {"7p": -1, "7q": -1}),
    ],
)
def test_arms(text: str, arms: dict[str, int]) -> None:
    assert read_karyotype(text).clones[0].arms() == arms


@pytest.mark.parametrize(
    ("part", "fusions"),
    [
        ("t(8;21)(q22;q22.1)", ("RUNX1::RUNX1T1",)),
        ("t(8;13;21)(q22;q14;q22)", ("RUNX1::RUNX1T1",)),
        ("t(15;17)(q22;q12)", ("PML::RARA",)),
        ("t(9;22)(q34.1;q11.2)", ("BCR::ABL1",)),
        ("der(22)t(9;22)(q34;q11)", ("BCR::ABL1",)),
        ("der(9)t(9;22)(q34;q11)", ()),
        ("inv(16)(p13q22)", ("CBFB::MYH11",)),
        ("inv(16)(p11q11)", ()),
        ("t(4;11)(q21;q23)", ("KMT2A::AFF1",)),
        ("t(9;11)(p22;q23)", ("KMT2A::MLLT3",)),
        ("t(9;11;19)(p22;q23;p13)", ("KMT2A::MLLT3",)),
        ("t(10;11)(p12;q23)", ("KMT2A::MLLT10",)),
        ("t(11;19)(q23;p13.1)", ("KMT2A::ELL",)),
        ("t(11;19)(q23;p13.3)", ("KMT2A::MLLT1",)),
        ("t(11;19)(q23;p13)", ("KMT2A::?",)),
        ("t(2;11)(p21;q23)", ("KMT2A::?",)),
        ("ins(10;11)(p12;q13q23)", ("KMT2A::MLLT10",)),
        ("t(8;21)(p11;q22)", ()),
        ("+8", ()),
    ],
)
def test_fusions(part: str, fusions: tuple[str, ...]) -> None:
    abnormality = read_abnormality(part)
    assert abnormality is not None
    assert abnormality.fusions == fusions


@pytest.mark.parametrize(
    ("text", "remarks", "unread"),
    [
        ("46,XX[12] (Korrekturbefund)", [Part("(Korrekturbefund)", 10)], []),
        ("46,XX,mosaic,+8", [Part("mosaic", 6)], []),
        ("46,XX (schlechte Qualität des Materials)", [Part("(schlechte Qualität des Materials)", 6)], []),
        ("46,XY[5]/tetraploider Klon[25]", [], [Part("tetraploider Klon[25]", 9)]),
        ("46,XY,del(9(q12q32),wegen,+8", [], [Part("wegen", 20)]),
        ("  46,XX,\n\n foo", [], [Part("foo", 11)]),
        ("46,XX,trisomy of eight", [], [Part("trisomy of eight", 6)]),
    ],
)
def test_remarks_and_what_is_not_understood_have_their_place(
    text: str, remarks: list[Part], unread: list[Part]
) -> None:
    karyotype = read_karyotype(text)
    assert list(karyotype.remarks) == remarks
    assert list(karyotype.unread) == unread
    assert karyotype.whole == (not unread)
    for part in (*remarks, *unread):
        assert text[part.at :].startswith(part.text)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("no metaphases", "no metaphases"),
        ("Keine analysierbaren Metaphasen.", "no metaphases"),
        ("na", "there is none"),
        ("", "empty"),
        ("arr[GRCh38] 5q31(100_200)x1", "no banded karyotype"),
        ("complex", "begins with a chromosome number"),
        ("4" * 20_000, "longer than any karyotype"),
    ],
)
def test_why_a_text_cannot_be_read(text: str, word: str) -> None:
    karyotype = read_karyotype(text)
    assert not karyotype.readable
    assert word in karyotype.reason


def test_cells_are_added_up_where_each_clone_counts_them() -> None:
    assert read_karyotype("47,XX,+8[3]/46,XX[17]").cells == 20
    assert read_karyotype("47,XX,+8[cp3]/46,XX[17]").cells == 20
    assert read_karyotype("47,XX,+8/46,XX[17]").cells is None
