"""The real delivery of AMLSG, where it is at hand: sums and counts, never a patient."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from haemony.mappings.partner import BUNDLED, read_partner
from haemony.ontology.schema import read_schema
from haemony.ontology.vocabulary import read_vocabulary
from tests.graph_loader.partners import Run, run

DATA = Path(__file__).parents[2].parent / "shared" / "data"
PATIENTS, FLT3_ITD, NPM1, ABNORMALITY = 1540, 2100000022, 35948005, 2100000013

pytestmark = pytest.mark.skipif(not (DATA / "amlsg").is_dir(), reason="the data of AMLSG are not beside this checkout")


@pytest.fixture(scope="module")
def amlsg(tmp_path_factory: pytest.TempPathFactory) -> Run:
    partner = read_partner(BUNDLED / "amlsg", read_vocabulary(), read_schema())
    return run(partner, DATA, tmp_path_factory.mktemp("amlsg"), tolerated=0.1)


def rows_of(amlsg: Run, table: str) -> int:
    """Return the number of rows of a file; cells that run over several lines occur."""
    spec = amlsg.partner.tables[table]
    with (DATA / spec.file).open(encoding="latin-1", newline="") as lines:
        return sum(1 for row in csv.reader(lines, delimiter=spec.separator) if row) - 1


def test_the_ledger_of_all_five_files_adds_up(amlsg: Run) -> None:
    sums: Counter[tuple[str, str]] = Counter()
    for row in amlsg.ledger:
        sums[row["table"], row["column"]] += row["cells"]
    assert {table for table, _ in sums} == set(amlsg.partner.tables)
    for table in amlsg.partner.tables:
        counts = {n for (t, _), n in sums.items() if t == table}
        assert counts == {rows_of(amlsg, table)}, table
    assert sum(1 for table, _ in sums if table == "clinical") == 106


def test_every_patient_is_there(amlsg: Run) -> None:
    assert len(amlsg.records["Patient"]) == PATIENTS
    assert len({r["id"] for r in amlsg.records["Patient"]}) == PATIENTS
    assert all(r["sex"] for r in amlsg.records["Patient"])


def test_rows_of_samples_that_are_no_clinical_patient_are_accounted_for(amlsg: Run) -> None:
    unknown = {(c["table"], c["row"]) for c in amlsg.cells if c["reason"] == "unknown-patient"}
    assert Counter(table for table, _ in unknown) == {"karyotype": 37, "variants": 70}


def test_flt3_itd_is_read_from_its_own_file(amlsg: Run) -> None:
    mine = {r["patient"] for r in amlsg.records["Mutation"] if r["concept"] == FLT3_ITD}
    cells = [c for c in amlsg.cells if (c["table"], c["column"]) == ("flt3itd", "FLT3_ITD_status")]
    assert len(cells) == PATIENTS
    assert {c["fate"] for c in cells} == {"loaded"}
    assert len(mine) == sum(c["text"] == "ITD" for c in cells)
    stated = {r["patient"] for r in amlsg.records["Mutation"] for s in r["sources"] if s.startswith("flt3itd:")}
    assert stated == mine


def test_the_clinical_cells_that_differ_are_overruled(amlsg: Run) -> None:
    rows = {
        source.split(":")[1]: r["patient"]
        for r in amlsg.records["Patient"]
        for source in r["sources"]
        if source.startswith("clinical:")
    }
    itd = {r["patient"] for r in amlsg.records["Mutation"] if r["concept"] == FLT3_ITD}
    cells = [c for c in amlsg.cells if (c["table"], c["column"]) == ("clinical", "FLT3_ITD")]
    differing = [c for c in cells if (c["text"] in ("1", "1.0")) != (rows[str(c["row"])] in itd)]
    overruled = [c for c in cells if c["reason"] == "overruled"]
    assert {c["row"] for c in overruled} == {c["row"] for c in differing}
    assert len(overruled) > 0
    assert {c["fate"] for c in overruled} == {"quarantined"}


def test_the_panel_covers_every_patient_and_the_genes_that_occur(amlsg: Run) -> None:
    covers = {p["id"]: set(p["covers"]) for p in amlsg.panels}
    tested = Counter[int]()
    for patient in {t["patient"] for t in amlsg.tested}:
        mine = set().union(*(covers[t["panel"]] for t in amlsg.tested if t["patient"] == patient))
        tested.update(mine & {NPM1, FLT3_ITD})
    assert tested == {NPM1: PATIENTS, FLT3_ITD: PATIENTS}


def test_survival_counts_from_its_clock(amlsg: Run) -> None:
    outcomes = {(c, r["day"] is not None) for r in amlsg.records["Outcome"] for c in [r["concept"]]}
    assert {2100000001, 2100000002, 2100000003} <= {concept for concept, _ in outcomes}
    overall = [r for r in amlsg.records["Outcome"] if r["concept"] == 2100000001]
    assert {r["day"] for r in overall} == {0}
    relapse_free = [r for r in amlsg.records["Outcome"] if r["concept"] == 2100000003]
    assert len({r["day"] for r in relapse_free}) > 10  # the day of remission, not of diagnosis


def test_nothing_is_left_unexplained(amlsg: Run) -> None:
    for row in amlsg.ledger:
        assert row["fate"] == "loaded" or row["fate"] == "missing" or row["reason"], (row["table"], row["column"])
        assert row["rule"]


#: What is of a delivery, not of what it says: ids hold the partner's name (and order treatments that start on one
#: day), mappings name the rows that were used.
OWN = {"id", "dataset", "mappings", "hash", "sequence"}


def content(delivery: Run) -> dict[str, Counter[str]]:
    """Return what the records say; a record that one refers to is named by the cells that it stands on."""
    places = {r["id"]: str(sorted(r["sources"])) for records in delivery.records.values() for r in records}

    def said(name: str, value: object) -> object:
        if name == "delivered_value" and isinstance(value, str):
            return value.removesuffix(".0")
        return places.get(value, value) if isinstance(value, str) else value

    return {
        cls: Counter(str([said(k, v) for k, v in r.items() if k not in OWN]) for r in records)
        for cls, records in delivery.records.items()
    }


def test_the_rdata_file_gives_the_same_records(amlsg: Run, tmp_path: Path) -> None:
    partner = read_partner(BUNDLED / "amlsg_rdata", read_vocabulary(), read_schema())
    found, wanted = content(run(partner, DATA, tmp_path, tolerated=0.1)), content(amlsg)
    numbers = {cls: (found[cls].total(), counts.total()) for cls, counts in wanted.items()}
    assert {cls: both for cls, both in numbers.items() if both[0] != both[1]} == {}
    differing = [cls for cls, counts in wanted.items() if found[cls] != counts]  # names alone: no patient is shown
    assert differing == []
