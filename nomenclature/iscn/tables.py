"""Rules and lists that the ISCN reader applies, each with its source.

- ISCN: An International System for Human Cytogenomic Nomenclature (2020), ISBN 978-3-318-06867-2.
- WHO 2022: https://doi.org/10.1038/s41375-022-01613-1 (myeloid), https://doi.org/10.1038/s41375-022-01620-2 (lymphoid).
- ICC 2022: https://doi.org/10.1182/blood.2022015850.
- ELN 2022: https://doi.org/10.1182/blood.2022016867 (table 6 and its notes).
- KMT2A partners: https://doi.org/10.1038/s41375-023-01877-1.
- IPSS-R: Schanz 2012, https://doi.org/10.1200/JCO.2011.35.6394; Greenberg 2012,
  https://doi.org/10.1182/blood-2012-03-420489 (table 2).
"""

from __future__ import annotations

from dataclasses import dataclass

CHROMOSOMES = tuple("XY") + tuple(str(n) for n in range(1, 23))
ORDER = {name: rank for rank, name in enumerate(CHROMOSOMES)}
OTHER_ARM = {"p": "q", "q": "p"}


@dataclass(frozen=True, slots=True)
class Recurrent:
    """A recurrent translocation: its usual bands, the regions that count as these, its fusion and where that lies."""

    bands: tuple[str, str]
    regions: tuple[tuple[str, ...], tuple[str, ...]]
    fusion: str
    carrier: str


# Bands differ with the resolution of the banding: what lies in the region (arm and first digit) of the usual band fits,
# and so do the regions after a slash. The last column is the derivative chromosome that carries the fusion (``-``: not
# said by the fusion); a derivative alone that does not carry it is another abnormality.
_RECURRENT = """
t(1;3)    p36     q21     PRDM16-r         -
t(1;19)   q23     p13     TCF3::PBX1       19
t(1;22)   p13     q13     RBM15::MRTFA     22
t(2;8)    p12/p1  q24     IGK::MYC         -
t(3;3)    q21     q26     MECOM-r          -
t(3;5)    q25     q35/q3  NPM1::MLF1       -
t(3;21)   q26     q22     RUNX1::MECOM     3
t(4;11)   q21     q23     KMT2A::AFF1      11
t(4;14)   p16     q32     IGH::NSD2        -
t(5;11)   q35     p15     NUP98::NSD1      11
t(5;12)   q32/q3  p13     ETV6::PDGFRB     -
t(6;9)    p22     q34     DEK::NUP214      6
t(6;11)   q27     q23     KMT2A::AFDN      11
t(6;14)   p21     q32     IGH::CCND3       -
t(7;12)   q36     p13     MNX1::ETV6       -
t(8;13)   p11     q12     ZMYM2::FGFR1     -
t(8;14)   q24     q32     IGH::MYC         -
t(8;16)   p11     p13     KAT6A::CREBBP    8
t(8;21)   q22/q1  q22     RUNX1::RUNX1T1   8
t(8;22)   q24     q11     IGL::MYC         -
t(9;11)   p21     q23     KMT2A::MLLT3     11
t(9;22)   q34     q11     BCR::ABL1        22
t(10;11)  p12     q23/q1  -                -
t(11;14)  q13     q32     IGH::CCND1       -
t(11;17)  q23/q1  q21/q1  -                -
t(11;18)  q22     q21     BIRC3::MALT1     -
t(11;19)  q23     p13     -                11
t(12;21)  p13     q22     ETV6::RUNX1      21
t(14;16)  q32     q23     IGH::MAF         -
t(14;18)  q32     q21     IGH::BCL2        -
t(14;20)  q32     q12/q1  IGH::MAFB        -
t(15;17)  q24     q21/q1  PML::RARA        15
t(16;16)  p13     q22     CBFB::MYH11      -
t(16;21)  p11/q24 q22     -                -
"""


def _recurrent(row: str) -> tuple[str, Recurrent]:
    name, first, second, fusion, carrier = row.split()
    bands = tuple(column.split("/")[0] for column in (first, second))
    regions = tuple(tuple(band[:2] for band in column.split("/")) for column in (first, second))
    plain = "" if fusion == "-" else fusion
    return name, Recurrent((bands[0], bands[1]), (regions[0], regions[1]), plain, "" if carrier == "-" else carrier)


#: WHO 2022 and ICC 2022; ISCN order of the chromosomes.
RECURRENT = dict(_recurrent(row) for row in _RECURRENT.strip().splitlines())
#: Inversions and homologous translocations that name a class only with their breakpoints: the regions of both bands.
REGIONS = {"inv(3)": ("q2", "q2"), "t(3;3)": ("q2", "q2"), "inv(16)": ("p1", "q2"), "t(16;16)": ("p1", "q2")}
#: Fusions of what is no translocation between two chromosomes.
INVERSION_FUSIONS = {"inv(16)": "CBFB::MYH11", "inv(3)": "MECOM-r"}
#: The band of KMT2A, and its partners by the band on which they lie, longest band first.
KMT2A_BAND = "11q23"
KMT2A_PARTNERS = {
    "19p13.3": "MLLT1", "19p13.1": "ELL",
    "1p32": "EPS15", "1q21": "MLLT11", "4q21": "AFF1", "5q31": "AFF4", "6q21": "FOXO3", "6q27": "AFDN", "9p21": "MLLT3",
    "9p22": "MLLT3", "10p12": "MLLT10", "10p11": "ABI1", "10p13": "MLLT10", "10p14": "MLLT10", "10q21": "TET1",
    "16p13": "CREBBP", "17q21": "MLLT6", "17q25": "SEPTIN9", "22q11": "SEPTIN5", "22q13": "EP300", "Xq13": "FOXO4",
    "Xq24": "SEPTIN6",
}  # fmt: skip
#: Any partner of these breakpoints is one finding; the derivative that keeps the 5' end of KMT2A and of NUP98.
CARRIERS = {KMT2A_BAND: "11", "11p15": "11"}

#: The last band of each arm (ISCN ideograms, 400 bands): what lies beyond a break in it cannot be told from nothing.
LAST_BANDS = frozenset(
    "1p36 1q44 2p25 2q37 3p26 3q29 4p16 4q35 5p15 5q35 6p25 6q27 7p22 7q36 8p23 8q24 9p24 9q34 10p15 10q26 11p15 11q25"
    " 12p13 12q24 13p13 13q34 14p13 14q32 15p13 15q26 16p13 16q24 17p13 17q25 18p11 18q23 19p13 19q13 20p13 20q13 21p13"
    " 21q22 22p13 22q13 Xp22 Xq28 Yp11 Yq12".split()
)

#: Abnormalities that name a class of acute myeloid leukaemia, so not a complex karyotype: ELN 2022, and the rare
#: recurrent ones that ICC 2022 lists beside them (but for NUP98, which 11p15 alone does not tell).
CLASS_DEFINING = frozenset(
    {"t(8;21)", "inv(16)", "t(16;16)", "t(15;17)", "t(9;11)", "t(6;9)", "t(9;22)", "t(8;16)", "inv(3)", "t(3;3)"}
    | {"t(1;3)", "t(1;22)", "t(3;5)", "t(5;11)", "t(7;12)", "t(16;21)"}
)
CLASS_DEFINING_ANY = frozenset({"t(v;11q23)", "t(v;3q26)"})
CORE_BINDING_FACTOR = frozenset({"t(8;21)", "inv(16)", "t(16;16)"})

#: The cytogenetic groups of IPSS-R, best first.
IPSSR_GROUPS = ("very-good", "good", "intermediate", "poor", "very-poor")
#: IPSS-R, table 2: what a single abnormality means; any other one is intermediate.
IPSSR_SINGLE = {
    "-Y": "very-good", "del(11q)": "very-good", "del(5q)": "good", "del(12p)": "good", "del(20q)": "good",
    "del(7q)": "intermediate", "+8": "intermediate", "+19": "intermediate", "i(17q)": "intermediate", "-7": "poor",
    "inv(3)": "poor", "del(3q)": "poor",
}  # fmt: skip
#: Two abnormalities: of these the first one that is there decides; -7 and del(7q) weigh more than del(5q).
IPSSR_DOUBLE = {"-7": "poor", "del(7q)": "poor", "del(5q)": "good"}

#: Chromosomes of which hyperdiploid myeloma has three: 48 to 74 chromosomes (IMWG, https://doi.org/10.1038/leu.2009.174).
ODD = frozenset("3 5 7 9 11 15 19 21".split())
#: Numbers of chromosomes with a name, first one that fits: B-lymphoblastic leukaemia of WHO 2022, polyploidy of ISCN.
NUMBERS = (
    ("near-haploid", 24, 31),
    ("low-hypodiploid", 32, 39),
    ("hypodiploid", 40, 43),
    ("high-hyperdiploid", 51, 65),
    ("near-triploid", 58, 80),
    ("near-tetraploid", 81, 103),
)

#: Words of remarks that say nothing about chromosomes (German and English): a part of nothing but these is set aside.
REMARKS = frozenset(
    "korrekturbefund korrektur befund vorbefund nachbefund schlechte schlechter gute guter qualität qualitat qualit_t"
    " qualitaet des der die das material materials metaphasen metaphase mitosen zellen kerne analysiert ausgewertet"
    " untersucht nach vor bei im in am vom von und the of poor good quality banding cells metaphases analysed analyzed"
    " examined report corrected correction final bone marrow blood blut knochenmark km pb bm sample probe mosaic"
    " mosaik mos siehe see comment kommentar anmerkung karyotype karyotyp männlicher weiblicher male female patient"
    " chromosomensatz normal normaler unauffällig unauffälliger".split()
)
