"""A variant in a hotspot is the same fact as the flag for it."""

from __future__ import annotations

from pathlib import Path

from tests.graph_loader.partners import Ward, check_ledger, lines
from tests.mappings.partner_files import meaning, row, value

FLT3, TKD, D835, ITD, IDH2, R140 = 35956153, 2100000023, 2100001271, 2100000022, 35953046, 2100001273

WARD = Ward(
    layout="""
patients: clinical
index: {event: diagnosis, relative: true}
tables:
  clinical: {file: clinical.csv, patient: ID, at: index}
  variants: {file: variants.csv, patient: ID}
""",
    dictionary=[
        row("clinical", "ID", "key"),
        row("clinical", "sex", record="Patient", field="sex"),
        row("clinical", "age", record="Patient", field="age", unit="a"),
        row("clinical", "TKD", record="Mutation", field="present", format="1|0"),
        row("variants", "ID", "key"),
        row("variants", "GENE", record="Mutation#v", field="concept", format="HGNC"),
        row("variants", "CDNA", record="Mutation#v", field="hgvs_c"),
        row("variants", "AA", record="Mutation#v", field="hgvs_p"),
    ],
    concepts=[
        value("ward:clinical.sex", "m", "OMOP:8507"),
        meaning("ward:clinical.TKD", f"OMOP:{TKD}"),
        value("ward:variants.AA", "ITD", "sssom:NoTermFound"),
    ],
)


def run(tmp_path: Path, clinical: str, variants: str) -> list[tuple[str, int, str, list[str]]]:
    files = {"clinical.csv": lines(clinical), "variants.csv": lines(variants)}
    done = Ward(WARD.layout, WARD.dictionary, WARD.concepts, files).run(tmp_path)
    columns = {"clinical": (4, ["ID", "sex", "age", "TKD"]), "variants": (4, ["ID", "GENE", "CDNA", "AA"])}
    check_ledger(done, columns)
    row_of = {patient: row for row, patient in done.patients.items()}
    return sorted(
        (row_of[m["patient"]], m["concept"], m["hgvs_p"] or "", m["disputed"]) for m in done.records["Mutation"]
    )


def test_flag_and_variant_are_one_fact(tmp_path: Path) -> None:
    found = run(
        tmp_path,
        """
        ID sex age TKD
        a  m   50  1
        b  m   50  1
        c  m   50  0
        d  m   50  .
        """,
        """
        ID GENE CDNA      AA
        a  FLT3 c.2503G>T p.D835Y
        b  FLT3 .         V491L
        c  FLT3 c.2503G>C .
        d  IDH2 .         R140Q
        """,
    )
    other = 2100000026
    assert found == [
        ("p2", D835, "p.Asp835Tyr", []),
        ("p3", TKD, "", []),
        ("p3", other, "p.Val491Leu", []),
        ("p4", D835, "", ["present"]),
        ("p5", R140, "p.Arg140Gln", []),
    ]
