"""Reading: files of every make land as text, broken ones are refused with every fault at once."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from haemony.engine.errors import DeliveryError, HaemonyError, MappingError
from haemony.graph_loader.read import read_secret
from tests.graph_loader.partners import Run, Ward, check_ledger
from tests.mappings.partner_files import row, value

# --- files that are unusual and whole --------------------------------------------------------------------------------

SPLEEN = 2100000123
UMLAUT = "größer"


def body(end: str = "\n", header: str = "ID,spleen") -> str:
    return header + end + f"a,{UMLAUT}{end}" + f"b,nein{end}"


TABLES: dict[str, tuple[str, bytes]] = {
    "latin": ("encoding: latin-1", body().encode("latin-1")),
    "cp": ("encoding: cp1252", body().replace("nein", "“nein”").encode("cp1252")),
    "little": ("encoding: utf-16", body().encode("utf-16")),
    "big": ("encoding: utf-16", "\ufeff".encode("utf-16-be") + body().encode("utf-16-be")),
    "bom": ("encoding: utf-8", body().encode("utf-8-sig")),
    "old_mac": ("encoding: latin-1", body("\r").encode("latin-1")),
    "windows": ("encoding: utf-8", body("\r\n").encode()),
    "no_end": ("encoding: utf-8", body().rstrip().encode()),
    "trailing": ("encoding: utf-8", (body() + "\n\n").encode()),
    "r_short": (r'separator: "\t"', f"ID\tspleen\n1\ta\t{UMLAUT}\n2\tb\tnein\n".encode()),
    "quoted": ("encoding: utf-8", f'"ID","spleen"\n"a","{UMLAUT}"\n"b","say ""no"", or\nnever"\n'.encode()),
    "unquoted": ('quote: ""', f'ID,spleen\na,{UMLAUT}\nb,5" big\n'.encode()),
    "spaced": ("encoding: utf-8", body(header=" ID , spleen ").encode()),
    "wide_key": ("encoding: utf-8", b"ID,spleen\n  a  ,gr\xc3\xb6\xc3\x9fer\nb\t,nein\n"),
}

MAKES = Ward(
    "patients: people\nindex: {event: diagnosis, relative: true}\ntables:\n  people: {file: roster.csv, patient: ID}\n"
    + "".join(f"  {name}: {{file: {name}.csv, patient: ID, {how}}}\n" for name, (how, _) in TABLES.items()),
    [
        row("people", "ID", "key"),
        *(
            cell
            for name in TABLES
            for cell in (row(name, "ID", "key"), row(name, "spleen", record="Finding", field="concept"))
        ),
        row("r_short", "row.names", "ignore", note="a running number"),
    ],
    [
        cell
        for name in TABLES
        for cell in (
            value(f"ward:{name}.spleen", UMLAUT, f"OMOP:{SPLEEN}"),
            value(f"ward:{name}.spleen", "nein", "sssom:NoTermFound"),
            value(f"ward:{name}.spleen", "“nein”", "sssom:NoTermFound"),
            value(f"ward:{name}.spleen", '5" big', "sssom:NoTermFound"),
        )
    ],
    {"roster.csv": "ID\na\nb\n", **{f"{name}.csv": content for name, (_, content) in TABLES.items()}},
)


@pytest.fixture(scope="module")
def makes(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return MAKES.run(tmp_path_factory.mktemp("makes"))


@pytest.mark.parametrize("table", [t for t in TABLES if t != "quoted"])
def test_a_file_of_every_make_is_read(makes: Run, table: str) -> None:
    assert makes.fates(table, "spleen") == {2: "loaded", 3: "ignored no-term-found"}
    assert makes.fates(table, "ID") == {2: "loaded", 3: "loaded"}


def test_a_quoted_cell_may_hold_line_breaks_and_quotes(makes: Run) -> None:
    assert makes.fates("quoted", "spleen") == {2: "loaded", 3: "quarantined unmapped"}
    texts = [c["text"] for c in makes.cells if (c["table"], c["row"], c["column"]) == ("quoted", 3, "spleen")]
    assert texts == ['say "no", or\nnever']


def test_all_files_say_the_same_fact(makes: Run) -> None:
    finding = makes.one("Finding", "p2")
    assert {s.split(":")[0] for s in finding["sources"]} == set(TABLES)
    assert makes.of("Finding", "p3") == []


def test_the_ledger_adds_up(makes: Run) -> None:
    columns = {name: (2, ["ID", "spleen"]) for name in TABLES} | {"people": (2, ["ID"])}
    check_ledger(makes, columns | {"r_short": (2, ["row.names", "ID", "spleen"])})


# --- files that are broken -------------------------------------------------------------------------------------------

SECRET_TEXT = "Mustermann-4711"


def broken(**files: str | bytes) -> Ward:
    names = [*files]
    return Ward(
        "patients: people\nindex: {event: diagnosis, relative: true}\n"
        "tables:\n  people: {file: roster.csv, patient: ID}\n"
        + "".join(f"  {name}: {{file: {name}.csv, patient: ID}}\n" for name in names),
        [
            row("people", "ID", "key"),
            *(
                cell
                for name in names
                for cell in (
                    row(name, "ID", "key"),
                    row(name, "name", "drop", note="a name"),
                    row(name, "x", "context"),
                )
            ),
        ],
        files={"roster.csv": "ID\na\nb\n", **{f"{name}.csv": text for name, text in files.items()}},
    )


def problems(tmp_path: Path, ward: Ward, kind: type[HaemonyError] = DeliveryError) -> list[str]:
    with pytest.raises(kind) as caught:
        ward.run(tmp_path)
    assert SECRET_TEXT not in str(caught.value)
    return [str(p) for p in caught.value.problems]


def test_headers_at_fault_are_listed_at_once(tmp_path: Path) -> None:
    ward = broken(
        empty="",
        blank="\n",
        twice="ID,name,x,x\na,b,c,d\n",
        utf16="ID,name,x\na,b,c\n".encode("utf-16"),
        gone="ID,name,x\n",
    )
    partner, data = ward.write(tmp_path)
    (data / "gone.csv").unlink()
    with pytest.raises(DeliveryError) as caught:
        from tests.graph_loader.partners import run

        run(partner, data, tmp_path / "work")
    found = {p.file: p.message for p in caught.value.problems}
    assert "empty" in found["empty.csv"]
    assert "empty" in found["blank.csv"]
    assert "columns 3 and 4 have the same name" in found["twice.csv"]
    assert "utf-8" in found["utf16.csv"]
    assert "missing" in found["gone.csv"]
    assert all(p.advice for p in caught.value.problems)


def test_rows_at_fault_are_listed_at_once_without_their_text(tmp_path: Path) -> None:
    name = SECRET_TEXT
    found = problems(
        tmp_path,
        broken(
            cut=f"ID,name,x\na,{name},1\nb,{name}",
            wide=f"ID,name,x\na,{name},1\nb,{name},1,2\n",
            quote=f'ID,name,x\na,{name},1\nb,"{name},1\n',
            none="ID,name,x\n",
            latin=f"ID,name,x\na,{name},gr\u00f6\u00dfer\n".encode("latin-1"),
        ),
    )
    places = {p.split(":")[0] for p in found}
    assert {"cut.csv", "wide.csv", "quote.csv", "latin.csv", "none.csv"} == places
    assert any(p.startswith("cut.csv:3") for p in found)
    assert any(p.startswith("wide.csv:3") for p in found)
    assert any("quotation mark" in p for p in found)
    assert any("encoding" in p or "not utf-8" in p for p in found)


def test_columns_at_fault_are_listed_at_once(tmp_path: Path) -> None:
    found = problems(tmp_path, broken(more="ID,name,x,y\na,b,c,d\n", fewer="ID,x\na,c\n"), MappingError)
    assert len(found) == 2
    assert any(p.startswith("more.csv:1:y") for p in found)
    assert any("fewer.csv has no column 'name'" in p for p in found)


def test_faults_of_files_and_columns_are_listed_at_once(tmp_path: Path) -> None:
    ward = broken(empty="", fewer="ID,x\na,c\n", cut="ID,name,x\na,b")
    found = problems(tmp_path, ward, HaemonyError)
    assert {"empty", "fewer", "cut"} <= {part for p in found for part in ("empty", "fewer", "cut") if part in p}


def test_a_header_without_a_name_is_a_fault_and_no_traceback(tmp_path: Path) -> None:
    problems(tmp_path, broken(nameless=",name,x\na,b,c\n"), HaemonyError)


def test_names_that_differ_in_case_are_two_columns_or_a_fault(tmp_path: Path) -> None:
    ward = broken(case="ID,name,x\na,b,c\n")
    more = Ward(
        ward.layout,
        [*ward.dictionary, row("case", "X", "context")],
        (),
        {**ward.files, "case.csv": "ID,name,x,X\na,b,c,d\n"},
    )
    try:
        result = more.run(tmp_path)
    except HaemonyError as error:
        assert "case.csv" in str(error)
    else:
        assert {r["column"] for r in result.ledger if r["table"] == "case"} == {"ID", "name", "x", "X"}


def test_a_header_that_stands_again_among_the_rows_makes_no_patient(tmp_path: Path) -> None:
    ward = broken(fine="ID,name,x\na,b,c\n")
    twice = Ward(ward.layout, ward.dictionary, (), {**ward.files, "roster.csv": "ID\na\nID\nb\n"})
    try:
        result = twice.run(tmp_path)
    except DeliveryError as error:
        assert "roster.csv:3" in str(error)
    else:
        assert len(result.records["Patient"]) == 2


@pytest.mark.parametrize(
    "text", ["ID,name,x\na,b,1\r\nb,c,2\n", "ID,name,x\r\na,b,1\nb,c,2\r\n", "ID,name,x\na,b,1\rb,c,2\n"]
)
def test_mixed_line_ends_are_read_or_refused(tmp_path: Path, text: str) -> None:
    ward = broken(mixed=text.replace("b,1", f"{SECRET_TEXT},1"))
    try:
        result = ward.run(tmp_path)
    except DeliveryError as error:
        assert "mixed.csv" in str(error)
        assert SECRET_TEXT not in str(error)
    else:
        assert [r["cells"] for r in result.ledger if (r["table"], r["column"]) == ("mixed", "name")] == [2]


def test_an_empty_line_is_no_row_and_not_counted(tmp_path: Path) -> None:
    result = broken(gap="ID,name,x\na,b,1\n\nb,c,2\n").run(tmp_path)
    assert set(result.fates("gap", "ID")) == {2, 3}


def test_an_empty_roster_stops(tmp_path: Path) -> None:
    ward = broken(fine="ID,name,x\na,b,c\n")
    found = problems(tmp_path, Ward(ward.layout, ward.dictionary, (), {**ward.files, "roster.csv": "ID\n"}))
    assert [p.split(":")[0] for p in found] == ["roster.csv"]


def test_broken_files_of_a_partner_stop_before_any_data_is_read(tmp_path: Path) -> None:
    ward = Ward("tables: {a: [", [], ())
    found = problems(tmp_path, ward, MappingError)
    assert any("partner.yaml" in p and "YAML" in p for p in found)


# --- the secret ------------------------------------------------------------------------------------------------------


def test_the_secret_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "settings" / "secret"
    secret = read_secret(path)
    assert len(secret) == 64
    assert read_secret(path) == secret
    assert read_secret(tmp_path / "other") != secret
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
