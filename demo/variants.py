"""Well-known variants of the genes that the made-up patients carry, in HGVS.

Recurrent changes of the kind that COSMIC (https://cancer.sanger.ac.uk/cosmic) and ClinVar
(https://www.ncbi.nlm.nih.gov/clinvar) hold. Examples for made-up patients: the base number of each substitution agrees
with its codon, and no more than that was checked.
"""

from __future__ import annotations

from typing import Final

#: Alteration to its usual variants: (coding DNA, protein). A suffix after "-" names a kind of alteration of the gene.
VARIANTS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "NPM1": (
        ("c.860_863dup", "p.(Trp288CysfsTer12)"),
        ("c.863_864insCATG", "p.(Trp288CysfsTer12)"),
        ("c.863_864insCCTG", "p.(Trp288CysfsTer12)"),
    ),
    "FLT3-ITD": (
        ("c.1771_1800dup", "p.(Tyr591_Asp600dup)"),
        ("c.1774_1806dup", "p.(Val592_Lys602dup)"),
        ("c.1780_1800dup", "p.(Phe594_Asp600dup)"),
        ("c.1783_1833dup", "p.(Arg595_Glu611dup)"),
    ),
    "FLT3": (("c.2503G>T", "p.(Asp835Tyr)"), ("c.2504A>T", "p.(Asp835Val)"), ("c.2505T>G", "p.(Asp835Glu)")),
    "CEBPA": (("c.937_939dup", "p.(Lys313dup)"), ("c.934_936dup", "p.(Gln312dup)")),
    "CEBPA-N": (("c.68dup", "p.(His24AlafsTer84)"), ("c.247del", "p.(Gln83SerfsTer77)")),
    "DNMT3A": (
        ("c.2645G>A", "p.(Arg882His)"),
        ("c.2644C>T", "p.(Arg882Cys)"),
        ("c.2141C>G", "p.(Ser714Cys)"),
        ("c.2339T>C", "p.(Ile780Thr)"),
    ),
    "TET2": (
        ("c.1648C>T", "p.(Arg550Ter)"),
        ("c.2746C>T", "p.(Gln916Ter)"),
        ("c.3646C>T", "p.(Arg1216Ter)"),
        ("c.5618T>C", "p.(Ile1873Thr)"),
    ),
    "IDH1": (("c.395G>A", "p.(Arg132His)"), ("c.394C>T", "p.(Arg132Cys)")),
    "IDH2": (("c.419G>A", "p.(Arg140Gln)"), ("c.515G>A", "p.(Arg172Lys)")),
    "NRAS": (("c.35G>A", "p.(Gly12Asp)"), ("c.182A>G", "p.(Gln61Arg)"), ("c.38G>A", "p.(Gly13Asp)")),
    "KRAS": (("c.35G>A", "p.(Gly12Asp)"), ("c.38G>A", "p.(Gly13Asp)")),
    "PTPN11": (("c.226G>A", "p.(Glu76Lys)"), ("c.215C>T", "p.(Ala72Val)"), ("c.205G>A", "p.(Glu69Lys)")),
    "KIT": (("c.2447A>T", "p.(Asp816Val)"), ("c.2446G>C", "p.(Asp816His)"), ("c.2466T>A", "p.(Asn822Lys)")),
    "WT1": (("c.1142C>A", "p.(Ser381Ter)"), ("c.1384C>T", "p.(Arg462Trp)")),
    "GATA2": (("c.1061C>T", "p.(Thr354Met)"), ("c.1084C>T", "p.(Arg362Ter)")),
    "TP53": (
        ("c.524G>A", "p.(Arg175His)"),
        ("c.743G>A", "p.(Arg248Gln)"),
        ("c.818G>A", "p.(Arg273His)"),
        ("c.659A>G", "p.(Tyr220Cys)"),
    ),
    "RUNX1": (("c.602G>A", "p.(Arg201Gln)"), ("c.611G>A", "p.(Arg204Gln)"), ("c.958C>T", "p.(Arg320Ter)")),
    "ASXL1": (
        ("c.1934dup", "p.(Gly646TrpfsTer12)"),
        ("c.1900_1922del", "p.(Glu635ArgfsTer15)"),
        ("c.2077C>T", "p.(Arg693Ter)"),
    ),
    "SRSF2": (("c.284C>A", "p.(Pro95His)"), ("c.284C>T", "p.(Pro95Leu)")),
    "SF3B1": (("c.2098A>G", "p.(Lys700Glu)"), ("c.1998G>T", "p.(Lys666Asn)"), ("c.1874G>T", "p.(Arg625Leu)")),
    "U2AF1": (("c.101C>T", "p.(Ser34Phe)"), ("c.470A>C", "p.(Gln157Pro)")),
    "ZRSR2": (("c.868C>T", "p.(Arg290Ter)"),),
    "STAG2": (("c.646C>T", "p.(Arg216Ter)"), ("c.775C>T", "p.(Arg259Ter)")),
    "BCOR": (("c.4540C>T", "p.(Arg1514Ter)"),),
    "EZH2": (("c.2069G>A", "p.(Arg690His)"), ("c.1936T>A", "p.(Tyr646Asn)")),
    "RAD21": (("c.1774C>T", "p.(Arg592Ter)"),),
    "PHF6": (("c.820C>T", "p.(Arg274Ter)"), ("c.955C>T", "p.(Arg319Ter)")),
}

#: Common variants that a panel reports and nobody acts on.
POLYMORPHISMS: Final[tuple[tuple[str, str, str], ...]] = (
    ("TET2", "c.5284A>G", "p.(Ile1762Val)"),
    ("KIT", "c.1621A>C", "p.(Met541Leu)"),
    ("EZH2", "c.553G>C", "p.(Asp185His)"),
    ("ASXL1", "c.2444T>C", "p.(Leu815Pro)"),
)
