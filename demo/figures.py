"""The figures behind the made-up patients, as tables.

The shares were set by hand near what the papers named beside them report, so that the cohort looks like theirs; they
are not copied from a table of theirs, and are no reference to cite. Only the points, median survivals and times to AML
of IPSS-R are the published ones (https://ipssrbasic.mds-foundation.org), and so are the limits of ISS and the median
times to progression of R-ISS. Nothing here was taken from a patient.

Sources
    [Juliusson]     Blood 2009;113:4179, Swedish acute leukaemia registry: age, sex, early death, remission
    [Papaemmanuil]  N Engl J Med 2016;374:2209, 1,540 patients: genomic classes of AML and who mutates with whom
    [Grimwade]      Blood 2010;116:354, 5,876 patients: frequencies of the recurrent karyotypes
    [Döhner]        Blood 2022;140:1345, ELN 2022: risk groups
    [Cornelissen]   Nat Rev Clin Oncol 2012;9:579: relapse with and without transplant in first remission
    [Greenberg]     Blood 2012;120:2454, IPSS-R: points, median survival, time to AML
    [Schanz]        J Clin Oncol 2012;30:820: cytogenetics of MDS
    [Haferlach]     Leukemia 2014;28:241, 944 patients: mutations of MDS
    [Bernard]       Nat Med 2020;26:1549: TP53 and complex karyotype in MDS
    [Haase]         Leukemia 2019, doi 10.1038/s41375-018-0351-2, 359 patients: TP53 in 55 % of complex karyotypes
    [Jädersten]     J Clin Oncol, 25 April 2011, 55 patients: TP53 in 18 % of low-risk MDS with del(5q)
    [SEER]          https://seer.cancer.gov/statfacts/html/mulmy.html: median age of 69, more men than women
    [Kyle]          Mayo Clin Proc 2003;78:21, 1,027 patients: kind of M-protein, anaemia, kidneys, calcium, bones
    [Greipp]        J Clin Oncol 2005;23:3412, 10,750 patients: limits and shares of ISS
    [Avet-Loiseau]  Blood 2007;109:3489, 1,064 patients: t(4;14) and del(17p)
    [Hanamura]      Blood 2006;108:1724: gain of 1q21 in four of ten
    [Palumbo]       J Clin Oncol 2015;33:2863, 3,060 patients: R-ISS, its shares, progression and survival
    [Rosiñol]       Blood 2012;120:1589, PETHEMA: VTD before an autologous transplant
    [Mateos]        N Engl J Med 2018;378:518: VMP with and without daratumumab
    [Facon]         N Engl J Med 2019;380:2104: Rd with and without daratumumab
    [Yong]          Br J Haematol 2016;175:252, 4,997 patients: how many reach each line, and how long each lasts
"""

from __future__ import annotations

from typing import Final

Shares = dict[str, float]

# --- AML ---------------------------------------------------------------------------------------------------------

#: Mean and spread of age at diagnosis; a centre that transplants sees younger patients than a registry [Juliusson].
AML_AGE: Final = (62.0, 15.0, 18.0, 92.0)
AML_FEMALE: Final = 0.46  # [Juliusson]

#: Genomic class: share of those under 45, share of those over 75; between them the share is interpolated
#: [Papaemmanuil, Grimwade].
AML_CLASSES: Final[dict[str, tuple[float, float]]] = {
    "npm1": (0.29, 0.27),
    "t8_21": (0.080, 0.010),
    "inv16": (0.090, 0.015),
    "cebpa": (0.055, 0.015),
    "t9_11": (0.035, 0.006),
    "tv_11": (0.030, 0.006),
    "t6_9": (0.014, 0.003),
    "inv3": (0.015, 0.010),
    "t9_22": (0.006, 0.004),
    "tp53": (0.045, 0.190),
    "chromatin": (0.080, 0.280),
    "other": (0.260, 0.191),
}

#: Share of a class that carries an alteration; "*" is every other class [Papaemmanuil].
AML_GENES: Final[dict[str, Shares]] = {
    "NPM1": {"npm1": 1.0, "*": 0.0},
    "FLT3-ITD": {"npm1": 0.40, "other": 0.27, "chromatin": 0.15, "cebpa": 0.15, "t6_9": 0.70, "tp53": 0.05, "*": 0.06},
    "FLT3": {"npm1": 0.13, "tp53": 0.02, "chromatin": 0.05, "inv16": 0.13, "tv_11": 0.12, "t9_11": 0.12, "*": 0.07},
    "CEBPA": {"cebpa": 1.0, "npm1": 0.03, "*": 0.0},
    "CEBPA-N": {"cebpa": 0.9, "other": 0.04, "*": 0.0},
    "DNMT3A": {"npm1": 0.52, "other": 0.24, "chromatin": 0.14, "tp53": 0.10, "cebpa": 0.04, "*": 0.02},
    "TET2": {"npm1": 0.17, "chromatin": 0.27, "other": 0.13, "cebpa": 0.16, "tp53": 0.07, "*": 0.04},
    "IDH1": {"npm1": 0.12, "chromatin": 0.07, "other": 0.08, "tp53": 0.03, "*": 0.0},
    "IDH2": {"npm1": 0.14, "chromatin": 0.12, "other": 0.10, "tp53": 0.03, "*": 0.01},
    "NRAS": {"npm1": 0.19, "inv16": 0.40, "inv3": 0.27, "t8_21": 0.19, "tp53": 0.05, "*": 0.14},
    "KRAS": {"inv16": 0.15, "tv_11": 0.18, "t9_11": 0.18, "inv3": 0.15, "*": 0.04},
    "PTPN11": {"npm1": 0.14, "inv3": 0.16, "chromatin": 0.06, "*": 0.04},
    "KIT": {"t8_21": 0.34, "inv16": 0.33, "*": 0.01},
    "WT1": {"npm1": 0.06, "cebpa": 0.18, "other": 0.09, "*": 0.03},
    "GATA2": {"cebpa": 0.28, "inv3": 0.15, "*": 0.01},
    "TP53": {"tp53": 0.86, "chromatin": 0.02, "npm1": 0.01, "*": 0.01},
    "RUNX1": {"chromatin": 0.39, "other": 0.05, "inv3": 0.15, "npm1": 0.01, "tp53": 0.04, "*": 0.01},
    "ASXL1": {"chromatin": 0.34, "t8_21": 0.10, "tp53": 0.04, "npm1": 0.02, "*": 0.02},
    "SRSF2": {"chromatin": 0.37, "npm1": 0.05, "*": 0.01},
    "SF3B1": {"chromatin": 0.10, "inv3": 0.22, "tp53": 0.03, "*": 0.01},
    "U2AF1": {"chromatin": 0.16, "*": 0.01},
    "ZRSR2": {"chromatin": 0.06, "*": 0.0},
    "STAG2": {"chromatin": 0.21, "npm1": 0.03, "*": 0.01},
    "BCOR": {"chromatin": 0.11, "*": 0.02},
    "EZH2": {"chromatin": 0.08, "t8_21": 0.03, "*": 0.01},
    "RAD21": {"npm1": 0.09, "t8_21": 0.09, "*": 0.02},
    "PHF6": {"chromatin": 0.08, "other": 0.04, "*": 0.02},
}

#: Alterations that place a patient without a favourable class in the adverse group [Döhner].
ADVERSE_GENES: Final = ("ASXL1", "BCOR", "EZH2", "RUNX1", "SF3B1", "SRSF2", "STAG2", "U2AF1", "ZRSR2", "TP53")
ADVERSE_FLAGS: Final = ("t6_9", "t9_22", "inv3", "del5q", "minus5", "minus7", "abn17p", "complex")

#: Karyotype patterns of AML: text of a male with 20 metaphases' clone marked, and the findings it shows.
AML_KARYOTYPES: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "normal": ("46,XY", ()),
    "t8_21": ("46,XY,t(8;21)(q22;q22)", ("t8_21",)),
    "t8_21_y": ("45,X,-Y,t(8;21)(q22;q22)", ("t8_21",)),
    "inv16": ("46,XY,inv(16)(p13q22)", ("inv16",)),
    "inv16_22": ("47,XY,inv(16)(p13q22),+22", ("inv16",)),
    "t9_11": ("46,XY,t(9;11)(p22;q23)", ("t9_11", "tv_11")),
    "t6_11": ("46,XY,t(6;11)(q27;q23)", ("tv_11",)),
    "t11_19": ("46,XY,t(11;19)(q23;p13.1)", ("tv_11",)),
    "t6_9": ("46,XY,t(6;9)(p23;q34)", ("t6_9",)),
    "inv3": ("46,XY,inv(3)(q21q26)", ("inv3",)),
    "inv3_7": ("45,XY,inv(3)(q21q26),-7", ("inv3", "minus7")),
    "t9_22": ("46,XY,t(9;22)(q34;q11)", ("t9_22",)),
    "plus8": ("47,XY,+8", ("plus8",)),
    "plus11": ("47,XY,+11", ()),
    "plus13": ("47,XY,+13", ()),
    "plus21": ("47,XY,+21", ()),
    "del9q": ("46,XY,del(9)(q13q22)", ()),
    "del20q": ("46,XY,del(20)(q11q13)", ()),
    "del7q": ("46,XY,del(7)(q22q36)", ("del7q",)),
    "minus7": ("45,XY,-7", ("minus7",)),
    "minusY": ("45,X,-Y", ()),
    "complex1": ("44,XY,del(5)(q13q33),-7,-17", ("del5q", "minus7", "abn17p", "complex")),
    "complex2": ("45,XY,-5,add(12)(p13),del(17)(p11)", ("minus5", "abn17p", "complex")),
    "complex3": ("47,XY,del(5)(q13q33),+8,del(17)(p11),-20,+21", ("del5q", "plus8", "abn17p", "complex")),
    "complex4": ("44,XY,-3,del(5)(q31q35),-7,add(21)(q22)", ("del5q", "minus7", "complex")),
    "complex5": ("45,XY,del(7)(q22q36),add(11)(q23),-17", ("del7q", "abn17p", "complex")),
}

#: Patterns of a class [Grimwade, Papaemmanuil].
AML_PATTERNS: Final[dict[str, Shares]] = {
    "npm1": {"normal": 0.87, "plus8": 0.05, "del9q": 0.03, "minusY": 0.02, "plus21": 0.03},
    "t8_21": {"t8_21": 0.55, "t8_21_y": 0.45},
    "inv16": {"inv16": 0.82, "inv16_22": 0.18},
    "cebpa": {"normal": 0.78, "del9q": 0.12, "plus8": 0.05, "plus21": 0.05},
    "t9_11": {"t9_11": 1.0},
    "tv_11": {"t6_11": 0.45, "t11_19": 0.55},
    "t6_9": {"t6_9": 1.0},
    "inv3": {"inv3": 0.5, "inv3_7": 0.5},
    "t9_22": {"t9_22": 1.0},
    "tp53": {"complex1": 0.25, "complex2": 0.2, "complex3": 0.15, "complex4": 0.15, "complex5": 0.15, "minus7": 0.1},
    "chromatin": {"normal": 0.52, "plus8": 0.14, "minus7": 0.07, "del7q": 0.06, "del20q": 0.07, "plus13": 0.06,
                  "plus11": 0.05, "minusY": 0.03},
    "other": {"normal": 0.66, "plus8": 0.09, "plus21": 0.05, "del7q": 0.04, "del9q": 0.04, "minus7": 0.03,
              "plus11": 0.03, "minusY": 0.06},
}  # fmt: skip

#: Median leucocytes (10*9/L) of a class; the spread is that of a log-normal with sigma 1.1 [Papaemmanuil].
AML_WBC: Final[Shares] = {"npm1": 28.0, "inv16": 35.0, "t8_21": 12.0, "t9_11": 20.0, "tv_11": 30.0, "chromatin": 5.5,
                          "tp53": 4.0, "*": 14.0}  # fmt: skip

#: By risk (favourable, intermediate, adverse, TP53): remission after intensive induction, after azacitidine with
#: venetoclax; relapses a year of remission; days of life, on average, once refractory or relapsed [Juliusson, Döhner].
AML_REMISSION: Final = (0.90, 0.74, 0.56, 0.42)
AML_REMISSION_GENTLE: Final = (0.78, 0.66, 0.52, 0.38)
AML_RELAPSE: Final = (0.16, 0.36, 0.62, 1.60)
AML_AFTER_FAILURE: Final = (640.0, 330.0, 230.0, 110.0)
AML_TRANSPLANT_RELAPSE: Final = 0.45  # relapse after transplant, times that without [Cornelissen]

# --- MDS ---------------------------------------------------------------------------------------------------------

MDS_AGE: Final = (71.0, 10.5, 25.0, 95.0)  # [Greenberg]
MDS_FEMALE: Final = 0.40  # [Greenberg]

#: Splicing gene of a patient: at most one [Haferlach].
MDS_SPLICING: Final[Shares] = {"SF3B1": 0.25, "SRSF2": 0.15, "U2AF1": 0.08, "ZRSR2": 0.04, "none": 0.48}

#: Share of those with a splicing gene that carries a further alteration; "*" is every other [Haferlach].
MDS_GENES: Final[dict[str, Shares]] = {
    "TET2": {"SRSF2": 0.52, "ZRSR2": 0.50, "SF3B1": 0.29, "U2AF1": 0.18, "*": 0.26},
    "ASXL1": {"SRSF2": 0.44, "U2AF1": 0.40, "ZRSR2": 0.30, "SF3B1": 0.10, "*": 0.19},
    "DNMT3A": {"SF3B1": 0.20, "SRSF2": 0.06, "*": 0.12},
    "RUNX1": {"SRSF2": 0.22, "U2AF1": 0.12, "SF3B1": 0.04, "*": 0.09},
    "STAG2": {"SRSF2": 0.18, "*": 0.05},
    "EZH2": {"ZRSR2": 0.12, "SF3B1": 0.02, "*": 0.06},
    "TP53": {"SRSF2": 0.02, "*": 0.04},
    "NRAS": {"SF3B1": 0.01, "*": 0.04},
    "KRAS": {"*": 0.025},
    "CBL": {"SF3B1": 0.02, "*": 0.05},
    "IDH1": {"SRSF2": 0.07, "*": 0.02},
    "IDH2": {"SRSF2": 0.14, "*": 0.03},
    "BCOR": {"U2AF1": 0.10, "*": 0.04},
    "JAK2": {"SF3B1": 0.06, "*": 0.03},
    "SETBP1": {"SRSF2": 0.07, "*": 0.02},
    "PHF6": {"*": 0.03},
    "WT1": {"*": 0.01},
    "NPM1": {"*": 0.01},
    "FLT3": {"*": 0.012},
    "GATA2": {"*": 0.015},
    "CEBPA": {"*": 0.015},
    "CSF3R": {"*": 0.012},
    "MPL": {"*": 0.01},
}

#: Patterns of MDS: text of a male, findings, IPSS-R cytogenetic points, share [Schanz, Greenberg].
MDS_KARYOTYPES: Final[dict[str, tuple[str, tuple[str, ...], int, float]]] = {
    "normal": ("46,XY", (), 1, 0.545),
    "minusY": ("45,X,-Y", ("minusY",), 0, 0.045),
    "del11q": ("46,XY,del(11)(q14q23)", (), 0, 0.010),
    "del5q": ("46,XY,del(5)(q13q33)", ("del5q",), 1, 0.095),
    "del5q_20q": ("46,XY,del(5)(q13q33),del(20)(q11q13)", ("del5q", "del20q"), 1, 0.015),
    "del20q": ("46,XY,del(20)(q11q13)", ("del20q",), 1, 0.030),
    "del12p": ("46,XY,del(12)(p11p13)", (), 1, 0.010),
    "plus8": ("47,XY,+8", ("plus8",), 2, 0.070),
    "plus19": ("47,XY,+19", (), 2, 0.010),
    "del7q": ("46,XY,del(7)(q22q36)", ("del7q",), 2, 0.020),
    "minus7": ("45,XY,-7", ("minus7",), 3, 0.030),
    "complex3": ("45,XY,del(5)(q13q33),-7,+8,-18", ("del5q", "minus7", "plus8"), 4, 0.030),
    "complex5": ("44,XY,del(5)(q13q33),-7,add(12)(p13),-17,del(20)(q11q13)", ("del5q", "minus7", "del20q"), 4, 0.060),
    "complexp": ("45,XY,-7,add(12)(p13),del(20)(q11q13)", ("minus7", "del20q"), 3, 0.030),
}

TP53_IN_COMPLEX: Final = 0.62  # [Bernard, Haase]
TP53_IN_DEL5Q: Final = 0.18  # [Jädersten]

#: IPSS-R groups: upper limit of the points, median survival in years, years until a quarter has AML [Greenberg].
IPSSR: Final[dict[str, tuple[float, float, float]]] = {
    "Very low": (1.5, 8.8, 40.0),
    "Low": (3.0, 5.3, 10.8),
    "Intermediate": (4.5, 3.0, 3.2),
    "High": (6.0, 1.6, 1.4),
    "Very high": (99.0, 0.8, 0.73),
}

# --- Myeloma -----------------------------------------------------------------------------------------------------

MM_AGE: Final = (69.0, 11.0, 32.0, 92.0)  # [SEER]
MM_FEMALE: Final = 0.45  # [SEER]

#: Kind of M-protein: share, median M-protein in serum (g/L) [Kyle].
MM_ISOTYPES: Final[dict[str, tuple[float, float]]] = {
    "IgG kappa": (0.345, 36.0),
    "IgG lambda": (0.185, 35.0),
    "IgA kappa": (0.135, 29.0),
    "IgA lambda": (0.080, 28.0),
    "Bence-Jones kappa": (0.115, 0.0),
    "Bence-Jones lambda": (0.085, 0.0),
    "IgD": (0.020, 9.0),
    "IgM": (0.005, 20.0),
    "no secretor": (0.030, 0.0),
}

#: Share with an abnormality; del(17p) and the gain of 1q are commoner beside an IGH translocation of bad prognosis
#: [Avet-Loiseau, Hanamura].
MM_T_4_14: Final = 0.13
MM_T_14_16: Final = 0.035
MM_DEL_17P: Final = (0.085, 0.14)
MM_GAIN_1Q: Final = (0.32, 0.62)
MM_HIGH_LDH: Final = 240.0  # upper limit of the laboratory, U/L

#: Limits of ISS: beta-2 microglobulin (mg/L) of stage I and of stage III, albumin (g/L) of stage I [Greipp].
ISS_LIMITS: Final = (3.5, 5.5, 35.0)
#: By stage of R-ISS: median months until the first progression [Palumbo].
RISS_PROGRESSION: Final = (66.0, 42.0, 29.0)

#: Best response, from the worst: to the first, the second and every later line [Rosiñol, Mateos, Facon].
MM_RESPONSES: Final = ("EP", "EE", "RM", "RP", "MBRP", "RC", "RCe")
MM_RESPONSE_SHARES: Final = (
    (0.03, 0.06, 0.03, 0.19, 0.32, 0.20, 0.17),
    (0.08, 0.13, 0.06, 0.31, 0.27, 0.10, 0.05),
    (0.17, 0.23, 0.08, 0.30, 0.16, 0.04, 0.02),
)
#: By line: progression-free time, times that of the first; share of those who progress that gets the next [Yong].
MM_LINES: Final = ((1.0, 0.82), (0.38, 0.74), (0.24, 0.66), (0.17, 0.55), (0.12, 0.0))

#: Regimens by setting: the years between which it was begun, and its weight among those of its time. The settings are
#: first line before a transplant and without, second, third, and every later line. Approximate years of use in Spain.
MM_REGIMENS: Final[dict[str, dict[str, tuple[int, int, float]]]] = {
    "transplant": {
        "VTD": (2010, 2021, 5.0),
        "VCD": (2010, 2018, 1.0),
        "VRd": (2017, 2030, 3.0),
        "Dara-VTD": (2020, 2030, 6.0),
    },
    "first": {
        "MPV": (2010, 2021, 6.0),
        "MP": (2010, 2014, 1.0),
        "Rd": (2015, 2022, 2.0),
        "Dara-VMP": (2018, 2024, 4.0),
        "DRd": (2019, 2030, 6.0),
    },
    "second": {
        "Vd": (2010, 2017, 3.0),
        "Rd": (2010, 2018, 4.0),
        "KRd": (2016, 2030, 3.0),
        "DRd": (2017, 2030, 3.0),
        "DVd": (2017, 2030, 2.0),
        "Kd": (2017, 2030, 2.0),
    },
    "third": {
        "Rd": (2010, 2016, 3.0),
        "VCD": (2010, 2030, 1.0),
        "Pd": (2014, 2030, 4.0),
        "Kd": (2016, 2030, 3.0),
        "IRd": (2018, 2030, 1.0),
        "Isa-Pd": (2020, 2030, 3.0),
    },
    "later": {
        "CP": (2010, 2030, 3.0),
        "Bendamustina-Pred": (2010, 2030, 2.0),
        "Pd": (2014, 2030, 3.0),
        "Daratumumab": (2016, 2030, 4.0),
        "Belantamab": (2021, 2030, 3.0),
        "Teclistamab": (2022, 2030, 4.0),
    },
}
#: Regimens that stop after so many days; the others go on until something ends them.
MM_FIXED: Final = {"VTD": 126, "VCD": 126, "VRd": 140, "Dara-VTD": 126, "MPV": 378, "MP": 378, "CP": 180,
                   "Bendamustina-Pred": 168}  # fmt: skip

#: What of a regimen makes some events commoner: V bortezomib, T thalidomide, R lenalidomide, P pomalidomide,
#: K carfilzomib.
MM_AGENTS: Final = {"VTD": "VT", "VCD": "V", "VRd": "VR", "Dara-VTD": "VT", "MPV": "V", "Dara-VMP": "V", "Vd": "V",
                    "DVd": "V", "Rd": "R", "DRd": "R", "IRd": "R", "KRd": "KR", "Kd": "K", "Pd": "P",
                    "Isa-Pd": "P"}  # fmt: skip
#: Unwanted events: share of lines in which one is told, share of these of grade 3 or 4, the agents that double it
#: [Rosiñol, Mateos, Facon].
MM_TOXICITY: Final[dict[str, tuple[float, float, str]]] = {
    "neuropatía periférica": (0.12, 0.15, "VT"),
    "neutropenia": (0.16, 0.60, "RP"),
    "trombocitopenia": (0.11, 0.50, "VK"),
    "anemia": (0.12, 0.40, ""),
    "infección": (0.15, 0.35, ""),
    "neumonía": (0.07, 0.65, ""),
    "diarrea": (0.08, 0.15, "R"),
    "estreñimiento": (0.07, 0.05, "T"),
    "trombosis": (0.04, 0.40, "TR"),
    "astenia": (0.10, 0.10, ""),
}
