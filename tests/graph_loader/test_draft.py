"""Looking at a delivery, and the draft that is made of it."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import openpyxl
import pandas as pd
import pyreadstat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from haemony.engine.errors import DeliveryError
from haemony.engine.on_duckdb import DuckDBSession
from haemony.graph_loader.data_dictionary import read_dictionary_file, value_labels
from haemony.graph_loader.delivery import look
from haemony.graph_loader.sniff import encoding_of, sniff
from haemony.mappings.check import check
from haemony.mappings.draft import Draft, draft_partner
from haemony.mappings.header_words import meanings
from haemony.mappings.partner import read_partner
from haemony.mappings.seen import SeenDelivery
from haemony.ontology.schema import read_schema
from haemony.ontology.vocabulary import read_vocabulary

VOCABULARY = read_vocabulary()


@pytest.fixture
def session(tmp_path: Path) -> Iterator[DuckDBSession]:
    with DuckDBSession(tmp_path / "work") as session:
        yield session


def table(path: Path, columns: Mapping[str, Sequence[object]], separator: str = ",", encoding: str = "utf-8") -> Path:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.getvalue().encode(encoding))
    return path


def drafted(seen: SeenDelivery) -> tuple[Draft, dict[tuple[str, str], dict[str, str]]]:
    draft = draft_partner("new", "A new one", seen, VOCABULARY, "2026-01-02")
    rows = csv.DictReader(io.StringIO(draft.files["dictionary.tsv"]), delimiter="\t")
    return draft, {(row["table"], row["variable"]): row for row in rows}


def concepts(draft: Draft) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(draft.files["concepts.sssom.tsv"]), delimiter="\t"))


N = 40
GERMAN = {
    "PatNr": [f"K-{n:03}" for n in range(N)],
    "Nachname": ["Meyer", "Schulz"] * (N // 2),
    "Geburtsdatum": [f"{n % 28 + 1:02}.03.{1940 + n}" for n in range(N)],
    "Geschlecht": ["m", "w"] * (N // 2),
    "Diagnosedatum": [f"{n % 28 + 1:02}.05.2019" for n in range(N)],
    "Hämoglobin (g/dl)": [f"{8 + n / 10:.1f}".replace(".", ",") if n % 5 else "k.A." for n in range(N)],
    "NPM1": ["ja", "nein"] * (N // 2),
    "Bemerkung": ["kurz"] * N,
    "Selten": ["oft"] * (N - 1) + ["Einzelfall"],
}


def test_a_german_table(session: DuckDBSession, tmp_path: Path) -> None:
    table(tmp_path / "in" / "stamm.csv", GERMAN, ";", "latin-1")
    table(tmp_path / "in" / "verlauf.csv", {"PatNr": GERMAN["PatNr"][:9], "Kontakt": ["01.02.2020"] * 9}, ";")
    seen = look(session, tmp_path / "in", VOCABULARY)
    assert [(t.spec.name, t.key, t.rows) for t in seen.tables] == [("stamm", "PatNr", N), ("verlauf", "PatNr", 9)]
    roster = seen.tables[0].spec
    assert (roster.encoding, roster.separator, roster.decimal, roster.missing) == ("latin-1", ";", ",", ("", "k.A."))
    draft, rows = drafted(seen)
    uses = {variable: row["use"] for (name, variable), row in rows.items() if name == "stamm"}
    assert uses == {
        "PatNr": "key", "Nachname": "drop", "Geburtsdatum": "drop", "Geschlecht": "map", "Diagnosedatum": "context",
        "Hämoglobin (g/dl)": "ignore", "NPM1": "ignore", "Bemerkung": "drop", "Selten": "ignore",
    }  # fmt: skip
    assert rows["stamm", "Diagnosedatum"]["format"] == "dd.MM.yyyy"
    assert rows["stamm", "NPM1"]["format"] == "ja|nein"
    hb = rows["stamm", "Hämoglobin (g/dl)"]
    assert (hb["record"], hb["field"], hb["unit"]) == ("Measurement", "value", "g/dL")
    assert "index: {event: diagnosis, date: stamm.Diagnosedatum}" in draft.files["partner.yaml"]


def test_no_rare_or_identifying_text_is_written(session: DuckDBSession, tmp_path: Path) -> None:
    seen = look(session, table(tmp_path / "stamm.csv", GERMAN, ";"), VOCABULARY)
    text = "".join(drafted(seen)[0].files.values())
    assert not [t for t in ("Einzelfall", "Meyer", "K-00", "1941", "kurz") if t in text]
    assert "oft" in text


def test_suggestions_are_automatic_rows(session: DuckDBSession, tmp_path: Path) -> None:
    seen = look(
        session, table(tmp_path / "t.csv", {**GERMAN, "Antwort": ["CR", "PR", "SD", "xx"] * 10}, ";"), VOCABULARY
    )
    rows = {(r["subject_id"] or r["subject_source"], r["subject_label"]): r for r in concepts(drafted(seen)[0])}
    assert rows["new:t.Antwort", "CR"]["object_id"] == "haemony:complete-remission"
    assert (rows["new:t.Antwort", "xx"]["object_id"], rows["new:t.Antwort", "xx"]["object_label"]) == ("", "xx")
    assert rows["new:t.NPM1", "NPM1"]["object_id"].startswith("OMOP:")
    assert {r["mapping_justification"] for r in rows.values()} == {
        "semapv:LexicalMatching",
        "semapv:UnspecifiedMatching",
    }
    assert not any(r["reviewer_id"] for r in rows.values())


def test_spanish_letters_of_the_sexes_wait_for_a_decision(session: DuckDBSession, tmp_path: Path) -> None:
    columns = {"NHC": [f"h{n}" for n in range(N)], "SEXO": ["H", "M"] * (N // 2), "EDAD": range(20, 20 + N)}
    draft, rows = drafted(look(session, table(tmp_path / "t.csv", columns), VOCABULARY))
    assert (rows["t", "SEXO"]["use"], rows["t", "SEXO"]["field"]) == ("ignore", "sex")
    assert (rows["t", "EDAD"]["use"], rows["t", "EDAD"]["unit"]) == ("map", "a")
    assert {r["subject_label"]: r["object_label"] for r in concepts(draft)} == {"H": "MALE", "M": "FEMALE"}


@pytest.mark.parametrize(
    ("dates", "pattern", "doubt"),
    [
        (["2020-01-31", "2021-12-01"], "yyyy-MM-dd", ""),
        (["31/01/2020", "01/02/2020"], "dd/MM/yyyy", ""),
        (["01/31/2020", "01/02/2020"], "MM/dd/yyyy", ""),
        (["01/02/2020", "03/04/2020"], "", "say which"),
        (["01.02.2020", "03.04.2020"], "dd.MM.yyyy", ""),
        (["1.2.2020", "13.4.2020"], "dd.MM.yyyy", ""),
        (["01-Mai-2020", "02-Okt-2020"], "dd-MMM[de]-yyyy", ""),
        (["2020-01-31T08:30:00", "2020-02-01T09:00:00"], "yyyy-MM-ddTHH:mm:ss", ""),
        (["01.02.20", "13.04.19"], "", "two digits"),
        (["03/2020", "12/2019"], "MM/yyyy", ""),
    ],
)
def test_patterns_of_dates(session: DuckDBSession, tmp_path: Path, dates: list[str], pattern: str, doubt: str) -> None:
    columns = {"id": range(N), "seen": dates * (N // 2)}
    seen = look(session, table(tmp_path / "t.csv", columns), VOCABULARY).tables[0].column("seen")
    assert (seen.kind, seen.dates.pattern) == ("date", pattern)
    assert doubt in seen.dates.doubt
    assert bool(seen.dates.doubt) == bool(doubt)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"a;b\n1;2,5\n", ("ascii", ";", '"', 1)),
        (b"a\tb\n'x'\t1\n'y'\t2\n", ("ascii", "\t", "'", 1)),
        ("größe,b\n1,2\n".encode(), ("utf-8", ",", '"', 1)),
        ("größe,b\n1,2\n".encode("latin-1"), ("latin-1", ",", '"', 1)),
        ("größe,b\n1,„x“\n".encode("cp1252"), ("cp1252", ",", '"', 1)),
        ("a,b\n1,2\n".encode("utf-16"), ("utf-16", ",", '"', 1)),
        ("a,b\n1,2\n".encode("utf-16-le"), ("utf-16-le", ",", '"', 1)),
        (b"Report of 2020\n\na|b|c\n1|2|3\n4|5|6\n", ("ascii", "|", '"', 3)),
        (b'a,b\n"x, y",1\n"z",2\n', ("ascii", ",", '"', 1)),
    ],
)
def test_how_a_text_is_written(tmp_path: Path, content: bytes, found: tuple[str, str, str, int]) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    spec = sniff(tmp_path / "t.csv")
    assert spec
    assert (spec.encoding, spec.separator, spec.quote, spec.header_row) == found


def test_what_is_no_table(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(bytes(range(256)) * 9)
    assert encoding_of(tmp_path / "t.csv") is None
    (tmp_path / "u.csv").write_text("one\ntwo\n")
    assert sniff(tmp_path / "u.csv") is None


def test_thousands_and_decimals(session: DuckDBSession, tmp_path: Path) -> None:
    columns = {"id": range(N), "plt": [f"{n + 1}.234,5" for n in range(N)]}
    spec = look(session, table(tmp_path / "t.csv", columns, ";"), VOCABULARY).tables[0].spec
    assert (spec.decimal, spec.thousands) == (",", ".")


def test_a_workbook_of_two_sheets(session: DuckDBSession, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    people, labs = book.create_sheet("people"), book.create_sheet("labs")
    people.append(["Export of 2020"])
    people.append(["subject_id", "sex"])
    labs.append(["subject_id", "test", "result", "unit"])
    for n in range(N):
        people.append([f"p{n}", "mf"[n % 2]])
        labs.append([f"p{n}", ["Hb", "LDH"][n % 2], 10 + n, ["g/dL", "U/L"][n % 2]])
    book.save(tmp_path / "all.xlsx")
    seen = look(session, tmp_path / "all.xlsx", VOCABULARY)
    specs = {t.spec.name: (t.spec.sheet, t.spec.header_row, t.key) for t in seen.tables}
    assert specs == {"all_people": ("people", 2, "subject_id"), "all_labs": ("labs", 1, "subject_id")}
    _, rows = drafted(seen)
    fields = {rows["all_labs", name]["field"]: rows["all_labs", name]["record"] for name in ("test", "result", "unit")}
    assert fields == dict.fromkeys(("concept", "value", "value.unit"), "Measurement#test")


def test_labels_of_spss(session: DuckDBSession, tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": range(N), "q1": [1.0, 2.0] * (N // 2), "q2": [0.0, 1.0] * (N // 2)})
    pyreadstat.write_sav(
        frame, tmp_path / "t.sav", column_labels=["", "Sex", "TP53"],
        variable_value_labels={"q1": {1: "male", 2: "female"}, "q2": {0: "no", 1: "yes"}},
    )  # fmt: skip
    _, rows = drafted(look(session, tmp_path / "t.sav", VOCABULARY))
    assert rows["t", "q1"]["label"] == "Sex"
    assert (rows["t", "q2"]["record"], rows["t", "q2"]["format"]) == ("Mutation", "1|0")


def test_a_dictionary_of_redcap(session: DuckDBSession, tmp_path: Path) -> None:
    table(
        tmp_path / "in" / "fields.csv",
        {
            "Variable / Field Name": ["record_id", "gender", "resp"],
            "Form Name": ["a", "a", "a"],
            "Field Label": ["Record ID", "Gender", "Best response"],
            "Choices, Calculations, OR Slider Labels": ["", "1, Male | 2, Female", "1, CR | 2, PR | 3, SD"],
        },
    )
    columns = {"record_id": range(N), "gender": [1, 2] * (N // 2), "resp": [1, 2] * (N // 2)}
    table(tmp_path / "in" / "data.csv", columns)
    seen = look(session, tmp_path / "in", VOCABULARY)
    assert (seen.dictionaries, len(seen.tables)) == (("fields.csv",), 1)
    draft, rows = drafted(seen)
    assert rows["data", "resp"]["label"] == "Best response"
    meant = {(r["subject_source"], r["subject_label"]): r["object_label"] for r in concepts(draft)}
    assert meant["new:data.gender", "2"] == "FEMALE"
    assert meant["new:data.resp", "3"] == "Stable disease"


PAGE = """<html><table><tr><td>t</td><td>R Documentation</td></tr></table><h3>Format</h3>
<dl><dt><code>id</code></dt><dd><p>subject</p></dd><dt><code>a, b</code></dt><dd><p>0=no, 1=yes</p></dd></dl>
<table><tr><td> hgb:</td><td> haemoglobin </td></tr><tr><td> </td><td>in the blood</td></tr></table></html>"""


def test_a_page_of_r(tmp_path: Path) -> None:
    (tmp_path / "t.html").write_text(PAGE)
    found = read_dictionary_file(tmp_path / "t.html")
    assert found["hgb"].label == "haemoglobin in the blood"
    assert found["a"].codes == found["b"].codes == {"0": "no", "1": "yes"}


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("1 = male; 2 = female", {"1": "male", "2": "female"}),
        ("m: Mann\nw: Frau", {"m": "Mann", "w": "Frau"}),
        ("death: 0=alive at last contact, 1=dead", {"0": "alive at last contact", "1": "dead"}),
        ("F=female, M=male", {"F": "female", "M": "male"}),
        ("age in years", {}),
        ("time, in months", {}),
    ],
)
def test_value_labels(text: str, codes: dict[str, str]) -> None:
    assert value_labels(text) == codes


def test_samples_lead_to_patients(session: DuckDBSession, tmp_path: Path) -> None:
    table(tmp_path / "in" / "people.csv", {"patient_id": range(N), "sex": ["m", "f"] * (N // 2)})
    table(tmp_path / "in" / "samples.csv", {"patient_id": range(N), "sample_id": [f"s{n}" for n in range(N)]})
    table(tmp_path / "in" / "genes.csv", {"sample_id": [f"s{n}" for n in range(N)], "TP53": [0, 1] * (N // 2)})
    table(tmp_path / "in" / "other.csv", {"x": ["a", "b"], "y": ["c", "d"]})
    seen = look(session, tmp_path / "in", VOCABULARY)
    draft, rows = drafted(seen)
    assert "patient: {column: sample_id, through: samples.sample_id}" in draft.files["partner.yaml"]
    assert rows["samples", "sample_id"]["use"] == "key"
    assert list(seen.left_out) == ["other.csv"]
    assert "#   other.csv:" in draft.files["partner.yaml"]


def test_a_delivery_without_patients(session: DuckDBSession, tmp_path: Path) -> None:
    table(tmp_path / "t.csv", {"x": ["a", "a"], "y": ["c", "c"]})
    with pytest.raises(DeliveryError, match="--key"):
        look(session, tmp_path / "t.csv", VOCABULARY)
    seen = look(session, tmp_path / "t.csv", VOCABULARY, key="x")
    assert seen.tables[0].key == "x"


@pytest.mark.parametrize(
    ("header", "meaning"),
    [
        ("date_of_birth", "birth"), ("FECHA_NACIMIENTO", "birth"), ("Année de naissance", "birth"), ("Vorname", "name"),
        ("Apellidos", "name"), ("PLZ", "address"), ("patient_email", "contact"), ("Krankenhaus", "centre"),
        ("Observaciones", "free"), ("Hospital_patient_ID", "key"), ("N° patient", "key"), ("Geschlecht", "sex"),
    ],
)  # fmt: skip
def test_headers_in_four_languages(header: str, meaning: str) -> None:
    assert meaning in meanings(header)


@pytest.mark.parametrize("header", ["Hb", "gene_name", "cause_of_death", "blast_count", "MAIL1", "site_of_biopsy"])
def test_headers_that_point_to_nobody(header: str) -> None:
    assert not meanings(header) & {"name", "birth", "address", "contact", "centre", "free"}


HEADERS = st.sampled_from(
    ["Hb", "WBC (10^9/L)", "NPM1", "sex", "age", "OS", "OSSTAT", "Note\nto self", 'a"b', "x.y z", "Größe", "t(8;21)"]
)
CELLS = st.sampled_from(
    ["1", "0", "", "NA", "1.5", "12", "yes", "no", "CR", "2020-01-02", "03/04/2020", "mal so", "a\tb", "é"]
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(headers=st.lists(HEADERS, min_size=1, max_size=6, unique=True), data=st.data())
def test_every_draft_passes_the_check(
    headers: list[str], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("draft")
    columns: dict[str, Sequence[object]] = {"patient_id": [f"p{n}" for n in range(30)]}
    for name in headers:
        some = data.draw(st.lists(CELLS, min_size=1, max_size=3))
        columns[name] = [some[n % len(some)] for n in range(30)]
    with DuckDBSession(home / "work") as session:
        draft, _ = drafted(look(session, table(home / "t.csv", columns), VOCABULARY))
    folder = home / "mine" / "partners" / "new"
    folder.mkdir(parents=True)
    for name, text in draft.files.items():
        (folder / name).write_text(text, encoding="utf-8")
    assert check(["new"], VOCABULARY, read_schema(), mappings=home / "mine").problems == []
    assert set(read_partner(folder, VOCABULARY, read_schema()).tables) == {"t"}


def test_files_in_archives_and_files_at_fault(session: DuckDBSession, tmp_path: Path) -> None:
    people = {"patient_id": range(N), "hb": [f"{n},5" for n in range(N)]}
    path = table(tmp_path / "people.csv", people, ";")
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        archive.write(path, "a/people.csv")
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(path.read_bytes())[:-9])
    (tmp_path / "odd.xlsx").write_bytes(b"PK\x03\x04 no workbook")
    path.unlink()
    seen = look(session, tmp_path, VOCABULARY)
    spec = seen.tables[0].spec
    assert (spec.file, spec.member, spec.separator, spec.decimal) == ("in.zip", "a/people.csv", ";", ",")
    assert sorted(seen.left_out) == ["cut.csv.gz", "odd.xlsx"]
    assert 'member: "a/people.csv"' in drafted(seen)[0].files["partner.yaml"]


def test_signs_that_may_be_answers_are_not_taken_for_missing(session: DuckDBSession, tmp_path: Path) -> None:
    alleles = ["ACGT"[n % 4] * (n + 1) for n in range(N - 8)] + ["-"] * 8
    table(tmp_path / "in" / "a.csv", {"patient_id": range(N), "ref": alleles})
    table(tmp_path / "in" / "b.csv", {"patient_id": range(N), "hb": [".", *(f"{n}.5" for n in range(N - 1))]})
    missing = {t.spec.name: t.spec.missing for t in look(session, tmp_path / "in", VOCABULARY).tables}
    assert missing == {"a": ("",), "b": ("", ".")}
