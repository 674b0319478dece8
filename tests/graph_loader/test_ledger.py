"""The ledger: whatever is delivered, each cell ends as exactly one thing, and the sums equal the delivery."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from haemony.engine.errors import BuildError
from haemony.engine.on_duckdb import DuckDBSession as Session
from haemony.graph_loader.harmonise import account, harmonise
from haemony.ontology.schema import read_schema
from haemony.ontology.vocabulary import read_vocabulary
from tests.graph_loader.partners import SECRET, Run, Ward, check_ledger
from tests.mappings.partner_files import meaning as means
from tests.mappings.partner_files import row, value

WARD = Ward(
    """
read: {missing: ["", NA]}
patients: clinical
index: {event: diagnosis, date: clinical.Dx}
last_contact: [labs.Date]
tables:
  clinical: {file: clinical.csv, patient: ID, at: index, derive: {twice: "CASE WHEN flag = '1' THEN 'T' || word END"}}
  labs: {file: labs.csv, patient: "upper(ID)", at: Date, split: {drugs: "+"},
         where: {keep: "word <> 'skip' OR word IS NULL", why: said so}}
  sheet: {file: sheet.csv, patient: ID}
  assay: {file: assay.csv, patient: {column: tube, through: sheet.tube}}
panels:
  - {name: p, tested: clinical.flag, covers: [assay.gene, NPM1]}
  - {name: q, tested: "labs: number(value) > 1", covers: "clinical.fl*"}
prefer: {Finding: [labs, clinical]}
""",
    [
        row("clinical", "ID", "key"),
        row("clinical", "Dx", "context", format="dd.MM.yyyy"),
        row("clinical", "flag", record="Finding", field="present", format="1|0|9"),
        row("clinical", "word", record="Finding", field="concept"),
        row("clinical", "value", record="Outcome#os", field="days", unit="d"),
        row("clinical", "twice", record="Finding", field="concept"),
        row("clinical", "note", "ignore", note="free text"),
        row("clinical", "name", "drop", note="a name"),
        row("labs", "ID", "key"),
        row("labs", "Date", "context", format="dd.MM.yyyy"),
        row("labs", "word", record="Measurement#lab", field="concept"),
        row("labs", "value", record="Measurement#lab", field="value"),
        row("labs", "unit", record="Measurement#lab", field="value.unit"),
        row("labs", "flag", record="Finding", field="present", format="1|0"),
        row("labs", "drugs", record="Treatment#t", field="concept"),
        row("labs", "line", record="Response#r", field="concept", of="t"),
        row("sheet", "tube", "key"),
        row("sheet", "ID", "key"),
        row("assay", "tube", "key"),
        row("assay", "gene", record="Mutation#m", field="concept", format="HGNC"),
        row("assay", "cdna", record="Mutation#m", field="hgvs_c"),
        row("assay", "vaf", record="Mutation#m", field="vaf", unit="%"),
    ],
    [
        means("ward:clinical.flag", "haemony:splenomegaly"),
        means("ward:labs.flag", "haemony:splenomegaly"),
        means("ward:clinical.value", "haemony:overall-survival"),
        value("ward:clinical.word", "good", "haemony:trisomy-8"),
        value("ward:clinical.word", "skip", "sssom:NoTermFound"),
        value("ward:clinical.twice", "Tgood", "haemony:complex-karyotype"),
        value("ward:labs.word", "good", "OMOP:3000963"),
        value("ward:labs.drugs", "good", "haemony:azacitidine"),
        value("ward:labs.drugs", "x", "haemony:venetoclax"),
        value("ward:labs.line", "good", "haemony:complete-remission"),
        value("ward:labs.line", "wanted", "", object_label="a concept that somebody should make"),
    ],
)

KEYS = [f"P{i}" for i in range(12)]
POOL = ["", "", " NA ", "good", "skip", "wanted", "x", "1", "1.0", "0", "9", "12.5", "<3", "1,5", "-", "+"]
POOL += ["good+x", "good+bad", 'a "b", c', "line\nbreak", "ü", "   "]
COLUMNS = {
    "clinical": ["ID", "Dx", "flag", "word", "value", "note", "name"],
    "labs": ["ID", "Date", "word", "value", "unit", "flag", "drugs", "line"],
    "sheet": ["tube", "ID"],
    "assay": ["tube", "gene", "cdna", "vaf"],
}
DATES = ["01.01.2020", "3.2.2020", "31.02.2020", "x", ""]
OWN = {
    "ID": [*KEYS, "p1", " P2 ", "Z", ""],
    "tube": ["t1", "t2", "t3", "t4", "t9", ""],
    "Dx": ["01.01.2020", *DATES],
    "Date": DATES,
    "flag": ["1", "0", *POOL],
    "word": ["good", "good", *POOL],
    "value": ["5", "7.5", *POOL],
    "unit": ["g/dL", "mmol/L", "stone", *POOL],
    "gene": ["NPM1", "MLL2", "FLT3", *POOL],
    "cdna": ["c.1A>G", "c.??", *POOL],
}


def quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


def drawn(seed: int) -> dict[str, list[list[str]]]:
    """Return the cells of a delivery: known, unknown and doubled patients, good and bad texts."""
    random = Random(seed)
    delivery = {
        table: [[random.choice(OWN.get(c, POOL)) for c in columns] for _ in range(random.randint(8, 30))]
        for table, columns in COLUMNS.items()
    }
    # A roster of random keys would be all doubles.
    keys = [*random.sample(KEYS, 8), random.choice(KEYS), ""]
    roster = [[key, *(random.choice(OWN.get(c, POOL)) for c in COLUMNS["clinical"][1:])] for key in keys]
    random.shuffle(roster)
    return {**delivery, "clinical": roster, "sheet": [[f"t{i % 5}", random.choice(OWN["ID"])] for i in range(6)]}


def written(delivery: dict[str, list[list[str]]]) -> Ward:
    files: dict[str, str | bytes] = {
        f"{table}.csv": "\n".join(",".join(map(quoted, row_)) for row_ in [COLUMNS[table], *rows]) + "\n"
        for table, rows in delivery.items()
    }
    return Ward(WARD.layout, WARD.dictionary, WARD.concepts, files)


@settings(max_examples=3, deadline=None, derandomize=True, phases=[Phase.generate])
@given(seed=st.integers(0, 2**32))
def test_every_cell_ends_as_exactly_one_thing(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    delivery = drawn(seed)
    result = written(delivery).run(tmp_path_factory.mktemp(f"generated{seed}"))
    check_ledger(result, {table: (len(rows), COLUMNS[table]) for table, rows in delivery.items()})
    for table, rows in delivery.items():
        for number, row_ in enumerate(rows, 2):
            for column, cell in zip(COLUMNS[table], row_, strict=True):
                check_cell(result, table, number, column, cell)


def check_cell(result: Run, table: str, number: int, column: str, cell: str) -> None:
    fate = result.fate(table, number, column)
    if column == "name" or cell.strip() in ("", "NA"):
        assert fate == "missing"  # of a dropped column no single cell is known
    else:
        assert fate.split()[0] in ("loaded", "quarantined", "ignored") or cell in ("9", "+")
        assert fate == "loaded" or fate == "missing" or " " in fate, "a reason is given"


# --- what is tolerated -----------------------------------------------------------------------------------------------

SEX = Ward(
    "patients: clinical\nindex: {event: diagnosis, relative: true}\n"
    "tables:\n  clinical: {file: clinical.csv, patient: ID}\n",
    [
        row("clinical", "ID", "key"),
        row("clinical", "sex", record="Patient", field="sex"),
        row("clinical", "age", record="Patient", field="age", unit="a"),
        row("clinical", "state", record="Diagnosis", field="concept"),
    ],
    [
        value("ward:clinical.sex", "f", "OMOP:8532"),
        value("ward:clinical.state", "AML", "OncoTree:AML"),
        value("ward:clinical.state", "new", "", object_label="a new disease"),
    ],
)


def people(bad_sex: int, bad_age: int, wanted: int, of: int = 20, missing: int = 0) -> Ward:
    rows = [
        (f"p{i}", "?" if i < bad_sex else "f", "" if i >= of - missing else "old" if i < bad_age else str(i))
        for i in range(of)
    ]
    states = ["new" if i < wanted else "AML" for i in range(of)]
    text = "".join(f"{','.join(cells)},{state}\n" for cells, state in zip(rows, states, strict=True))
    return Ward(SEX.layout, SEX.dictionary, SEX.concepts, {"clinical.csv": "ID,sex,age,state\n" + text})


def test_what_is_tolerated(tmp_path: Path) -> None:
    partner, data = people(bad_sex=3, bad_age=2, wanted=20, missing=10).write(tmp_path)
    with Session(tmp_path / "work") as session:
        result = harmonise(session, read_schema(), read_vocabulary(), partner, data, SECRET)
        none = session.table("none", {"id": pa.string(), "reason": pa.string()}, [])

        def refused(tolerated: float) -> list[tuple[str, str]]:
            with pytest.raises(BuildError) as caught:
                account(session, result, none, tolerated)
            assert all(p.advice and "old" not in p.message for p in caught.value.problems)
            return [(p.column, p.message.split(" filled")[0]) for p in caught.value.problems]

        assert refused(0.1) == [("age", "2 of 10"), ("sex", "3 of 20")]  # of the filled cells
        assert refused(0.15) == [("age", "2 of 10")]
        account(session, result, none, 0.2)  # wanted concepts do not count, be they a whole column
